"""Signed copies of RPMs: by rpmsign, with whatever signs; the unsigned RPM stays as it is."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.errors import BuildError, GateError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.process import require_tool
from tproxy_rpms.signing.profile import SigningProfile
from tproxy_rpms.signing.signer import Signer, explain, write_script
from tproxy_rpms.signing.verify import has_same_content, verify_package
from tproxy_rpms.store import copy_link, whole_folder


def sign_packages(rpms: Sequence[Path], folder: Path, *, signer: Signer, profile: SigningProfile, epoch: int) -> tuple[Path, ...]:
    """Make `folder` hold a signed copy of each RPM and nothing else, and return the copies.

    A copy that is there already and still good (the same package, good signatures by the same key) is kept as it is: a signature
    has the time in it, so signing again would give other bytes. Raises SigningError if nothing signs, GateError for a signature
    that another tool finds bad.
    """
    with whole_folder(folder) as fresh:
        for rpm in sorted(rpms):
            kept = folder / rpm.name
            if kept.is_file() and is_good_copy(rpm, kept, signer, profile):
                copy_link(kept, fresh / rpm.name)
                continue
            sign_package(rpm, fresh / rpm.name, signer=signer, profile=profile)
            verify_package(fresh / rpm.name, signer.key, profile)
            os.utime(fresh / rpm.name, (epoch, epoch))
    return tuple(sorted(folder.glob("*.rpm")))


def is_good_copy(rpm: Path, signed: Path, signer: Signer, profile: SigningProfile) -> bool:
    """Tell whether a file is a signed copy of an RPM, good in all."""
    try:
        says = {one.says for one in read_artifact(signed).signatures}
        wanted = {one for one in profile.signatures if one.endswith(f"/{signer.digest}") or not signer.digest}
        if not has_same_content(rpm, signed) or says - wanted:
            return False
        verify_package(signed, signer.key, profile)
    except (GateError, BuildError):
        return False
    return True


def sign_package(rpm: Path, signed: Path, *, signer: Signer, profile: SigningProfile) -> None:
    """Write a signed copy of an RPM. Raises SigningError with rpmsign's words."""
    shutil.copyfile(rpm, signed)
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-sign-") as scratch:
        # By its bare name, in rpmsign's own folder: the macro is split at blanks, which a path may have.
        script = write_script(signer, Path(scratch)).name
        argv = [
            require_tool("rpmsign", package="rpm (Debian) or rpm-sign (Fedora)"),
            "--define", f"_gpg_name {signer.key.fingerprint}",
            "--define", f"__gpg_sign_cmd /bin/sh sh ./{script} %{{__plaintext_filename}} %{{__signature_filename}}",
            *(["--rpmv3"] if profile.whole else []), "--addsign", str(signed.absolute()),
        ]  # fmt: skip
        done = signer.run(argv, cwd=Path(scratch))
    if done.returncode:
        signed.unlink(missing_ok=True)
        raise explain(signer, done, what=rpm.name)
