"""A certificate authority for tests, made by openssl: for a hub, and for users, whose certificates may have run out."""

import subprocess
from pathlib import Path

CONFIG = """\
[ca]
default_ca = tests
[tests]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.pem
rand_serial = yes
default_md = sha256
unique_subject = no
copy_extensions = copy
x509_extensions = leaf
policy = name
[name]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
[req]
distinguished_name = req
x509_extensions = authority
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
"""

NEW_KEY = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
VALID = ("20200101000000Z", "20991231000000Z")
EXPIRED = ("20200101000000Z", "20200102000000Z")


class Authority:
    """Keys and certificates, each pair in one PEM file of a folder; ca.pem is the authority's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "openssl.cnf"
        self.config.write_text(CONFIG.format(folder=folder))
        (folder / "index.txt").touch()
        run(
            [*NEW_KEY, "-x509", "-days", "30", "-subj", "/CN=authority", "-keyout", self.ca, "-out", folder / "ca.crt"],
            self.config,
        )
        join(self.ca, folder / "ca.crt")

    @property
    def ca(self) -> Path:
        """The authority's certificate, and its key."""
        return self.folder / "ca.pem"

    def issue(self, name: str, *, expired: bool = False, hosts: str = "") -> Path:
        """Return the key and certificate of somebody; `hosts` are alternative names as openssl writes them, "IP:127.0.0.1"."""
        path = self.folder / f"{name}{'-expired' if expired else ''}.pem"
        if not path.is_file():
            request, certificate = path.with_suffix(".csr"), path.with_suffix(".crt")
            extra = ["-addext", f"subjectAltName={hosts}"] if hosts else []
            start, end = EXPIRED if expired else VALID
            run([*NEW_KEY, "-subj", f"/CN={name}", *extra, "-keyout", path, "-out", request], self.config)
            run(
                ["openssl", "ca", "-batch", "-notext", "-startdate", start, "-enddate", end, "-in", request, "-out", certificate],
                self.config,
            )
            join(path, certificate)
        return path


def run(argv: list[str | Path], config: Path) -> None:
    """Run openssl with a configuration."""
    subprocess.run([*argv[:2], "-config", config, *argv[2:]], check=True, capture_output=True)


def join(key: Path, certificate: Path) -> None:
    """Put the certificate behind its key."""
    with key.open("a") as file:
        file.write(certificate.read_text())
    key.chmod(0o600)
