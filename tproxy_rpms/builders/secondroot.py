"""The root of second builds: made by itself, and with what it takes to give a build another clock and locale."""

from collections.abc import Mapping
from pathlib import Path

from tproxy_rpms.builders.root import Root, RootStore
from tproxy_rpms.release.model import Arch, Target

# A locale with another decimal point, collation, charset of messages and order of dates than C.
LOCALE = "fr_FR.UTF-8"

# libfaketime 0.9.10 lacks the calls of 32-bit programs with 64-bit times (date, tar, touch): these lead to those that it has.
TIME64 = r"""
#ifndef __LP64__
#include <time.h>
struct time64 { long long seconds; int nanoseconds, padding; };
int __clock_gettime64(clockid_t clock, struct time64 *result)
{
	struct timespec now;
	int status = clock_gettime(clock, &now);
	*result = (struct time64) { now.tv_sec, now.tv_nsec, 0 };
	return status;
}
long long __time64(long long *result)
{
	time_t now = time(NULL);
	if (result) *result = now;
	return now;
}
int __gettimeofday64(long long *result, void *zone)
{
	struct timespec now;
	int status = clock_gettime(CLOCK_REALTIME, &now);
	result[0] = now.tv_sec, result[1] = now.tv_nsec / 1000;
	return status;
}
#endif
"""

SETUP = f"""\
chroot "$1" localedef -i {LOCALE.partition(".")[0]} -f UTF-8 {LOCALE}
chroot "$1" gcc -O -fPIC -shared -o /usr/lib/time64.so -x c - <<'EOF'{TIME64}EOF
"""


def second_roots(target: Target, *, cache: Path) -> RootStore:
    """Return the store of a target's second roots."""
    return RootStore(target=target, cache=cache, extra=("faketime", "locales"), setup=SETUP)


def make_second_root(roots: RootStore, arch: Arch, *, first: Root, log: Path) -> Root:
    """Return the second root of an arch; one of another day, with other packages than the first, is made anew.

    Raises RootError when it cannot be made.
    """
    root = roots.make(arch, log=log)
    if list_changes(first.packages, root.packages):
        roots.forget(arch)
        root = roots.make(arch, log=log)
    return root


def describe_roots(first: Root, second: Root) -> tuple[str, str]:
    """Return what is said of both roots: their digests, and which packages the distribution has changed since the first."""
    changes = list_changes(first.packages, second.packages)
    told = f", with {', '.join(changes)}" if changes else ""
    return f"archive {first.sha256[:12]}", f"archive {second.sha256[:12]}, made anew{told}"


def list_changes(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """Return the packages of the first root that the second lacks or has in another version."""
    return [f"{name} {second.get(name, 'gone')}" for name, version in sorted(first.items()) if second.get(name) != version]
