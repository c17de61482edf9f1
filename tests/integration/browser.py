"""Pages in a real browser: a headless Chromium lays them out in a frame of some width, and tells what does not fit."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# What Debian, Fedora and Google call it.
NAMES = ("chromium", "chromium-browser", "google-chrome")

# A window of a browser has a least width; a frame has none. Boxes that scroll on their own, and pictures that cut off, may hold
# more than fits. A script of the test, and none of the page.
FRAME = """<!doctype html><body style="margin:0">
<iframe id="frame" src="{source}" style="border:0;width:{width}px;height:800px"></iframe>
<pre id="told"></pre><script>
frame.onload = () => {{
  const page = frame.contentDocument, style = node => frame.contentWindow.getComputedStyle(node), found = [];
  for (const one of page.querySelectorAll("details")) one.open = {opened};
  const held = node => {{
    for (let box = node.parentElement; box; box = box.parentElement)
      if (box.tagName == "svg" || ["auto", "scroll", "hidden"].includes(style(box).overflowX)) return true;
    return false;
  }};
  let small = 0;
  for (const node of page.body.querySelectorAll("*")) {{
    const box = node.getBoundingClientRect();
    if (node.textContent.trim() && parseFloat(style(node).fontSize) < 11) small += 1;
    if (box.width && (box.right > {width} + 0.5 || box.left < -0.5) && !held(node))
      found.push(node.tagName + ": " + node.textContent.trim().slice(0, 60));
  }}
  const {{scrollWidth: wide, scrollHeight: height}} = page.documentElement;
  told.textContent = JSON.stringify({{"width": wide, "height": height, "beyond": found, "small": small}});
}};
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


def lay_out(page: Path, *, width: int, opened: bool, scratch: Path) -> Layout:
    """Lay a page out in a frame, with everything that can be opened open or not."""
    wrapper = scratch / f"{page.stem}-{width}.html"
    wrapper.write_text(FRAME.format(source=page.as_uri(), width=width, opened=str(opened).lower()))
    argv = [
        find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
        "--virtual-time-budget=5000", f"--user-data-dir={scratch / 'profile'}", "--dump-dom", wrapper.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'<pre id="told">(.+?)</pre>', done.stdout, re.S)
    assert match, done.stdout[-2000:] + done.stderr[-2000:]
    told = json.loads(html.unescape(match[1]))
    return Layout(width=told["width"], height=told["height"], beyond=tuple(told["beyond"]), small=told["small"])
