"""A project whose one package the host's own rpmbuild makes: all that doit does but build roots, by tests that need no root."""

from pathlib import Path

from .project import SPEC, Project

# Before dodo.py is read, the builder's place is taken.
DODO = """\
from tests.integration import hostbuilder
from tproxy_rpms.builders import chroot

chroot.create = hostbuilder.create
"""


class HostedProject(Project):
    """A project that needs no build root."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        dodo = folder / "dodo.py"
        heading, _, rest = dodo.read_text().partition('"""\n')
        dodo.write_text(f'{heading}"""\n{DODO}{rest}')
        spec = SPEC.replace("gcc -O2 -o hello hello.c", "cp hello.c hello").replace(
            "%description", "%global debug_package %{nil}\n%description", 1
        )
        (folder / "specs" / "hello.spec.j2").write_text(spec)
