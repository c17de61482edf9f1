"""Resolving a configuration with the tree's own `conf`, from 2.6.30 to today."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.fragment import Fragment, list_all
from tproxy_rpms.process import CommandError, run_command
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import whole_file, write_whole


def resolve_config(tree: Path, *, arch: Arch, base: str, fragments: Sequence[Fragment], output: Path, log: Path) -> Path:
    """Write the resolved configuration of one arch to `output` and return it.

    Args:
        tree: the unpacked tree; nothing is written into it, so that arches can be resolved side by side.
        base: `slim` (allnoconfig, with the fragments as what is asked for) or `defconfig` (the tree's own, fragments on top).
        log: what make and conf said.

    Raises KconfigError when conf fails. Whether the demands survived is the audit's to say.
    """
    log.unlink(missing_ok=True)
    wanted = "".join(f"{demand.text}\n" for demand in list_all(fragments))
    resolver = resolve_with_make if has_olddefconfig(tree) else resolve_with_conf
    # conf stays compiled here from run to run; whatever an interrupted run left is not trusted twice.
    out = output.parent / f"conf-{arch}"
    for last in (not out.exists(), True):
        out.mkdir(parents=True, exist_ok=True)
        (out / ".config").unlink(missing_ok=True)
        try:
            resolver(tree, out, arch=arch, base=base, wanted=wanted, log=log)
            break
        except CommandError as error:
            shutil.rmtree(out)
            if last:
                raise KconfigError(f"{arch}: the tree's conf failed\n{error}", hint=f"the whole log: {log}") from error
    with whole_file(output) as temporary:
        shutil.copyfile(out / ".config", temporary)
    return output


def has_olddefconfig(tree: Path) -> bool:
    """Tell whether the tree's makefiles know olddefconfig (since 3.7)."""
    return "olddefconfig" in (tree / "scripts" / "kconfig" / "Makefile").read_text()


def resolve_with_make(tree: Path, out: Path, *, arch: Arch, base: str, wanted: str, log: Path) -> None:
    """Resolve in a tree of today: its makefile probes the compiler, which Kconfig asks about."""
    make = ["make", "-C", str(tree), f"O={out}", f"ARCH={arch}", "CROSS_COMPILE="]
    if base == "slim":
        write_whole(out / "wanted", wanted)
        run_command([*make, f"KCONFIG_ALLCONFIG={out / 'wanted'}", "allnoconfig"], log=log)
        return
    run_command([*make, "defconfig"], log=log)
    with (out / ".config").open("a") as config:
        config.write(wanted)
    run_command([*make, "olddefconfig"], log=log)


def resolve_with_conf(tree: Path, out: Path, *, arch: Arch, base: str, wanted: str, log: Path) -> None:
    """Resolve in a tree before 3.7. Its makefile may not suit make >= 3.82, so conf is compiled and called without it."""
    conf = build_conf(tree, out, log=log)
    environment = {
        "ARCH": arch, "SRCARCH": "x86", "KERNELVERSION": read_version(tree), "KCONFIG_CONFIG": str(out / ".config"),
        "KCONFIG_AUTOCONFIG": str(out / "auto.conf"), "KCONFIG_NOSILENTUPDATE": "", "KCONFIG_NOTIMESTAMP": "1",
    }  # fmt: skip
    kconfig = "arch/x86/Kconfig"
    if base == "slim":
        write_whole(out / "wanted", wanted)
        run_command([conf, "-n", kconfig], cwd=tree, env=environment | {"KCONFIG_ALLCONFIG": str(out / "wanted")}, log=log)
        return
    run_command([conf, "-D", f"arch/x86/configs/{arch}_defconfig", kconfig], cwd=tree, env=environment, log=log)
    with (out / ".config").open("a") as config:
        config.write(wanted)
    # oldconfig asks for what is new; an empty answer takes the default.
    run_command([conf, "-o", kconfig], cwd=tree, env=environment, log=log, stdin="\n" * 20000)


def build_conf(tree: Path, out: Path, *, log: Path) -> Path:
    """Compile the tree's conf from the parser tables that it ships, and return it."""
    kconfig = tree / "scripts" / "kconfig"
    conf = out / "conf"
    if conf.exists():
        return conf
    for shipped in kconfig.glob("*_shipped"):
        shutil.copyfile(shipped, out / shipped.name.removesuffix("_shipped"))
    conf = out / "conf"
    tables = [str(out / "zconf.tab.c")]
    run_command(
        [
            "gcc",
            "-w",
            "-O1",
            "-std=gnu89",
            "-DKBUILD_NO_NLS",
            f"-I{out}",
            f"-I{kconfig}",
            "-o",
            str(conf),
            str(kconfig / "conf.c"),
            *tables,
        ],
        log=log,
    )
    return conf


def read_version(tree: Path) -> str:
    """Return the version that the tree's Makefile gives itself, such as 2.6.30."""
    words = {}
    for line in (tree / "Makefile").read_text().splitlines()[:10]:
        name, _, value = line.partition("=")
        words[name.strip()] = value.strip()
    return ".".join(words[name] for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL") if words.get(name)) + words.get(
        "EXTRAVERSION", ""
    )
