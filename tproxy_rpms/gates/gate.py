"""The gate itself: all artifacts of a step against the target's limits, a report that stays, and an end to the cut."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tproxy_rpms.errors import BuildError, GateError
from tproxy_rpms.gates.artifact import Artifact, read_artifact
from tproxy_rpms.gates.rules import Finding, check_artifact
from tproxy_rpms.release.model import Target
from tproxy_rpms.store import write_json


def check_artifacts(paths: Sequence[Path], *, target: Target, report: Path, signatures: Sequence[str] = ()) -> None:
    """Check RPMs and SRPMs, and write what was looked at and found to `report`, whatever comes of it.

    Args:
        signatures: what each must be signed with, one of them or more; empty for artifacts that need no signature.

    Raises GateError with every finding of every file.
    """
    artifacts, findings = [], []
    for path in sorted(paths):
        try:
            artifact = read_artifact(path)
        except BuildError as error:
            findings.append(describe_damage(path, error))
            continue
        artifacts.append(artifact)
        findings += check_artifact(artifact, target.limits)
        if signatures:
            findings += check_signed(artifact, signatures, target=target)
    write_json(report, {
        "target": target.name,
        "reader": target.limits.reader if target.limits else None,
        "ok": not findings,
        "artifacts": [summarize(artifact) for artifact in artifacts],
        "findings": [asdict(finding) for finding in findings],
    })  # fmt: skip
    if findings:
        raise GateError([str(finding) for finding in findings], hint=f"the whole report: {report}")


def check_signed(artifact: Artifact, signatures: Sequence[str], *, target: Target) -> Iterator[Finding]:
    """Yield what is wrong with how an artifact is signed: not at all, or in another way than the target's profile has it."""
    says = {signed.tag: signed.says for signed in artifact.signatures} or {"signatures": "none"}
    for tag, kind in says.items():
        if kind not in signatures:
            yield Finding(
                file=artifact.file, limit="signing", tag=tag, value=kind, source="",
                why=f"{target.name} takes {', '.join(signatures)}", cure=f"sign for the profile {target.signing}",
            )  # fmt: skip


def describe_damage(path: Path, error: BuildError) -> Finding:
    """Return the finding of a file that nobody can read, whatever the target."""
    why = error.message.removeprefix(f"{path}: ")
    return Finding(file=path.name, limit="file", tag="file", value="damaged", why=why, cure="build it again", source="")


def summarize(artifact: Artifact) -> dict[str, object]:
    """Return what of an artifact a report tells."""
    return {
        "file": artifact.file,
        "nvra": f"{artifact.name}-{artifact.version}-{artifact.release}.{'src' if artifact.source else artifact.arch}",
        "lead": artifact.lead_major,
        "header": {"tags": artifact.header.tags, "bytes": artifact.header.size},
        "signature_header": {"tags": artifact.signature_header.tags, "bytes": artifact.signature_header.size},
        "payload": {"says": artifact.payload_compressor, "is": artifact.payload, "archive": artifact.archive},
        "file_digests": {"number": artifact.digest_number, "digits": sorted(artifact.digest_lengths)},
        "files": len(artifact.files),
        "largest": max((size for _, size in artifact.files), default=0),
        "rpmlib": sorted({dep.name for dep in artifact.dependencies if dep.kind == "REQUIRE" and dep.name.startswith("rpmlib(")}),
        "scriptlets": [asdict(scriptlet) for scriptlet in artifact.scriptlets],
        "signatures": [asdict(signed) for signed in artifact.signatures],
    }
