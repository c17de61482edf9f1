"""Every way a cut can fail: one class a failure, each with its exit code.

Three families tell apart who has to act: `UserError` (mend the input), `BuildError` (mend the package) and `HostError`
(mend the surroundings: host, network, disk). Nothing below the edge exits or prints: it raises one of these. The reference
of errors (docs/errors.md) is made from the classes: a new one needs a docstring and a `cure`.
"""

from collections.abc import Sequence


class TproxyError(Exception):
    """A failure with a message for people, a hint that tells the cure, and the exit code of its class."""

    exit_code = 1
    cure = ""  # what helps against every failure of the class, in Markdown; a hint is the cure of the one failure

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UserError(TproxyError):
    """The input is wrong: a release file, a fragment, a patch, a spec."""

    exit_code = 10
    cure = "Mend what the message names; the command line, if that is it (`doit help`)."


class ReleaseError(UserError):
    """A release file is not valid. `problems` holds every problem found, not only the first."""

    exit_code = 11
    cure = "Mend the keys that are named, each with its file. Every key: [the release file](release-file.md)."

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class KconfigError(UserError):
    """The resolved kernel configuration does not hold what the fragments demand, or a fragment is not valid."""

    exit_code = 12
    cure = "Add the symbol that is named as being in the way to the fragment, mend the line, or mark it `# optional: REASON`."


class PatchError(UserError):
    """A patch or its series file is missing or does not apply."""

    exit_code = 13
    cure = (
        "Make the patch anew against the source as it is, and list every patch once in its `series`: [patches](add-a-patch.md)."
    )


class SpecError(UserError):
    """A spec template does not render, or what it renders is no valid spec for the target."""

    exit_code = 14
    cure = "Mend the template in `specs/`, or give the target the trait that it asks for."


class VerifyError(UserError):
    """A source is not what the release pins: its digest or its signature says otherwise."""

    exit_code = 15
    cure = (
        "Do not go on: find out whether the file or the pin is wrong. If the pin is, take the digest or the key from a "
        "place that you trust, not from the file that came."
    )


class RecordError(UserError):
    """A record of a cut cannot be read, or this checkout is not the one that it speaks of."""

    exit_code = 16
    cure = "Check out the commit that the hint names, or take a record that is whole: [records](record.md)."


class SigningError(UserError):
    """The key cannot sign: it is missing, expired, locked, of a kind that the target does not verify, or its signer refuses."""

    exit_code = 17
    cure = "Name another key, unlock it, or mend the signer; what each target verifies: [signing](publish.md)."


class BuildError(TproxyError):
    """rpmbuild failed inside a build root, or left something else than was asked for."""

    exit_code = 20
    cure = (
        "Read the end of build.log that is shown; all of it is in `build/RELEASE/logs/PACKAGE-ARCH/`. Mend the package: "
        "its spec, patches or build requirements."
    )


class GateError(BuildError):
    """A finished artifact is not what the target can take. `findings` holds every one, not only the first."""

    exit_code = 21
    cure = (
        "Each finding names file, tag and value: mend the spec or the target. Never the limit, unless what reads there "
        "really reads more."
    )

    def __init__(self, findings: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(findings), hint=hint)
        self.findings = tuple(findings)


class EquivalentError(BuildError):
    """A second build gave other bytes, but only in tags that need not agree: build time, build host, signatures."""

    exit_code = 22
    cure = (
        "None needed where signatures were added or the target's rpm is old; the page that is named tells what differs: "
        "[reproducible](reproducible.md)."
    )


class DifferentError(BuildError):
    """A second build gave something else."""

    exit_code = 23
    cure = "Each difference is told with its cause and cure on the page that is named: [reproducible](reproducible.md)."


class RebuildError(GateError):
    """A rebuild gave other bytes than the record tells of. `findings` holds every file."""

    exit_code = 24
    cure = (
        "Look at the packages of the build roots that have changed since, which are named; a lock or a snapshot of the "
        "archive gives the old ones back."
    )


class AcceptanceError(GateError):
    """The packages of a cut do not proxy as they should. `findings` holds every check that failed."""

    exit_code = 25
    cure = "Each check that failed is named; logs and packet captures lie beside the verdict: [acceptance](acceptance.md)."


class UnpublishableError(GateError):
    """A cut is not ready to be published. `findings` holds every obstacle."""

    exit_code = 26
    cure = "Each obstacle is named with its cause: do what it asks for, and look again: [where a cut stands](status.md)."


class DiffersError(TproxyError):
    """Two sets of packages are not the same bytes, and `doit diff` was asked to fail then (`--exit-code`)."""

    exit_code = 27
    cure = "None needed if a change was meant; what differs is told: [what has changed](diff.md)."


class HostError(TproxyError):
    """The surroundings failed: a tool is missing, the disk is full, a command of the host broke."""

    exit_code = 30
    cure = "Do what the hint says; `doit doctor` looks for all that a release needs of the host, with a cure each."


class FetchError(HostError):
    """No mirror gave the source whole and right."""

    exit_code = 31
    cure = (
        "Every place that was tried is named with what it said. Try again, or put the file into a folder and name it: "
        "`TPROXY_RPMS_MIRROR=FOLDER`."
    )


class RootError(HostError):
    """A build root could not be made or entered."""

    exit_code = 32
    cure = "Look at root.log, which is named. Most often: no mirror, a full disk, or a host without user namespaces."


class LockedError(HostError):
    """Another run holds the lock."""

    exit_code = 33
    cure = "Wait until the run that is named has ended, or end it, and give the same command again."


class KojiError(HostError):
    """A Koji hub cannot be reached, does not let us in, or lacks what the release asks of it."""

    exit_code = 36
    cure = (
        "Do what the hint says; `doit doctor` looks for all that a release needs of its hub. Tasks that are at work go on, and "
        "the next run finds them: [Koji](koji.md)."
    )


class PublishError(HostError):
    """The place to publish to cannot be reached, has no room, or does not hold what was sent."""

    exit_code = 35
    cure = (
        "What was served before still is. Mend the place, its disk or your way to it, and publish again: it goes on with "
        "the upload."
    )
