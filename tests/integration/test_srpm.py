"""SRPMs made by the real rpmbuild: the same bytes from anywhere, and the target's digests inside."""

import os
from pathlib import Path

import pytest
import rpm

from tproxy_rpms.errors import SpecError
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.store import digest_file

from ..conftest import make_release, make_target

SPEC = """\
%global _buildhost reproducible.invalid
%global use_source_date_epoch_as_buildtime 1
%global _source_filedigest_algorithm {digest}
%global _source_payload {payload}
Name: hello
Version: 1
Release: 1
Summary: Hello
License: MIT
Source0: hello.txt
%description
Hello.
%files
%changelog
* Sun Sep 09 2001 Test <test@example.org> - 1-1
- Test
"""


def build(folder: Path, *, digest: int = 8, payload: str = "w3.zstdio") -> Path:
    folder.mkdir()
    source = folder / "hello.txt"
    source.write_text("hello\n")
    release = make_release(target=make_target())
    spec = SPEC.format(digest=digest, payload=payload)
    return build_srpm(release, spec=spec, name="hello", sources=[source], output=folder / "srpm")


def read_header(path: Path) -> rpm.hdr:
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES)
    with path.open("rb") as stream:
        return transaction.hdrFromFdno(stream.fileno())


def test_the_same_bytes_from_any_folder_day_umask_and_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(tmp_path / "one")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    old = os.umask(0o077)
    try:
        second = build(tmp_path / "another-folder-with-a-long-name")
    finally:
        os.umask(old)
    assert first.read_bytes() == second.read_bytes()
    header = read_header(first)
    assert (header[rpm.RPMTAG_BUILDTIME], header[rpm.RPMTAG_BUILDHOST]) == (1_000_000_000, "reproducible.invalid")
    assert set(header[rpm.RPMTAG_FILEUSERNAME]) == {"root"}


def test_an_el5_target_gets_md5_digests_and_a_gzip_payload(tmp_path: Path) -> None:
    header = read_header(build(tmp_path / "el5", digest=1, payload="w9.gzdio"))
    assert header[rpm.RPMTAG_PAYLOADCOMPRESSOR] == "gzip"
    assert {len(digest) for digest in header[rpm.RPMTAG_FILEDIGESTS]} == {32}


def test_a_spec_that_rpm_refuses_is_told_with_rpms_words(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"(?s)bad\.spec.*Version field must be present"):
        build_srpm(make_release(), spec="Name: bad\n", name="bad", sources=[], output=tmp_path / "srpm")
    assert not (tmp_path / "srpm").exists()


def test_a_failed_srpm_leaves_the_old_one(tmp_path: Path) -> None:
    made = build(tmp_path / "one")
    before = digest_file(made)
    with pytest.raises(SpecError):
        build_srpm(make_release(), spec="Name: bad\n", name="bad", sources=[], output=made.parent)
    assert digest_file(made) == before
