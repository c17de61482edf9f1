"""What of a release is a site's own: who signs it, where it is published, what its hosts can show of it."""

import re
from pathlib import Path

from tproxy_rpms.release.model import Acceptance, Publishing, Signing
from tproxy_rpms.release.table import Table, suggest

FINGERPRINT = re.compile(r"[0-9A-F]{40}")

# Where scenarios run, what the host may lack for them, and the stages whose verdict publishing can ask for.
WORLDS = ("namespaces", "machines")
CAPABILITIES = ("root", "namespaces", "tproxy", "i386", "qemu", "users", "gre")
DEMANDS = ("accept", "repro")
DIGESTS = ("SHA1", "SHA256", "SHA384", "SHA512")

# A remote folder is absolute, so that nobody has to know where a login ends up.
REMOTE = re.compile(
    r"(?:ssh://(?P<login>[^\s/:-][^\s/:]*)(?::(?P<port>\d+))?|(?P<short>[^\s/:-][^\s/:]*):)(?P<folder>/(?!/)[^\s'\"]*)",
)
URL = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d+)?(/\S*)?|file:///\S+")


def read_url(table: Table) -> str:
    """Return where clients find what is published, without a slash at its end."""
    url = table.take("url", str, "").rstrip("/")
    if url and not URL.fullmatch(url):
        table.complain("url", f"{url!r} is no URL: it must look like https://host/path")
    return url


def read_signing(table: Table) -> Signing:
    """Return a signing table."""
    key = re.sub(r"\s", "", table.take("key", str)).upper()
    if key and not FINGERPRINT.fullmatch(key):
        table.complain("key", f"{key!r} is no full fingerprint: 40 hex digits, as gpg --list-keys --fingerprint shows it")
    modern = table.table("modern")
    signing = Signing(
        key=key,
        home=table.path_of("home"),
        passphrase_file=table.path_of("passphrase_file"),
        command=table.texts("command", ()),
        public=table.path_of("public"),
        digest=table.choice("digest", DIGESTS) if "digest" in table.data else "",
        modern=read_signing(modern) if modern else None,
    )
    if "passphrase" in table.data:
        table.complain("passphrase", "a passphrase has no place in a release file: name a file of its own, passphrase_file")
    check_signing(signing, table)
    table.finish()
    return signing


def check_signing(signing: Signing, table: Table) -> None:
    """Complain of a signer that is half a command and half a key of a GnuPG home."""
    if signing.command and signing.public is None:
        table.complain("public", "missing: a command signs, so the public key must come from a file")
    if signing.command and (signing.home or signing.passphrase_file):
        table.complain("command", "a command signs by itself: drop home and passphrase_file")
    if signing.public and not signing.command:
        table.complain("public", "the key's own GnuPG home has it: drop this, or name a command")
    if signing.modern and signing.modern.modern:
        table.complain("modern.modern", "one more key is enough")


def read_publishing(table: Table) -> Publishing:
    """Return a publishing table."""
    publishing = Publishing(
        to=read_destination(table),
        ssh=table.texts("ssh", ()),
        keep=table.take("keep", int, Publishing.keep),
        grace=table.take("grace", int, Publishing.grace),
        demand=read_words(table, "demand", DEMANDS, ()),
    )
    if publishing.keep < 1:
        table.complain("keep", f"{publishing.keep}: at least the one that is served stays")
    if publishing.grace < 0:
        table.complain("grace", f"{publishing.grace}: minutes, 0 or more")
    table.finish()
    return publishing


def read_acceptance(table: Table) -> Acceptance:
    """Return an acceptance table."""
    acceptance = Acceptance(
        worlds=read_words(table, "worlds", WORLDS, WORLDS),
        scenarios=table.texts("scenarios", ()),
        may_skip=read_words(table, "may_skip", CAPABILITIES, ()),
    )
    if not acceptance.worlds:
        table.complain("worlds", f"empty: at least one of {', '.join(WORLDS)}")
    table.finish()
    return acceptance


def read_words(table: Table, name: str, options: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Return a list of texts that must be of `options`."""
    words = table.texts(name, default)
    for word in words:
        if word not in options:
            table.complain(name, f"{word!r} is none of {', '.join(options)}{suggest(word, options)}")
    return words


def read_destination(table: Table) -> str:
    """Return where to publish; a local folder is made absolute, relative to the file that names it."""
    to = table.take("to", str)
    if not to:
        return to
    if REMOTE.fullmatch(to):
        return to
    if ":" in to.partition("/")[0]:
        table.complain("to", f"{to!r} is neither a folder nor HOST:/FOLDER nor ssh://[USER@]HOST[:PORT]/FOLDER")
        return to
    return str((table.origin("to").parent / Path(to).expanduser()).resolve())
