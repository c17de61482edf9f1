"""Why a symbol was dropped: kconfiglib explains, `conf` has decided."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tproxy_rpms.kernel.audit import Finding
from tproxy_rpms.process import run_command
from tproxy_rpms.release.model import Arch

# The environment is the process's; two arches may be explained at once.
_environment = threading.Lock()


def explain_findings(tree: Path, config: Path, findings: Sequence[Finding], *, arch: Arch) -> tuple[Finding, ...]:
    """Return the findings with the blocking symbols of each miss; unchanged where kconfiglib cannot read the tree.

    Without a miss that stops the cut there is nothing to explain: optional lines carry their reason.
    """
    if not any(finding.fatal for finding in findings):
        return tuple(findings)
    try:
        kconfig = load_kconfig(tree, config, arch=arch)
    except Exception:  # noqa: BLE001  # an explanation is a courtesy; kconfiglib knows neither 2.6's slips nor tomorrow's syntax
        return tuple(findings)
    return tuple(
        finding if finding.state == "kept" else replace(finding, blocker=find_blocker(kconfig, finding)) for finding in findings
    )


def load_kconfig(tree: Path, config: Path, *, arch: Arch) -> Any:
    """Return kconfiglib's reading of the tree with the resolved configuration loaded."""
    import kconfiglib

    class Lenient(kconfiglib.Kconfig):  # type: ignore[misc]  # kconfiglib carries no types
        """Takes the stray `;` behind a prompt that 2.6.30 has in drivers/hwmon/Kconfig, and `modules` as it is since 5.18."""

        def _tokenize(self, line: str) -> Any:
            if line.strip() == "modules":
                return super()._tokenize("option modules\n")
            try:
                return super()._tokenize(line)
            except kconfiglib.KconfigError:
                return super()._tokenize(re.sub(r";\s*$", "\n", line))

    compiler = run_command(["gcc", "--version"]).stdout.splitlines()[0]
    environment = {
        "srctree": str(tree), "ARCH": arch, "SRCARCH": "x86", "KERNELVERSION": "", "CC": "gcc", "HOSTCC": "gcc", "HOSTCXX": "g++",
        "LD": "ld", "AR": "ar", "NM": "nm", "OBJCOPY": "objcopy", "RUSTC": "rustc", "PAHOLE": "pahole",
        "CC_VERSION_TEXT": compiler,
    }  # fmt: skip
    with environment_of(environment):
        top = "Kconfig" if (tree / "Kconfig").exists() else "arch/x86/Kconfig"
        kconfig = Lenient(top, warn=False)
    kconfig.load_config(str(config))
    return kconfig


@contextmanager
def environment_of(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for as long as kconfiglib parses: it reads them while it goes."""
    with _environment:
        before = dict(os.environ)
        os.environ.update(values)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def find_blocker(kconfig: Any, finding: Finding) -> str:
    """Return what keeps a symbol from its demanded value, such as `NETFILTER_ADVANCED is not set`."""
    import kconfiglib

    symbol = kconfig.syms.get(finding.demand.symbol)
    if symbol is None or not symbol.nodes:
        return "there is no such symbol in this kernel"
    if finding.demand.kind == "forbid":
        selecting = [name for name in list_names(symbol.rev_dep) if kconfig.syms[name].tri_value]
        return f"selected by {', '.join(selecting)}" if selecting else ""
    blockers = list_blockers(symbol.direct_dep)
    if blockers:
        return ", ".join(blockers)
    if not any(node.prompt and kconfiglib.expr_value(node.prompt[1]) for node in symbol.nodes):
        return "nobody can set it here: other symbols select it"
    return ""


def list_names(expression: Any) -> list[str]:
    """Return the names of the symbols in an expression, each once, sorted; constants left out."""
    import kconfiglib

    return sorted(
        {item.name for item in kconfiglib.expr_items(expression) if isinstance(item, kconfiglib.Symbol) and not item.is_constant}
    )


def list_blockers(expression: Any) -> list[str]:
    """Return what makes an expression false, part by part; nothing for one that is true."""
    import kconfiglib

    if kconfiglib.expr_value(expression):
        return []
    if isinstance(expression, tuple):
        if expression[0] in (kconfiglib.AND, kconfiglib.OR):
            return list(dict.fromkeys([*list_blockers(expression[1]), *list_blockers(expression[2])]))
        if expression[0] is kconfiglib.NOT and isinstance(expression[1], kconfiglib.Symbol):
            return [f"{expression[1].name} is set"]
        return [f"{kconfiglib.expr_str(expression)} is not true"]
    return [f"{expression.name} is not set"]
