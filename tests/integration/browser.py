"""Pages in a real browser: a headless Chromium lays them out in frames of some width, and tells what does not fit."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# What Debian, Fedora and Google call it.
NAMES = ("chromium", "chromium-browser", "google-chrome")

# A window of a browser has a least width; a frame has none. Boxes that scroll on their own, and pictures that cut off, may hold
# more than fits. A script of the test, and none of the page.
FRAMES = """<!doctype html><body><pre id="told"></pre><script>
const told = [], cases = CASES;
function look(frame, width, opened) {
  const page = frame.contentDocument, style = node => frame.contentWindow.getComputedStyle(node), beyond = [];
  for (const one of page.querySelectorAll("details")) one.open = opened;
  const held = node => {
    for (let box = node.parentElement; box; box = box.parentElement)
      if (box.tagName == "svg" || ["auto", "scroll", "hidden"].includes(style(box).overflowX)) return true;
    return false;
  };
  let small = 0;
  for (const node of page.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (node.textContent.trim() && parseFloat(style(node).fontSize) < 11) small += 1;
    if (box.width && (box.right > width + 0.5 || box.left < -0.5) && !held(node))
      beyond.push(node.tagName + ": " + node.textContent.trim().slice(0, 60));
  }
  const {scrollWidth, scrollHeight} = page.documentElement;
  return {"width": scrollWidth, "height": scrollHeight, "beyond": beyond, "small": small};
}
cases.forEach(([source, width, opened], number) => {
  const frame = document.createElement("iframe");
  frame.style = `border:0;width:${width}px;height:800px`;
  frame.onload = () => {
    told[number] = look(frame, width, opened);
    if (Object.keys(told).length == cases.length) document.getElementById("told").textContent = JSON.stringify(told);
  };
  frame.src = source;
  document.body.append(frame);
});
</script>"""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A page as it was laid out: pixels, what lies beyond its edge, and how many elements have letters of less than 11 pixels."""

    width: int
    height: int
    beyond: tuple[str, ...]
    small: int


def find_browser() -> str:
    """The browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser on PATH: install {NAMES[0]}")
    return found


def lay_out(cases: Sequence[tuple[Path, int, bool]], *, scratch: Path) -> list[Layout]:
    """Lay pages out, each in a frame of a width, with everything that can be opened open or not."""
    told = json.dumps([(page.as_uri(), width, opened) for page, width, opened in cases])
    wrapper = scratch / "frames.html"
    wrapper.write_text(FRAMES.replace("CASES", told.replace("<", "\\u003c")))
    argv = [
        find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
        "--virtual-time-budget=10000", f"--user-data-dir={scratch / 'profile'}", "--dump-dom", wrapper.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=250, check=True)
    match = re.search(r'<pre id="told">(.+?)</pre>', done.stdout, re.S)
    assert match, done.stdout[-2000:] + done.stderr[-2000:]
    return [Layout(**one | {"beyond": tuple(one["beyond"])}) for one in json.loads(html.unescape(match[1]))]
