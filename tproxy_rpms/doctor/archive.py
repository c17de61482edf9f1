"""The host's own distribution archive: sources of releases and the packages of build roots come from there."""

from collections.abc import Iterator, Sequence

from tproxy_rpms.doctor.finding import Case, Finding, failure, good
from tproxy_rpms.errors import HostError
from tproxy_rpms.sources.apt import Entry, read_codename, read_entries, select_entries

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TRUSTED = ("/etc/apt/trusted.gpg", KEYRING)


def check_archive(case: Case) -> Iterator[Finding]:
    """apt's sources and the keys that vouch for them, as they lie on the disk: nothing is asked over the network."""
    suite = case.release.target.suite
    os_release = case.host.path("/etc/os-release")
    try:
        if not os_release.is_file():
            raise HostError(f"{os_release}: no such file", hint="a Debian host with its package mirror is needed")
        codename = read_codename(os_release)
        entries = select_entries(read_entries(case.host.path("/etc/apt")), codename=codename, suite=suite)
    except HostError as error:
        yield failure("package mirror", error.message, error.hint)
        return
    uris = sorted({uri for entry in entries for uri in entry.uris})
    yield good("package mirror", f"{suite} from {', '.join(uris)} (named in /etc/apt; not asked)")
    missing = list_missing_keys(case, entries)
    if missing:
        yield failure("archive keys", f"not there: {', '.join(missing)}", "apt-get install debian-archive-keyring")
    else:
        yield good("archive keys", "every keyring that apt's sources need is there")


def list_missing_keys(case: Case, entries: Sequence[Entry]) -> list[str]:
    """Return the keyrings that entries name and the host has not; without a name any of apt's own will do."""
    missing = []
    for entry in entries:
        options = {name.lower(): value for name, value in entry.options}
        if options.get("trusted", "") == "yes":
            continue
        named = [word for word in options.get("signed-by", "").split() if word.startswith("/")]
        missing += [name for name in named if not case.host.path(name).is_file()]
        if "signed-by" not in options and not has_own_keys(case):
            missing.append("/etc/apt/trusted.gpg.d/*")
    return list(dict.fromkeys(missing))


def has_own_keys(case: Case) -> bool:
    """Whether apt has a keyring for archives that name none."""
    folder = case.host.path("/etc/apt/trusted.gpg.d")
    return any(folder.glob("*.gpg")) or any(folder.glob("*.asc")) or any(case.host.path(name).is_file() for name in TRUSTED)


def check_sources(case: Case) -> Iterator[Finding]:
    """The archive, for releases that take sources from it."""
    if any(source.archive for source in case.release.sources.values()):
        yield from check_archive(case)


CHECKS = (check_sources,)
