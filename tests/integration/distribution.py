"""A test distribution: RPM repositories made from mmdebstrap trees, so that the real mock with the real dnf needs no RPM mirror.

One large RPM an arch, `testdist-base`, holds a whole Debian tree with a compiler, and provides what a build root of an RPM
distribution is asked for; small ones beside it can be required and exchanged. The result lies in the user's cache, named by what
it is made from.

    ./run python -m tests.integration.distribution FOLDER     (as root)

makes it and writes into FOLDER the release `centos5-testdist.toml`: all that `centos5` is, its sources, specs, EL5's traits and
limits and mock, but in roots of the test distribution, whose compiler wants the patches of modern-toolchain/.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.builders.root import RootStore
from tproxy_rpms.process import run_command
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import RPM_ARCH, Arch, Target
from tproxy_rpms.store import digest_value, whole_folder

# Changes to how the distribution is made count here.
RECIPE = 3

# What is not the distribution's: mounts, the builder's own traces, and what mock writes itself.
EXCLUDED = ("./dev/*", "./.packages", "./proc/*", "./sys/*", "./requires", "./results", "./ccache", "./builddir", "./etc/hosts",
            "./var/lib/rpm/*")  # fmt: skip

# What an RPM distribution has by other names than Debian, and what RPMs made in it ask for.
PROVIDES = (
    "/bin/bash", "/bin/sh", "/sbin/ldconfig", "/usr/bin/perl", "bash", "buildsys-build", "chkconfig", "coreutils", "fileutils",
    "gawk", "gcc", "gcc-c++", "grep", "initscripts = 8.45", "iproute", "libtool-ltdl-devel", "logrotate", "make",
    "mkinitrd = 5.1.19", "module-init-tools", "patch", "perl", "procps", "redhat-rpm-config", "rpm-build", "rtld(GNU_HASH)",
    "sed", "shadow-utils", "util-linux", "which",
)  # fmt: skip

SPEC = """\
%global __os_install_post %{{nil}}
%global debug_package %{{nil}}
%global _build_id_links none
%global _binary_payload w1.zstdio
%global __provides_exclude_from ^(/usr/share/|/usr/lib/python3|/usr/lib/gcc/|/usr/lib/.*/perl)
%global __brp_check_rpaths %{{nil}}
Name: testdist-base
Version: 1
Release: 1
Summary: A whole build root
License: various
AutoReq: no
Provides: {provides}

%description
A Debian tree in one package.

%install
mkdir -p %{{buildroot}}
cp -a --reflink=auto {tree}/. %{{buildroot}}/

%files -f {listing}
%defattr(-,root,root,-)
"""

SMALL = """\
Name: {name}
Version: {version}
Release: 1
Summary: A small package
License: MIT
BuildArch: noarch

%description
Something to require.
{scriptlet}

%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {version} > %{{buildroot}}/usr/share/{name}/version

%files
/usr/share/{name}
"""

CONFIG = """\
config_opts['root'] = 'testdist-{name}'
config_opts['target_arch'] = '{rpm_arch}'
config_opts['legal_host_arches'] = ('i386', 'i686', 'x86_64')
config_opts['chroot_setup_cmd'] = 'install buildsys-build gcc-c++ rpm-build redhat-rpm-config shadow-utils testdist-extra'
config_opts['dist'] = 'td'
config_opts['releasever'] = '1'
config_opts['package_manager'] = 'dnf4'
config_opts['dnf_warning'] = False
config_opts['use_bootstrap'] = False
config_opts['use_bootstrap_image'] = False
config_opts['rpmbuild_networking'] = False
config_opts['macros']['%_buildhost'] = 'reproducible.invalid'
config_opts['plugin_conf']['root_cache_opts']['compress_program'] = 'zstd'
config_opts['plugin_conf']['root_cache_opts']['extension'] = '.zst'
config_opts['dnf.conf'] = \"\"\"
[main]
keepcache=1
system_cachedir=/var/cache/dnf
debuglevel=2
reposdir=/dev/null
logfile=/var/log/yum.log
obsoletes=1
gpgcheck=0
assumeyes=1
install_weak_deps=0
metadata_expire=0
best=1
protected_packages=

[testdist]
name=test distribution
baseurl={url}
skip_if_unavailable=False
\"\"\"
"""

RELEASE = """\
schema = 1
extends = "{centos5}"
summary = "centos5, built by mock in the test distribution"
target = "testdist.toml"
"""

ROOT = Path(__file__).parents[2]
ARCHES: tuple[Arch, ...] = ("x86_64", "i386")


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The repositories, one folder an arch, to be copied or served as they are."""

    repositories: Mapping[Arch, Path]

    def write_config(self, folder: Path, arch: Arch, *, url: str = "") -> Path:
        """Write a mock configuration, testdist-ARCH.cfg, which takes packages from `url` or straight from the folder."""
        path = folder / f"testdist-{arch}.cfg"
        url = url or f"file://{self.repositories[arch]}"
        path.write_text(CONFIG.format(name=self.repositories[arch].name, rpm_arch=RPM_ARCH[arch], url=url))
        return path

    def write_release(self, folder: Path) -> Path:
        """Write a release like `centos5` for this distribution, with its target and mock configurations."""
        folder.mkdir(parents=True, exist_ok=True)
        for arch in ARCHES:
            self.write_config(folder, arch)
        target = (ROOT / "targets" / "centos-5.toml").read_text()
        changes = {"schema = 1\n": 'schema = 1\nmock_configs = "."\n', "modern_toolchain = false": "modern_toolchain = true"}
        for old, new in changes.items():
            assert old in target
            target = target.replace(old, new)
        (folder / "testdist.toml").write_text(target)
        path = folder / "centos5-testdist.toml"
        path.write_text(RELEASE.format(centos5=ROOT / "releases" / "centos5.toml"))
        return path


def make_distribution(target: Target, *, cache: Path, arches: Sequence[Arch] = ARCHES) -> Distribution:
    """Return the distribution made from the build roots of `target`; made if the cache does not hold it. Needs root."""
    roots = RootStore(target=target, cache=cache, extra=target.userland)
    archives = {arch: roots.make(arch, log=cache / "roots" / f"{arch}.log").archive for arch in arches}
    repositories = {}
    for arch, archive in archives.items():
        name = digest_value([RECIPE, SPEC, SMALL, PROVIDES, archive.name])[:16]
        repositories[arch] = cache / "test-distribution" / f"{arch}-{name}"
        if not (repositories[arch] / "repodata" / "repomd.xml").is_file():
            with whole_folder(repositories[arch]) as repository:
                build_base(archive, arch, repository)
                build_small("testdist-extra", "1", repository)
                # By gzip: where Koji's builder merges repositories, a mergerepo_c of 2022 has to read it, which knows no zstd.
                run_command(["createrepo_c", "--quiet", "--general-compress-type=gz", repository])
    return Distribution(repositories=repositories)


def build_base(archive: Path, arch: Arch, output: Path) -> None:
    """Build testdist-base from a root's archive."""
    with tempfile.TemporaryDirectory(prefix="testdist-", dir=output.parent) as scratch:
        tree = Path(scratch) / "tree"
        tree.mkdir()
        exclude = [f"--exclude={pattern}" for pattern in EXCLUDED]
        run_command(["tar", "--zstd", "-xpf", archive, "-C", tree, "--numeric-owner", *exclude])
        (tree / "tmp").chmod(0o1777)
        (tree / "etc" / "rpm").mkdir(exist_ok=True)
        (tree / "etc" / "rpm" / "macros.testdist").write_text("%_dbpath /var/lib/rpm\n")
        listing = Path(scratch) / "listing"
        listing.write_text("".join(list_tree(tree)))
        spec = SPEC.format(provides=", ".join(PROVIDES), tree=tree, listing=listing)
        build_spec("testdist-base", spec, scratch=Path(scratch), output=output, arch=RPM_ARCH[arch])


def list_tree(tree: Path) -> list[str]:
    """Return the lines of %files for a tree."""
    lines = []
    for path in sorted(tree.rglob("*")):
        name = "/" + str(path.relative_to(tree))
        quoted = f'"{name}"' if set(name) & set(" []{}*?") else name
        lines.append(f"%dir {quoted}\n" if path.is_dir() and not path.is_symlink() else f"{quoted}\n")
    return lines


def build_small(name: str, version: str, output: Path, *, pre: str = "") -> None:
    """Build a package with one file, and with `pre` as its %pre."""
    spec = SMALL.format(name=name, version=version, scriptlet=f"\n%pre\n{pre}\n" if pre else "")
    with tempfile.TemporaryDirectory(prefix="testdist-") as scratch:
        build_spec(name, spec, scratch=Path(scratch), output=output, arch="noarch")


def build_spec(name: str, spec: str, *, scratch: Path, output: Path, arch: str) -> None:
    """Run rpmbuild -bb and put the RPMs into `output`."""
    path = scratch / f"{name}.spec"
    path.write_text(spec)
    run_command(["rpmbuild", "-bb", "--nodeps", "--target", arch, "--define", f"_topdir {scratch}/rpmbuild", path])
    for rpm in (scratch / "rpmbuild" / "RPMS").rglob("*.rpm"):
        shutil.move(rpm, output / rpm.name)


if __name__ == "__main__":
    cache = Path.home() / ".cache" / "tproxy-rpms"
    print(make_distribution(load_release("bookworm", root=ROOT).target, cache=cache).write_release(Path(sys.argv[1])))
