"""Two RPMs of one name compared: identical, equivalent, or different, and every difference with its cause.

The payload's bytes and every tag of both headers are compared as they lie in the files, which are only read. `tags.EXCUSED` is
the list of what equivalent RPMs may differ in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import starmap
from pathlib import Path

from tproxy_rpms.gates.blob import Blob
from tproxy_rpms.repro.clue import Swap, find_clues, make_swaps
from tproxy_rpms.repro.content import explain_content
from tproxy_rpms.repro.excuse import has_form, holds
from tproxy_rpms.repro.package import CHUNK, Header, RpmFile, count_again, list_paths, read_rpm
from tproxy_rpms.repro.payload import compare_archives, read_files, wraps_nothing_else
from tproxy_rpms.repro.show import show_attribute, show_tag
from tproxy_rpms.repro.tags import (
    COMPRESSION,
    DIGEST_ALGORITHM,
    FILEDEVICES,
    FILEDIGESTS,
    FILEINODES,
    FOLLOWS_FILES,
    FOLLOWS_TAGS,
    PATHS,
    PER_FILE,
    SIGNATURE_FOLLOWS_FILES,
    Where,
    find_excuse,
    name_tag,
)
from tproxy_rpms.repro.verdict import Comparison, Difference, Surroundings, Verdict
from tproxy_rpms.store import digest_file

# What is told of contents that are on neither side.
UNSEEN = "too large to look into, or no content"


def compare_sets(
    first: Sequence[Path], second: Sequence[Path], *, surroundings: tuple[Surroundings, Surroundings]
) -> tuple[Comparison, ...]:
    """Return a comparison for every file name of either set; a file that is in one set alone is different."""
    ours, theirs = ({path.name: path for path in paths} for paths in (first, second))
    return tuple(compare_named(name, ours.get(name), theirs.get(name), surroundings) for name in sorted(ours | theirs))


def compare_named(
    name: str, first: Path | None, second: Path | None, surroundings: tuple[Surroundings, Surroundings]
) -> Comparison:
    """Return the comparison of two files of a name, one of which may be missing."""
    if first and second:
        return compare_rpms(first, second, surroundings=surroundings)
    digests = [digest_file(path) if path else "" for path in (first, second)]
    side = "first" if first else "second"
    missing = Difference(kind="file", place=name, cause="missing", first=f"in the {side} set alone")
    return Comparison(file=name, verdict="different", first=digests[0], second=digests[1], differences=(missing,))


def compare_rpms(first: Path, second: Path, *, surroundings: tuple[Surroundings, Surroundings]) -> Comparison:
    """Return the comparison of two RPMs or SRPMs.

    Args:
        surroundings: what is known of both builds, to name causes with.

    Raises BuildError for a file that is no whole RPM.
    """
    pair = Pair(first=read_rpm(first), second=read_rpm(second), swaps=make_swaps(*surroundings))
    digests = digest_file(first), digest_file(second)
    differences = () if digests[0] == digests[1] else tuple(pair.compare())
    excused = all(difference.excused for difference in differences)
    verdict: Verdict = "identical" if digests[0] == digests[1] else "equivalent" if excused and differences else "different"
    return Comparison(file=first.name, verdict=verdict, first=digests[0], second=digests[1], differences=differences)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two RPMs, and what of their builds' surroundings to look for."""

    first: RpmFile
    second: RpmFile
    swaps: tuple[Swap, ...]

    def compare(self) -> Iterator[Difference]:
        """Yield all differences; what can only be a consequence comes after what it may follow from."""
        told = list(self.compare_layout())
        files = list(self.compare_files()) if self.payloads_differ or self.file_tags_differ else []
        told += files
        if self.payloads_differ:
            told += self.explain_payload(files)
        told += self.compare_signatures(changed=bool(told))
        told += self.compare_tags(changed=any(not difference.excused for difference in told))
        yield from told or [Difference(kind="tag", place="the file", cause="content")]

    @property
    def headers(self) -> tuple[Header, Header]:
        """The headers of both."""
        return self.first.header, self.second.header

    @property
    def blobs(self) -> tuple[Blob, Blob]:
        """The headers of both, read."""
        return self.first.header.blob, self.second.header.blob

    @cached_property
    def payloads_differ(self) -> bool:
        """Whether the payloads' bytes differ as they lie in the files."""
        if self.first.size != self.second.size:
            return True
        with self.first.path.open("rb") as ours, self.second.path.open("rb") as theirs:
            ours.seek(self.first.payload_at)
            theirs.seek(self.second.payload_at)
            while piece := ours.read(CHUNK):
                if piece != theirs.read(CHUNK):
                    return True
        return False

    @property
    def file_tags_differ(self) -> bool:
        """Whether a tag with one value a file differs."""
        ours, theirs = self.headers
        return any(ours.values.get(tag) != theirs.values.get(tag) for tag in (*PER_FILE, *PATHS))

    @cached_property
    def same_links(self) -> bool:
        """Whether both have the same files under the same numbers of inode and device, whatever the numbers are.

        Only headers that have other numbers, as an rpm before 4.10 leaves them, say so of the archive, too.
        """
        if all(self.first.header.values.get(tag) == self.second.header.values.get(tag) for tag in (FILEDEVICES, FILEINODES)):
            return False
        groups = []
        for blob in self.blobs:
            if len(blob.numbers(FILEDEVICES)) != len(blob.numbers(FILEINODES)):
                return False
            firsts: dict[tuple[int, int], int] = {}
            numbers = zip(blob.numbers(FILEDEVICES), blob.numbers(FILEINODES), strict=True)
            groups.append([firsts.setdefault(number, index) for index, number in enumerate(numbers)])
        return groups[0] == groups[1]

    def compare_layout(self) -> Iterator[Difference]:
        """Yield differences of what belongs to no tag."""
        if self.first.lead != self.second.lead:
            yield Difference(kind="tag", place="lead", cause="tag", first=self.first.lead.hex(), second=self.second.lead.hex())
        for rpm_file in (self.first, self.second):
            if rpm_file.padding.strip(b"\0"):
                yield Difference(kind="tag", place="padding", cause="tag", first=rpm_file.padding.hex())
        ours, theirs = self.headers
        if ours.slack != theirs.slack or self.first.signature.slack or self.second.signature.slack:
            yield Difference(kind="tag", place="bytes of no tag", cause="tag")
        common = set(ours.order) & set(theirs.order)
        if [tag for tag in ours.order if tag in common] != [tag for tag in theirs.order if tag in common]:
            yield Difference(kind="tag", place="the order of tags", cause="tag")

    def compare_signatures(self, *, changed: bool) -> Iterator[Difference]:
        """Yield differences of the signature headers. `changed`: whether something else differs that these follow from."""
        ours, theirs = self.first.signature, self.second.signature
        counted = [count_again(rpm_file) for rpm_file in (self.first, self.second)]
        for tag in sorted(ours.values.keys() | theirs.values.keys()):
            values = [header.values.get(tag, ()) for header in (ours, theirs)]
            excuse = find_excuse(tag, "signature header")
            good = excuse is not None and all(starmap(partial(holds, excuse), zip(values, counted, strict=True)))
            # The same digest of two files that differ is a lie of one of them.
            if values[0] == values[1] and (excuse is None or excuse.check != "counted" or good):
                continue
            cause = excuse.cause if excuse and good else "consequence" if changed and tag in SIGNATURE_FOLLOWS_FILES else "tag"
            yield self.tell_tag(tag, "signature header", cause=cause, excused=good)

    def compare_tags(self, *, changed: bool) -> Iterator[Difference]:
        """Yield differences of the headers' tags but for those that have been told per file."""
        ours, theirs = self.headers
        tags = ours.values.keys() | theirs.values.keys()
        others = ours.values.keys() != theirs.values.keys()
        for tag in sorted(tag for tag in tags if ours.values.get(tag) != theirs.values.get(tag)):
            excuse = find_excuse(tag, "header")
            sides = [header.values.get(tag, ()) for header in self.headers]
            if (
                excuse
                and all(len(side) == 1 and has_form(excuse, side[0]) for side in sides)
                and (excuse.check != "links" or self.same_links)
            ):
                yield self.tell_tag(tag, "header", cause=excuse.cause, excused=True)
            elif tag in COMPRESSION:
                yield self.tell_tag(tag, "header", cause="compression")
            else:
                follows = (changed and (tag in FOLLOWS_FILES or tag in PER_FILE)) or (tag in FOLLOWS_TAGS and others)
                yield self.tell_tag(tag, "header", cause="consequence" if follows else self.find_cause(tag))

    def find_cause(self, tag: int) -> str:
        """Return what of the surroundings makes a tag's texts differ, or "tag"."""
        texts = ["\n".join(blob.texts(tag)).encode() for blob in self.blobs]
        clues, whole = find_clues(texts[0], texts[1], self.swaps) if all(texts) else ((), False)
        return clues[0].cause if len(clues) == 1 and whole else "tag"

    def tell_tag(self, tag: int, where: Where, *, cause: str, excused: bool = False) -> Difference:
        """Return the difference of a tag."""
        blobs = self.blobs if where == "header" else (self.first.signature.blob, self.second.signature.blob)
        first, second = (show_tag(blob, tag) for blob in blobs)
        return Difference(kind="tag", place=name_tag(tag, where), cause=cause, first=first, second=second, excused=excused)

    def compare_files(self) -> Iterator[Difference]:
        """Yield differences of the files: which there are, in what order, their attributes and contents."""
        names = [list_paths(header) for header in self.headers]
        for side, mine, others in (("first", names[0], names[1]), ("second", names[1], names[0])):
            for name in sorted(set(mine).difference(others)):
                yield Difference(kind="file", place=name, cause="missing", first=f"in the {side} alone")
        sets = set(names[0]), set(names[1])
        common = [name for name in names[0] if name in sets[1]]
        moved = next((pair for pair in zip(*names, strict=False) if pair[0] != pair[1]), None)
        if moved and sets[0] == sets[1]:
            yield Difference(kind="file", place="the payload", cause="archive order", first=moved[0], second=moved[1])
        yield from self.compare_attributes(common)
        yield from self.compare_contents(self.list_changed(common))

    def table(self, tag: int) -> tuple[dict[str, str], dict[str, str]]:
        """Return path → the value of a per-file tag for both."""
        tables = []
        for header in self.headers:
            values = header.blob.texts(tag) or header.blob.numbers(tag)
            tables.append({name: str(value) for name, value in zip(list_paths(header), values, strict=False)})
        return tables[0], tables[1]

    def compare_attributes(self, common: Sequence[str]) -> Iterator[Difference]:
        """Yield differing attributes of the files that both have."""
        for tag, (_, cause) in PER_FILE.items():
            ours, theirs = self.table(tag)
            if not cause or ours == theirs:
                continue
            for name in common:
                first, second = ours.get(name, ""), theirs.get(name, "")
                if first != second:
                    place = name if cause != "tag" else f"{name} ({PER_FILE[tag][0]})"
                    shown = show_attribute(tag, first), show_attribute(tag, second)
                    yield Difference(kind="file", place=place, cause=cause, first=shown[0], second=shown[1])

    def list_changed(self, common: Sequence[str]) -> list[str]:
        """Return the files whose digest or size differs; all files where the digests cannot be compared."""
        if self.blobs[0].numbers(DIGEST_ALGORITHM) != self.blobs[1].numbers(DIGEST_ALGORITHM):
            return list(common)
        tables = [self.table(tag) for tag, (_, cause) in PER_FILE.items() if not cause or tag == FILEDIGESTS]
        return [name for name in common if any(ours.get(name) != theirs.get(name) for ours, theirs in tables)]

    def compare_contents(self, changed: Sequence[str]) -> Iterator[Difference]:
        """Yield why the contents of some files differ."""
        if not changed:
            return
        ours, theirs = (read_files(rpm_file.path, set(changed)) for rpm_file in (self.first, self.second))
        for name in changed:
            if name in ours and name in theirs:
                yield from explain_content(ours[name], theirs[name], place=name, swaps=self.swaps)
            elif self.blobs[0].numbers(DIGEST_ALGORITHM) == self.blobs[1].numbers(DIGEST_ALGORITHM):
                what = "one has no content, or is too large to look into" if name in ours or name in theirs else UNSEEN
                yield Difference(kind="file", place=name, cause="content", first=what)

    def explain_payload(self, files: Sequence[Difference]) -> Iterator[Difference]:
        """Yield why payloads differ where no file tells it: another compression, or more in the archive than headers tell."""
        both = self.first, self.second
        state = compare_archives(self.first.path, self.second.path)
        if state == "same":
            yield Difference(kind="file", place="the payload", cause="compression")
        elif state == "inodes" and self.same_links and all(wraps_nothing_else(one.path, one.payload_at) for one in both):
            yield Difference(
                kind="file", place="the payload", cause="inode", first="numbers of inodes and devices alone", excused=True
            )
        elif not files:
            yield Difference(
                kind="file", place="the payload", cause="content", first="the headers say that all files are the same"
            )
