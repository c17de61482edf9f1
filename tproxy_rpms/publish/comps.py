"""The group that `yum groupinstall` and `dnf group install` know: all of a release by one name (comps.xml)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from tproxy_rpms.release.model import Release

GROUP_ID = "transparent-proxy"
GROUP_NAME = "Transparent proxy"

# Written by every comps.xml since Red Hat's first; yum ignores it, anaconda did not.
DOCTYPE = '<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">'


def render_comps(release: Release, names: Iterable[str]) -> str:
    """Return comps.xml with one group of these package names.

    What a release calls a package is mandatory in it, further packages are its default, and what is only for building optional.
    """
    comps = ET.Element("comps")
    group = ET.SubElement(comps, "group")
    texts = {
        "id": GROUP_ID, "name": GROUP_NAME, "description": release.summary, "default": "false", "uservisible": "true",
    }  # fmt: skip
    for tag, text in texts.items():
        ET.SubElement(group, tag).text = text
    listed = ET.SubElement(group, "packagelist")
    for name in sorted(set(names)):
        ET.SubElement(listed, "packagereq", type=classify(release, name)).text = name
    ET.indent(comps)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{DOCTYPE}\n{ET.tostring(comps, encoding="unicode")}\n'


def classify(release: Release, name: str) -> str:
    """Return how much a package belongs to the group."""
    if name in release.packages or name == "tproxy-release":
        return "mandatory"
    return "optional" if name.endswith("-devel") else "default"
