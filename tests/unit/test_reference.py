"""The reference: every key that the reader takes and every error is in it, and what it says of them is so."""

import ast
import importlib
import pkgutil
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tproxy_rpms
from tproxy_rpms.errors import BuildError, HostError, TproxyError, UserError
from tproxy_rpms.reference.__main__ import render_reference
from tproxy_rpms.reference.failure import CURES, list_failures, render_failures
from tproxy_rpms.reference.keys import RELEASE_TABLES, TARGET_TABLES, Key, list_keys, render_keys
from tproxy_rpms.release.load import BUILDERS, HINT, check_own_keys
from tproxy_rpms.release.model import Limits, Release, Source
from tproxy_rpms.release.read import read_release, read_target
from tproxy_rpms.release.table import Table

from ..conftest import ROOT, make_target

INNER = {"limits", "signing", "publishing", "acceptance", "koji"}


class Asked(Table):
    """A table that has every table that is asked of it, all empty, and notes which keys are asked of each."""

    def __init__(self, path: str = "", tables: "dict[str, Asked] | None" = None, problems: list[str] | None = None) -> None:
        super().__init__({}, file=Path("f.toml"), problems=[] if problems is None else problems, path=path)
        self.tables_asked = {} if tables is None else tables
        self.tables_asked[path] = self

    def table(self, name: str) -> "Asked | None":
        self.known.add(name)
        # One more signer below [signing.modern] is read, and refused: without an end there.
        return None if self.path == "signing.modern" else Asked(self.key(name), self.tables_asked, self.problems)

    def tables(self, name: str) -> Iterator[tuple[str, Table]]:
        self.known.add(name)
        yield "NAME", Asked(f"{name}.NAME", self.tables_asked, self.problems)


def read_empty_release() -> Asked:
    table = Asked()
    check_own_keys(Path("f.toml"), {}, table.problems)
    read_release(table, name="f", files=(), target=make_target(), target_file=Path("t.toml"), root=Path(), builders=BUILDERS)
    return table


def read_empty_target() -> Asked:
    table = Asked()
    check_own_keys(Path("f.toml"), {}, table.problems)
    read_target(table, name="t")
    return table


@dataclass(frozen=True)
class File:
    read: Asked
    tables: dict[str, type]


FILES = {
    "release": File(read_empty_release(), dict(RELEASE_TABLES)),
    "target": File(read_empty_target(), dict(TARGET_TABLES)),
}
CASES = [(kind, path) for kind, file in FILES.items() for path in file.tables]


@pytest.mark.parametrize(("kind", "path"), CASES)
def test_every_key_that_the_reader_takes_is_in_the_reference_and_no_other(kind: str, path: str) -> None:
    file = FILES[kind]
    asked = file.read.tables_asked[path].known | ({"schema", "extends", "remove"} if kind == "release" and not path else set())
    # Only asked for if it is there, so that an empty one is refused.
    asked |= {"digest"} if path.startswith("signing") else set()
    assert {key.name for key in list_keys(file.tables[path])} == asked


def test_every_table_that_the_reader_asks_for_is_in_the_reference() -> None:
    free = {"libdir", "names", "traits", "limits.sources"}  # their keys are the user's
    for file in FILES.values():
        assert file.read.tables_asked.keys() - free == file.tables.keys()


@pytest.mark.parametrize(("kind", "path"), CASES)
def test_what_the_reader_misses_is_required(kind: str, path: str) -> None:
    file = FILES[kind]
    prefix = f"{path}." if path else ""
    missed = {
        key.partition(": missing")[0] for key in (line.partition(": ")[2] for line in file.read.problems) if ": missing" in key
    }
    wanted = {key.name for key in list_keys(file.tables[path]) if key.default.startswith("required")}
    # The table of tables is there in this test. An archive is, too, which takes the place of what a source must have.
    wanted -= {"packages"} if not path else {"version", "urls", "sha256"} if path == "sources.NAME" else set()
    wanted -= {"target"} if kind == "release" and not path else set()  # asked for by another part of the reader
    assert wanted == {
        key.removeprefix(prefix) for key in missed if key.startswith(prefix) and "." not in key.removeprefix(prefix)
    }


def test_a_source_without_archive_wants_what_the_reference_says() -> None:
    from tproxy_rpms.release.read import read_source

    table = Table({}, file=Path("f.toml"), problems=[])
    read_source("a", table)
    missed = {line.split(": ")[1] for line in table.problems if ": missing" in line}
    assert missed == {key.name for key in list_keys(Source) if key.default == "required without `archive`"}


@pytest.mark.parametrize("kind", [Release, *RELEASE_TABLES.values(), *TARGET_TABLES.values()])
def test_every_key_says_what_it_is_in_one_line_of_a_table(kind: type) -> None:
    for key in list_keys(kind):
        assert key.text.strip() and "\n" not in key.text and "|" not in key.text, key
        assert key.kind and key.default and not key.default.endswith("."), key


def test_what_a_field_says_becomes_a_row() -> None:
    keys = {key.name: key for key in list_keys(Source)}
    assert keys["limit"] == Key(name="limit", kind="a whole number", default="512 MiB", text="the most bytes that a fetch takes.")
    assert keys["md5"].kind == "32 hex digits"
    assert "name" not in keys
    assert render_keys([keys["limit"]]).splitlines()[-1] == (
        "| `limit` | a whole number | 512 MiB | the most bytes that a fetch takes. |"
    )
    assert {key.name: key.default for key in list_keys(Limits)}["sources"] == "none"


def test_a_field_without_a_word_on_it_is_refused() -> None:
    @dataclass(frozen=True)
    class Silent:
        """A table.

        Fields:
            one: is told.
        """

        one: str
        two: str

    with pytest.raises(ValueError, match=r"Silent\.two"):
        list_keys(Silent)


def import_all() -> None:
    """Import every module, so that every error is known."""
    for module in pkgutil.walk_packages(tproxy_rpms.__path__, "tproxy_rpms."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def list_classes(parent: type[TproxyError]) -> Iterator[type[TproxyError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from list_classes(kind)


def test_every_error_has_an_exit_code_of_its_own_or_its_parents_and_a_cure() -> None:
    import_all()
    classes = [kind for kind in list_classes(TproxyError) if kind.__module__.startswith("tproxy_rpms.")]
    owners = [kind for kind in classes if "exit_code" in kind.__dict__]
    codes = [kind.exit_code for kind in owners]
    assert len(codes) == len(set(codes)) and 1 not in codes and all(10 <= code < 40 for code in codes)
    assert all("exit_code" in kind.__dict__ for kind in classes if kind.__module__ == "tproxy_rpms.errors")
    assert {failure.name for failure in list_failures()} == {kind.__name__ for kind in owners}
    for failure in list_failures():
        assert len(failure.cure) > 20 and len(failure.text) > 10, f"{failure.name}: no cure, or no docstring"
    assert all(kind in owners for kind in CURES)


@pytest.mark.parametrize(("family", "tens"), [(UserError, 1), (BuildError, 2), (HostError, 3)])
def test_an_exit_code_says_whose_turn_it_is(family: type[TproxyError], tens: int) -> None:
    import_all()
    codes = {kind.__name__: kind.exit_code for kind in list_classes(family) if kind.__module__.startswith("tproxy_rpms.")}
    assert codes and [name for name, code in codes.items() if code // 10 != tens] == []


def test_links_of_cures_lead_to_pages() -> None:
    import re

    links = re.findall(r"\]\(([^)#]+)", render_failures(list_failures()))
    assert links and [link for link in links if not (ROOT / "docs" / link).is_file()] == []


def test_the_whole_reference_is_text_for_a_terminal_too() -> None:
    text = render_reference()
    assert "## `[sources.NAME.signature]` of a release file" in text
    assert "| 11 | `ReleaseError` |" in text


def test_what_the_hint_of_a_release_names_prints_the_keys() -> None:
    command = shlex.split(HINT.partition(": ")[2])
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "`revision`" in printed


def test_nothing_that_only_a_checkout_has_is_named_to_somebody_with_a_wheel() -> None:
    package = ROOT / "tproxy_rpms"
    # The builders' hints and the doctor's tell apart themselves, or say that Fedora's `./run` does it.
    files = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ("builders", "doctor")]
    texts = [node.value for path in files for node in list_texts(path)]
    assert len(texts) > 1000
    assert [text for text in texts if re.search(r"\./run (doit|tproxy-rpms|python -m tproxy_rpms)", text)] == []
    hints = [text for text in texts if "docs/" in text and "docs/manual/" not in text]
    assert hints == []


def list_texts(path: Path) -> Iterator[ast.Constant]:
    """Yield the texts of a module, those of f-strings too, but no docstrings."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    yield from (
        one for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in docs
    )
