"""A small package made by the host's rpmbuild: one that CentOS 5 can take, but for what a test asks for."""

import subprocess
from pathlib import Path

SPEC = """\
Name: hello
Version: {version}
Release: 1
Summary: Hello
License: MIT
Source0: hello.txt
BuildArch: noarch
AutoReqProv: no
{tags}
%description
Hello.
%install
mkdir -p %{{buildroot}}/usr/share %{{buildroot}}/usr/bin
cp %{{SOURCE0}} %{{buildroot}}/usr/share/hello
cp %{{SOURCE0}} %{{buildroot}}/usr/bin/hello-sh
cp %{{SOURCE0}} %{{buildroot}}/usr/share/hello-extra
truncate -s {size} %{{buildroot}}/usr/share/ghost
%global _unpackaged_files_terminate_build 0
%files
%attr(0755,root,root) /usr/bin/hello-sh
/usr/share/hello
%ghost /usr/share/ghost
{scriptlets}
"""

GOOD_MACROS = {
    "_binary_payload": "w9.gzdio", "_source_payload": "w9.gzdio",
    "_binary_filedigest_algorithm": "1", "_source_filedigest_algorithm": "1",
}  # fmt: skip
GOOD_SCRIPTLETS = """\
%pretrans -p <lua>
print("before")
%post
exit 0
%preun -p /bin/bash
exit 0
%postun -p /sbin/ldconfig
%posttrans
exit 0
%verifyscript
exit 0
%triggerin -- filesystem
exit 0
"""


def build_package(
    folder: Path,
    *,
    version: str = "1",
    arch: str = "noarch",
    tags: str = "",
    scriptlets: str = GOOD_SCRIPTLETS,
    size: str = "1",
    **macros: str,
) -> tuple[Path, Path]:
    """An RPM and its SRPM, from a spec that EL5 can take but for what is given."""
    sources = folder / "SOURCES"
    sources.mkdir(parents=True)
    (sources / "hello.txt").write_text("hello\n")
    spec = folder / "hello.spec"
    text = SPEC.format(version=version, tags=tags, scriptlets=scriptlets, size=size)
    spec.write_text(text if arch == "noarch" else text.replace("BuildArch: noarch\n", ""))
    defines = {"_topdir": str(folder), "_tmppath": str(folder)} | GOOD_MACROS | macros
    argv = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    result = subprocess.run(
        ["rpmbuild", "-ba", "--nodeps", *(["--target", arch] if arch != "noarch" else []), *argv, str(spec)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (rpm,), (srpm,) = (folder / "RPMS").rglob("*.rpm"), (folder / "SRPMS").glob("*.rpm")
    return rpm, srpm
