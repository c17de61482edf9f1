"""Every way a cut can fail: one class a failure, each with its exit code.

Three families tell apart who has to act: `UserError` (mend the input), `BuildError` (mend the package) and `HostError`
(mend the surroundings: host, network, disk). Nothing below the edge exits or prints: it raises one of these.
"""

from collections.abc import Sequence


class TproxyError(Exception):
    """A failure with a message for people, a hint that tells the cure, and the exit code of its class."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UserError(TproxyError):
    """The input is wrong: a release file, a fragment, a patch, a spec."""

    exit_code = 10


class ReleaseError(UserError):
    """A release file is not valid. `problems` holds every problem found, not only the first."""

    exit_code = 11

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class KconfigError(UserError):
    """The resolved kernel configuration does not hold what the fragments demand, or a fragment is not valid."""

    exit_code = 12


class PatchError(UserError):
    """A patch or its series file is missing or does not apply."""

    exit_code = 13


class SpecError(UserError):
    """A spec template does not render, or what it renders is no valid spec for the target."""

    exit_code = 14


class VerifyError(UserError):
    """A source is not what the release pins: its digest or its signature says otherwise."""

    exit_code = 15


class RecordError(UserError):
    """A record of a cut cannot be read, or this checkout is not the one that it speaks of."""

    exit_code = 16


class SigningError(UserError):
    """The key cannot sign: it is missing, expired, locked, of a kind that the target does not verify, or its signer refuses."""

    exit_code = 17


class BuildError(TproxyError):
    """rpmbuild failed inside a build root, or left something else than was asked for."""

    exit_code = 20


class GateError(BuildError):
    """A finished artifact is not what the target can take. `findings` holds every one, not only the first."""

    exit_code = 21

    def __init__(self, findings: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(findings), hint=hint)
        self.findings = tuple(findings)


class EquivalentError(BuildError):
    """A second build gave other bytes, but only in tags that need not agree: build time, build host, signatures."""

    exit_code = 22


class DifferentError(BuildError):
    """A second build gave something else."""

    exit_code = 23


class RebuildError(GateError):
    """A rebuild gave other bytes than the record tells of. `findings` holds every file."""

    exit_code = 24


class AcceptanceError(GateError):
    """The packages of a cut do not proxy as they should. `findings` holds every check that failed."""

    exit_code = 25


class UnpublishableError(GateError):
    """A cut is not ready to be published. `findings` holds every obstacle."""

    exit_code = 26


class HostError(TproxyError):
    """The surroundings failed: a tool is missing, the disk is full, a command of the host broke."""

    exit_code = 30


class FetchError(HostError):
    """No mirror gave the source whole and right."""

    exit_code = 31


class RootError(HostError):
    """A build root could not be made or entered."""

    exit_code = 32


class LockedError(HostError):
    """Another run holds the lock."""

    exit_code = 33


class PublishError(HostError):
    """The place to publish to cannot be reached, has no room, or does not hold what was sent."""

    exit_code = 35
