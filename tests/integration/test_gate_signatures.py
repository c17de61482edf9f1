"""The gate on signed RPMs: keys and signatures of every kind, made on the fly by GnuPG old and new and the host's rpmsign."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.gates.rules import check_artifact
from tproxy_rpms.release.load import load_release

from ..conftest import ROOT
from .package import build_package
from .signingkeys import make_key

LIMITS = load_release("centos5", root=ROOT).target.limits


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build_package(tmp_path_factory.mktemp("clean"))


class Key:
    """A signing key of one kind, in a home of its own."""

    def __init__(self, home: Path, *, kind: str, bits: int, program: str) -> None:
        self.home, self.program = home, program
        make_key(home, kind=kind, bits=bits, program=program, name="gate")

    def sign(self, rpm: Path, folder: Path, *options: str) -> Path:
        """A signed copy, by the host's rpmsign."""
        signed = folder / rpm.name
        shutil.copy(rpm, signed)
        command = [shutil.which(self.program), self.program, "--batch", "--no-armor", "--homedir", str(self.home), *options]
        sign = " ".join(
            map(str, [*command, "-u", "gate@example.org", "-sbo", "%{__signature_filename}", "--", "%{__plaintext_filename}"])
        )
        argv = [
            "rpmsign",
            "--define",
            "_gpg_name gate@example.org",
            "--define",
            f"__gpg_sign_cmd {sign}",
            "--addsign",
            str(signed),
        ]
        result = subprocess.run(argv, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return signed


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    folder = tmp_path_factory.mktemp("keys")
    return {
        "RSA": Key(folder / "rsa", kind="RSA", bits=2048, program="gpg"),
        "old RSA": Key(folder / "old-rsa", kind="RSA", bits=2048, program="gpg1"),
        "DSA": Key(folder / "dsa", kind="DSA", bits=2048, program="gpg"),
        "old DSA": Key(folder / "old-dsa", kind="DSA", bits=1024, program="gpg1"),
        "EdDSA": Key(folder / "eddsa", kind="EdDSA", bits=256, program="gpg"),
    }


@pytest.mark.parametrize(
    ("key", "options", "says", "good"),
    [
        ("old RSA", ["--force-v3-sigs", "--digest-algo", "SHA256"], "V3 RSA/SHA256", True),
        ("old RSA", ["--force-v3-sigs", "--digest-algo", "SHA1"], "V3 RSA/SHA1", True),
        ("old RSA", ["--no-force-v3-sigs", "--digest-algo", "SHA1"], "V4 RSA/SHA1", False),
        ("RSA", ["--force-v3-sigs", "--digest-algo", "SHA256"], "V4 RSA/SHA256", False),
        ("old DSA", ["--digest-algo", "SHA1", "--no-force-v3-sigs"], "V4 DSA/SHA1", True),
        ("old DSA", ["--digest-algo", "SHA1", "--force-v3-sigs"], "V3 DSA/SHA1", True),
        ("DSA", ["--digest-algo", "SHA256"], "V4 DSA/SHA256", False),
        ("EdDSA", ["--digest-algo", "SHA256"], "V4 EdDSA/SHA256", False),
    ],
)
def test_version_and_algorithms_decide(
    key: str, options: list[str], says: str, good: bool, keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    for path in clean:
        artifact = read_artifact(keys[key].sign(path, tmp_path, *options))
        assert artifact.signatures
        assert {signed.says for signed in artifact.signatures} == {says}
        findings = check_artifact(artifact, LIMITS)
        expected = set() if good else {("signatures", signed.tag, says) for signed in artifact.signatures}
        assert {(finding.limit, finding.tag, finding.value) for finding in findings} == expected
