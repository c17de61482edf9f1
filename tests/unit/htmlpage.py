"""What every page of ours keeps to, whatever it tells: looked at by the standard library's parser, tag by tag."""

import os
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

# Elements without an end (HTML standard, 13.1.2).
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

# What runs, or is asked for when the page is opened.
ACTIVE = {"script", "iframe", "object", "embed", "link", "img", "form", "input", "button", "audio", "video", "base"}


# Elements that are within a line.
INLINE = {"a", "code", "em", "span", "strong"}


class Page(HTMLParser):
    """Takes a page apart, and notes everything that is not as it must be.

    Fields:
        problems: sentences. ids, targets: of the page, in order. boxes: the classes of the open elements.
        text: all words, those of svg among them.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.levels: list[int] = []
        self.text = ""
        self.boxes: list[str] = []
        self.feed(html)
        self.close()
        self.problems += [f"not closed: {tag}" for tag in self.open]
        self.problems += [f"id twice: {one}" for one in set(self.ids) if self.ids.count(one) > 1]
        self.check_headings()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.break_text(tag)
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.problems.append(f"{tag}: an attribute twice")
        if tag in ACTIVE or any(name.startswith("on") for name in given):
            self.problems.append(f"active: {tag} {given}")
        if tag == "svg" and "svg" not in self.open and not (given.get("aria-label") or given.get("aria-hidden") == "true"):
            self.problems.append("svg without a label")
        if tag == "th" and given.get("scope") not in ("row", "col"):
            self.problems.append("th without scope")
        if tag == "table" and not self.has_box():
            self.problems.append("table outside of a box that scrolls")
        self.ids += [given["id"]] if "id" in given else []
        self.targets += [given["href"]] if "href" in given else []
        if tag[0] == "h" and tag[1:].isdigit():
            self.levels.append(int(tag[1:]))
        if tag not in VOID:
            self.open.append(tag)
            self.boxes.append(given.get("class", ""))

    def has_box(self) -> bool:
        """Whether an open element scrolls on its own."""
        return any("wide" in box.split() for box in self.boxes)

    def handle_endtag(self, tag: str) -> None:
        self.break_text(tag)
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> where {self.open[-1:]} is open")
            return
        self.open.pop()
        self.boxes.pop()

    def break_text(self, tag: str) -> None:
        """Part words that stand in two boxes."""
        self.text += "" if tag in INLINE else " "

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            if "@import" in data or "url(" in data:
                self.problems.append("the style fetches something")
            return
        self.text += data

    def check_headings(self) -> None:
        """One first heading, and none that skips a level."""
        if self.levels.count(1) != 1 or self.levels[0] != 1:
            self.problems.append(f"first headings: {self.levels[:3]}")
        steps = pairwise(self.levels)
        self.problems += [f"heading {after} after {before}" for before, after in steps if after > before + 1]


def check_page(html: str, *, place: Path | None = None) -> Page:
    """Return a page that keeps to all rules; `place` is the file that it is, for the links to others."""
    page = Page(html)
    problems = page.problems + [problem for target in page.targets if (problem := check_target(target, page.ids, place))]
    assert problems == []
    return page


def check_target(target: str, ids: list[str], place: Path | None) -> str:
    """Return what is wrong with a link, or nothing."""
    path, _, fragment = target.partition("#")
    if ":" in path.partition("/")[0] or path.startswith("/"):
        return f"a link to elsewhere: {target}"
    if not path:
        return "" if fragment in ids else f"a link to nowhere: {target}"
    whole = Path(os.path.normpath(place.parent / unquote(path))) if place else None
    return f"a link to a file that is not there: {target}" if whole and not whole.exists() else ""
