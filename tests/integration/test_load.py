"""Many hosts read while sets are published and gone back to: none sees a broken set; and what would break it is seen."""

import itertools
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import requests

from tproxy_rpms.publish.client import CURRENT
from tproxy_rpms.publish.snapshots import publish_snapshot, read_catalogue, roll_back
from tproxy_rpms.release.model import Publishing

from .reader import MixedError, Offered, Reader, list_offered
from .servers import serve_by_nginx
from .site import Site, make_site

ARCH = "x86_64"
READERS = 50
MOVES = 20


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A site, sets that it may publish, and what of them hosts may see."""

    site: Site
    trees: tuple[Path, ...]
    published: dict[bytes, Offered]

    def publish(self, tree: Path, publishing: Publishing | None = None) -> None:
        """Publish one of the sets."""
        publish_snapshot(self.site.place, tree, publishing or self.site.publishing)

    def make_reader(self, **options: object) -> Reader:
        """A host of this site."""
        return Reader(
            url=self.site.release.url, arch=ARCH, published=self.published, session=requests.Session(), **options
        )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Five sets. The same package is another one in each of them, and so is its version in some."""
    folder = tmp_path_factory.mktemp("load")
    with serve_by_nginx(folder / "www", tmp_path_factory.mktemp("nginx")) as url:
        site = make_site(folder, url=url)
        site.release = replace(site.release, target=replace(site.release.target, repo_compress="gz"))
        sets = (("1",), ("2",), ("1", "2"), ("3",), ("2", "3"))
        trees = tuple(site.compose(*versions, name=f"tree-{number}") for number, versions in enumerate(sets))
        yield Stage(site=site, trees=trees, published=dict(list_offered(tree, ARCH) for tree in trees))


@dataclass
class Log:
    """What the readers have seen: every set, how many readings outlasted a move, and what was wrong."""

    sets: list[bytes] = field(default_factory=list)
    outlasted: int = 0
    wrong: list[str] = field(default_factory=list)
    moves: int = 0
    over: threading.Event = field(default_factory=threading.Event)


def read_on(reader: Reader, log: Log) -> int:
    """Read until it is over, and return how often."""
    for count in itertools.count():
        before = log.moves
        if log.over.is_set():
            return count
        try:
            log.sets.append(reader.read_set())
        except (MixedError, requests.RequestException) as error:
            log.wrong.append(str(error))
        log.outlasted += log.moves != before
    raise AssertionError


def move_about(stage: Stage, log: Log, publishing: Publishing) -> int:
    """Publish and go back, and return how many snapshots were removed and made again meanwhile."""
    chance, removed = random.Random(2630), 0
    known: set[str] = set()
    for number in range(MOVES):
        if number % 4 == 3:
            roll_back(stage.site.place, stage.site.key)
        else:
            tree = stage.trees[(number - number // 4) % len(stage.trees)]
            stage.publish(tree, publishing)
        log.moves += 1
        present = {one.id for one in read_catalogue(stage.site.place).snapshots}
        removed, known = removed + len(known - present), present
        time.sleep(chance.uniform(0, 0.5))
    return removed


def test_no_reader_ever_sees_a_broken_set(stage: Stage) -> None:
    # Minutes are long here: what is not served any more stays for six seconds, and a reading takes less than one.
    publishing = replace(stage.site.publishing, keep=2, grace=0.1)  # type: ignore[arg-type]
    stage.publish(stage.trees[-1], publishing)
    log = Log()
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read_on, stage.make_reader(), log) for _ in range(READERS)]
        try:
            removed = move_about(stage, log, publishing)
        finally:
            log.over.set()
        counts = [one.result() for one in readers]
    print(f"{sum(counts)} readings, {min(counts)} to {max(counts)} a reader; {log.outlasted} outlasted a move; {removed} removed")
    assert log.wrong == []
    assert min(counts) > 0
    assert set(log.sets) == set(stage.published)
    assert log.outlasted > 0
    assert removed > 0


def by_mirrors(stage: Stage) -> None:
    """Nothing is wrong: what one begins with stays while it reads, though more is published than is kept."""
    sets = itertools.cycle(stage.trees)
    stage.make_reader(pause=lambda: stage.publish(next(sets), replace(stage.site.publishing, keep=1, grace=1))).read_set()


def by_the_moving_name(stage: Stage) -> None:
    """Every file is asked for below `current`."""
    sets = itertools.cycle(stage.trees)
    stage.make_reader(mirrors=False, pause=lambda: stage.publish(next(sets))).read_set()


def without_grace(stage: Stage) -> None:
    """What is not served any more is removed at once."""
    sets = itertools.cycle(stage.trees)
    stage.make_reader(pause=lambda: stage.publish(next(sets), replace(stage.site.publishing, keep=1, grace=0))).read_set()


def in_place(stage: Stage) -> None:
    """A served folder becomes another set, file by file, as by rsync straight to what is served."""
    sets = itertools.cycle(stage.trees)

    def replace_files() -> None:
        served = (stage.site.folder / CURRENT).resolve()
        subprocess.run(["rsync", "--recursive", "--delete", "--checksum", f"{next(sets)}/", f"{served}/"], check=True)

    stage.make_reader(pause=replace_files).read_set()


def test_a_reading_is_of_one_set_whatever_is_published_meanwhile(stage: Stage) -> None:
    stage.publish(stage.trees[-1])
    by_mirrors(stage)


BROKEN = {
    by_the_moving_name: "repomd.xml.asc belongs to another set",
    without_grace: "repomd.xml: status 404",
    in_place: "repomd.xml.asc belongs to another set",
}


@pytest.mark.parametrize("way", BROKEN, ids=lambda way: way.__name__)
def test_what_breaks_a_reading_is_seen(way: Callable[[Stage], None], stage: Stage) -> None:
    stage.publish(stage.trees[-1])
    with pytest.raises(MixedError, match=BROKEN[way]):
        way(stage)
