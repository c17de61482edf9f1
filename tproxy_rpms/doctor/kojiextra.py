"""What a build tag says to mock and rpm by its extras, against what the release and its target take."""

import re
from collections.abc import Iterator

from tproxy_rpms.builders.kojitarget import KojiTarget
from tproxy_rpms.doctor.finding import Finding, failure, good, warning
from tproxy_rpms.doctor.kojihub import Visit
from tproxy_rpms.doctor.mock import read_config, read_manager

EPOCH = "rpm.env.SOURCE_DATE_EPOCH"


def check_environment(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Variables for builds: mock takes texts alone, and `koji edit-tag -x` makes a number of what looks like one."""
    for key, value in sorted(target.extra.items()):
        if key.startswith("rpm.env.") and not isinstance(value, str):
            meant = visit.case.release.epoch if key == EPOCH else value
            yield failure(
                "koji environment",
                f"{target.build_tag}: {key} is the number {value}, with which mock ends: a variable is a text",
                f"koji edit-tag -x '{key}=\"{meant}\"' {target.build_tag}",
            )


def check_epoch(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """The date of everything that is built; specs for a rpm that knows no such date set their own times."""
    if not visit.case.release.target.traits.get("rpm_clamps_times"):
        return
    wanted, value = str(visit.case.release.epoch), str(target.extra.get(EPOCH, ""))
    cure = f"koji edit-tag -x '{EPOCH}=\"{wanted}\"' {target.build_tag}"
    if value == wanted:
        yield good("koji date", f"{target.build_tag}: SOURCE_DATE_EPOCH is the release's epoch")
    elif value:
        yield warning(
            "koji date", f"{target.build_tag}: {EPOCH} is {value}, and the release's epoch {wanted}: times differ", cure
        )
    else:
        yield warning(
            "koji date",
            f"{target.build_tag} has no {EPOCH}: rpm takes the day of the changelog, which other builders do not",
            cure,
        )


def check_mock_options(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """How roots are filled, where the target's own mock configurations say so; else the builders' site-defaults.cfg holds."""
    texts = [read_config(visit.case, arch) for arch in visit.case.release.arches]
    wanted = {key: value for text in texts for key, value in read_options(text)}
    if not wanted:
        return
    differ = {key: value for key, value in wanted.items() if target.extra.get(f"mock.{key}") != value}
    if differ:
        yield warning(
            "koji mock",
            f"{target.build_tag} leaves to its builders what the target's mock configuration sets: "
            + ", ".join(f"{key} = {value}" for key, value in differ.items()),
            f"koji edit-tag {' '.join(f'-x mock.{key}={value}' for key, value in differ.items())} {target.build_tag}",
        )
    else:
        yield good("koji mock", ", ".join(f"{key} = {value}" for key, value in wanted.items()))


def read_options(text: str) -> Iterator[tuple[str, str | bool]]:
    """Yield what a mock configuration sets of that which tags can say, too (builder/kojid, `BuildRoot.writeMockConfig`)."""
    if "'package_manager'" in text:
        yield "package_manager", read_manager(text)
    if re.search(r"^config_opts\['use_bootstrap'\]\s*=\s*False", text, re.MULTILINE):
        yield "use_bootstrap", False


CHECKS = (check_environment, check_epoch, check_mock_options)
