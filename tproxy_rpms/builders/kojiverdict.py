"""What a Koji task has come to for an arch that it has not built, as our errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojifailure import Place, describe_child, describe_fault
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitask import CANCELED, CLOSED, COMPLETE, FAILED, Order, find_build
from tproxy_rpms.errors import BuildError, KojiError, TproxyError
from tproxy_rpms.release.model import RPM_ARCH, Arch


@dataclass(frozen=True, kw_only=True)
class Look:
    """A task at one moment.

    Fields:
        children: all tasks below it. arch: whose fate is asked for.
    """

    parent: Mapping[str, Any]
    children: tuple[Mapping[str, Any], ...]
    arch: Arch

    @property
    def builds(self) -> list[Mapping[str, Any]]:
        """The tasks that build, one an arch, or one for all."""
        return [child for child in self.children if child["method"] == "buildArch"]

    @property
    def child(self) -> Mapping[str, Any] | None:
        """The task that builds the arch, or for all of them; None as long as there is none."""
        own = [child for child in self.builds if child["label"] in (RPM_ARCH[self.arch], "noarch")]
        return max(own, key=lambda child: int(child["id"]), default=None)


def explain(session: Any, order: Order, look: Look, *, logs: Path) -> TproxyError:
    """Return the failure of an arch.

    Args:
        logs: the folder of its logs, by the names that our mock builder gives them.
    """
    what, child = f"{order.package} for {look.arch}", look.child
    words = {"target": order.koji.target, "package": order.package}
    if child and child["state"] == FAILED:
        return describe_child(what, read_fault(session, child), place=name_place(session, child), logs=logs, **words)
    build = find_build(session, order)
    if build and build["task_id"] != look.parent["id"]:
        return explain_other(what, build, name_place(session, look.parent))
    if build and build["state"] == COMPLETE and look.parent["state"] != CLOSED:
        return explain_refusal(session, what, order, look)
    if look.parent["state"] == CANCELED:
        place = name_place(session, look.parent)
        return BuildError(f"{what}: {place} was cancelled", hint="run the same command to submit it anew")
    failed = [one for one in look.builds if one["state"] == FAILED]
    if failed:
        return explain_sibling(session, what, failed[0], child)
    if look.parent["state"] == CLOSED:
        return explain_lack(session, what, look)
    return describe_fault(what, read_fault(session, look.parent), place=name_place(session, look.parent), **words)


def explain_sibling(session: Any, what: str, failed: Mapping[str, Any], child: Mapping[str, Any] | None) -> BuildError:
    """Return the failure of an arch that had to go down with another."""
    place = name_place(session, failed)
    if child and child["state"] == CLOSED:
        return BuildError(
            f"{what} was built, but {failed['label']} failed ({place}), so Koji has no such build; its RPMs stay "
            f"in task {child['id']}",
            hint=f"koji download-task {child['id']}; mend {failed['label']}, and run the same command to submit both anew",
        )
    return BuildError(
        f"{what}: Koji has cancelled it when {failed['label']} failed ({place})",
        hint=f"mend {failed['label']}; build_arch_can_fail = True in kojid.conf lets the other arch go on",
    )


def explain_other(what: str, build: Mapping[str, Any], place: Place) -> KojiError:
    """Return the failure of a task that another has forestalled, out of the same SRPM."""
    return KojiError(
        f"{what}: {place} was too late: task {build['task_id']} of {build.get('owner_name')} builds the same, or has built it",
        hint="run the same command again: it takes that one",
    )


def explain_lack(session: Any, what: str, look: Look) -> KojiError:
    """Return the failure of a task that was done without the arch."""
    built = ", ".join(str(one["label"]) for one in look.builds) or "nothing"
    return KojiError(
        f"{what}: {name_place(session, look.parent)} has built {built}, and no {RPM_ARCH[look.arch]}",
        hint="look at the arches of the target's build tag (koji taginfo), and at the spec's ExclusiveArch and ExcludeArch",
    )


def explain_refusal(session: Any, what: str, order: Order, look: Look) -> KojiError:
    """Return the failure of a build that is whole, and that its destination tag has not taken."""
    target = session.getBuildTarget(order.koji.target)
    tag = str(target["dest_tag_name"]) if target else "DEST_TAG"
    return KojiError(
        f"{what} was built, but {tag} has not taken it ({name_place(session, look.parent)}: {read_fault(session, look.parent)})",
        hint=f"koji grant-permission, or koji unlock-tag {tag}; then koji tag-build {tag} {order.nvr}: the same command goes on",
    )


def name_place(session: Any, task: Mapping[str, Any]) -> Place:
    """Return where a task is, or was, at work."""
    host = session.getHost(task["host_id"]) if task.get("host_id") and task["method"] == "buildArch" else None
    return Place(hub=session.baseurl, task=int(task["id"]), host=str(host["name"]) if host else "")


def read_fault(session: Any, task: Mapping[str, Any]) -> str:
    """Return the words of a failed task."""
    koji = load_koji()
    try:
        result = session.getTaskResult(task["id"])
    except koji.GenericError as error:
        return f"{type(error).__name__}: {error}"
    except koji.xmlrpcplus.Fault as error:  # what kojid itself has stumbled over comes as a traceback
        last = (str(error.faultString).strip().splitlines() or [""])[-1]
        return f"kojid failed: {last}"
    return str(result)
