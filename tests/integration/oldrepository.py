"""Repositories of a signed package and its source, made by the host's createrepo_c, and ways to spoil them."""

import bz2
import gzip
import hashlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .oldclient import Key as PublicKey
from .oldclient import Repository, read_key
from .package import build_package
from .test_gate_signatures import Key
from .test_oldclient import export

COMPS = """\
<?xml version="1.0" encoding="UTF-8"?>
<comps><group><id>proxy</id><name>Proxy</name>
<packagelist><packagereq type="mandatory">hello</packagereq></packagelist></group></comps>
"""
GOOD = ("--checksum", "sha", "--database")
Signed = tuple[tuple[Path, ...], PublicKey]
NEVRAS = ["hello-0:1-1.noarch", "hello-0:1-1.src"]


def make_signed(folder: Path) -> Signed:
    """A package and its source, signed as CentOS 5 wants it, and the key."""
    key = Key(folder / "key", kind="RSA", bits=2048, program="gpg1")
    clean = build_package(folder / "clean")
    packages = tuple(key.sign(path, folder, "--force-v3-sigs", "--digest-algo", "SHA256") for path in clean)
    return packages, read_key(export(key, folder))


def make_repository(folder: Path, packages: tuple[Path, ...], *options: str) -> Path:
    """A repository of packages with one group, by createrepo_c."""
    folder.mkdir()
    for path in packages:
        shutil.copy(path, folder)
    comps = folder.parent / "comps.xml"
    comps.write_text(COMPS)
    subprocess.run(["/usr/bin/createrepo_c", "-q", "--groupfile", str(comps), *options, str(folder)], check=True)
    return folder


def nevras(found: Repository) -> list[str]:
    return [package.nevra for package in found.packages]


def find(folder: Path, kind: str) -> Path:
    """A file of metadata, by the end of its name."""
    (path,) = (folder / "repodata").glob(f"*-{kind}")
    return path


def rewrite(folder: Path, kind: str, change: Callable[[bytes], bytes]) -> None:
    """Change what lies in a compressed file of metadata, and make repomd.xml fit."""
    path = find(folder, kind)
    unpack, pack = (bz2.decompress, bz2.compress) if kind.endswith(".bz2") else (gzip.decompress, gzip.compress)
    packed, content = path.read_bytes(), unpack(path.read_bytes())
    new = change(content)
    assert new != content
    path.write_bytes(pack(new))
    repomd = folder / "repodata/repomd.xml"
    text = repomd.read_text()
    for before, after in ((packed, path.read_bytes()), (content, new)):
        assert sha1(before) in text
        text = re.sub(f">{sha1(before)}<", f">{sha1(after)}<", text)
    repomd.write_text(text)


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def run_sql(folder: Path, statement: str) -> Callable[[bytes], bytes]:
    """A change of a database by a statement."""

    def change(content: bytes) -> bytes:
        path = folder.parent / "changed.sqlite"
        path.write_bytes(content)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)
        return path.read_bytes()

    return change
