"""The site: ./run sphinx-build -W -n docs build/site."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "tproxy-rpms"
author = "the tproxy-rpms maintainers"
version = release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]
language = "en"

extensions = ["myst_parser", "reference"]
exclude_patterns = ["_ext", "examples"]
highlight_language = "text"  # of blocks that name none: commands and trees, no Python
nitpicky = True
smartquotes = False  # commands and keys stay as they are typed

myst_heading_anchors = 3

html_theme = "furo"
html_title = "tproxy-rpms"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
