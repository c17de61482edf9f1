"""A host that reads a whole repository over HTTP as yum and dnf do, and tells of anything that does not fit together."""

import gzip
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from tproxy_rpms.publish.client import CURRENT, MIRRORS

REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"


class MixedError(Exception):
    """What was read is no set that was ever published."""


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What a published repository is: the signature of its repomd.xml, and the SHA-256 of every RPM, by name."""

    signature: bytes
    rpms: Mapping[str, str]


def list_offered(tree: Path, arch: str) -> tuple[bytes, Offered]:
    """Return repomd.xml of a composed snapshot, and what belongs to it."""
    folder = tree / arch
    rpms = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.rpm")}
    signature = (folder / "repodata/repomd.xml.asc").read_bytes()
    return (folder / "repodata/repomd.xml").read_bytes(), Offered(signature=signature, rpms=rpms)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A host.

    Fields:
        url: the place that is published to. published: repomd.xml → what belongs to it, of all that is ever published.
        mirrors: whether it reads the list of mirrors; else it asks for every file by the name that moves.
        pause: called between any two files.
    """

    url: str
    arch: str
    published: Mapping[bytes, Offered]
    session: requests.Session
    mirrors: bool = True
    pause: Callable[[], object] = lambda: None

    def read_set(self) -> bytes:
        """Download all of the repository and return its repomd.xml. Raises MixedError at the first thing that is wrong."""
        base = f"{self.url}/{CURRENT}/{self.arch}/"
        if self.mirrors:
            base = self.get(f"{base}{MIRRORS}").decode().rstrip("\n")
        repomd = self.get(f"{base}repodata/repomd.xml")
        offered = self.published.get(repomd)
        if offered is None:
            raise MixedError(f"{base}: a repomd.xml that was never published")
        if self.get(f"{base}repodata/repomd.xml.asc") != offered.signature:
            raise MixedError(f"{base}: repomd.xml.asc belongs to another set")
        got = {}
        for name, digest in list_packages(gzip.decompress(self.get_checked(base, *find_primary(repomd)))):
            got[name] = digest
            self.get_checked(base, name, digest)
        if got != offered.rpms:
            raise MixedError(f"{base}: a set that was never published: {', '.join(got)}")
        return repomd

    def get(self, url: str) -> bytes:
        """Download a file. Raises MixedError if it is not there."""
        answer = self.session.get(url, timeout=30)
        if answer.status_code != 200:
            raise MixedError(f"{url}: status {answer.status_code}")
        self.pause()
        return answer.content

    def get_checked(self, base: str, name: str, digest: str) -> bytes:
        """Download a file with this SHA-256. Raises MixedError if it has another."""
        content = self.get(base + name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise MixedError(f"{base}{name}: wrong checksum")
        return content


def find_primary(repomd: bytes) -> tuple[str, str]:
    """Return name and SHA-256 of the list of packages."""
    for data in ET.fromstring(repomd).iter(f"{REPO}data"):
        if data.get("type") == "primary":
            return data.find(f"{REPO}location").get("href"), data.find(f"{REPO}checksum").text
    raise MixedError("repomd.xml names no list of packages")


def list_packages(primary: bytes) -> list[tuple[str, str]]:
    """Return name and SHA-256 of every RPM."""
    packages = ET.fromstring(primary).iter(f"{COMMON}package")
    return [(one.find(f"{COMMON}location").get("href"), one.find(f"{COMMON}checksum").text) for one in packages]
