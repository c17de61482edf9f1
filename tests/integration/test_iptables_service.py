"""The init script of iptables, with the iptables of a finished cut in a network namespace of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from .finished import FinishedCut
from .proxyhost import MANGLE

SCRIPT = Path(__file__).parents[2] / "specs" / "files" / "iptables"

RULES = f"""\
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
COMMIT
{MANGLE}"""

# Every setting of EL5's own iptables-config, with its values there.
EL5_CONFIG = """\
IPTABLES_MODULES="ip_conntrack_netbios_ns"
IPTABLES_MODULES_UNLOAD="yes"
IPTABLES_SAVE_ON_STOP="no"
IPTABLES_SAVE_ON_RESTART="no"
IPTABLES_SAVE_COUNTER="no"
IPTABLES_STATUS_NUMERIC="yes"
IPTABLES_STATUS_VERBOSE="no"
IPTABLES_STATUS_LINENUMBERS="yes"
"""

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]


@dataclass(frozen=True, kw_only=True)
class Service:
    """The script with its places moved into a folder, and the folder of the unpacked iptables."""

    folder: Path
    unpacked: Path
    sbin: Path

    def run(self, *lines: str) -> str:
        """Run shell lines in one new network namespace; `service` and `iptables` are ours. Returns all that they say."""
        libraries = [str(path.parent) for path in self.unpacked.rglob("libxtables.so.*")]
        extensions = next(path.parent for path in self.unpacked.rglob("libxt_TPROXY.so"))
        environment = os.environ | {"LD_LIBRARY_PATH": libraries[0], "XTABLES_LIBDIR": str(extensions)}
        prelude = f'service() {{ sh {self.folder}/iptables $1 2>&1; echo $1: $?; }}; iptables() {{ {self.sbin}/iptables "$@"; }}'
        result = subprocess.run(
            ["unshare", "--net", "sh", "-c", "\n".join([prelude, *lines])],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert result.stderr == ""
        return result.stdout


@pytest.fixture
def service(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path) -> Service:
    made = Service(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin)
    text = (SCRIPT / "iptables.init").read_text()
    places = {"NAME": "iptables", "PREFIX": "IPTABLES", "RULES": f"{tmp_path}/rules", "CONFIG": f"{tmp_path}/config",
              "SBINDIR": str(made.sbin), "HOOKS": f"{tmp_path}/hooks"}  # fmt: skip
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    (tmp_path / "iptables").write_text(text)
    (tmp_path / "rules").write_text(RULES)
    return made


def test_it_loads_the_missions_rules_and_removes_them(service: Service) -> None:
    said = service.run("service status", "service start", "iptables -t mangle -S", "iptables -S", "service stop", "echo ==",
                       "iptables -S", "iptables -t mangle -S")  # fmt: skip
    before, after = said.split("==\n")
    assert "status: 3\n" in before
    assert "start: 0\n" in before
    assert "-j TPROXY --on-port 3129" in before
    assert "-P INPUT DROP\n" in before
    assert "stop: 0\n" in before
    assert set(after.split()) & {"-A", "-N", "DROP"} == set()
    assert "-P INPUT ACCEPT" in after


def test_a_restart_forgets_tables_that_left_the_file(service: Service) -> None:
    (service.folder / "filter").write_text(RULES[: RULES.index("*mangle")])
    said = service.run(
        "service start", f"cp {service.folder}/filter {service.folder}/rules", "service restart", "iptables -t mangle -S"
    )
    assert "restart: 0\n" in said
    assert "DIVERT" not in said


HOOK = """\
#!/bin/sh
echo "hook called with $*; the filter has $({iptables} -S | grep -c -e '-i lo') rule, raw $({iptables} -t raw -S | grep -c -e -A)"
exit {status}
"""


@pytest.mark.parametrize("status", [0, 1])
def test_hooks_run_when_the_rules_are_loaded_and_others_gone(status: int, service: Service) -> None:
    hooks = service.folder / "hooks"
    hooks.mkdir()
    (hooks / "one").write_text(HOOK.format(iptables=service.sbin / "iptables", status=status))
    (hooks / "one").chmod(0o755)
    (hooks / "README").write_text("this one is not for running")
    said = service.run("iptables -t raw -A PREROUTING -j ACCEPT", "service start", "iptables -t raw -A OUTPUT -j ACCEPT",
                       "service restart", "service stop", "service save", "service status")  # fmt: skip
    called = [line for line in said.splitlines() if "hook called" in line]
    assert called == [
        "hook called with iptables start; the filter has 1 rule, raw 1",
        "hook called with iptables restart; the filter has 1 rule, raw 0",
    ]
    assert "start: 0\n" in said and "restart: 0\n" in said
    assert said.count("hooks/one failed") == 2 * status


def test_a_start_that_failed_says_so_after_its_hooks(service: Service) -> None:
    (service.folder / "rules").unlink()
    (service.folder / "hooks").mkdir()
    assert "start: 6\n" in service.run("service start")


def test_panic_drops_everything_and_start_takes_it_back(service: Service) -> None:
    said = service.run(
        "service start", "service panic", "iptables -S", "iptables -t mangle -S", "echo ==", "service start", "iptables -S"
    )
    panic, after = said.split("==\n")
    assert "-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n" in panic
    assert "-A" not in panic.split()
    assert "-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-A INPUT -i lo -j ACCEPT" in after


def test_the_rules_are_saved_with_a_copy_of_the_old_ones(service: Service) -> None:
    said = service.run(
        "service start", "iptables -A INPUT -p icmp -j ACCEPT", "service save", "service stop", "service start", "iptables -S"
    )
    assert said.rstrip().endswith("-A INPUT -p icmp -j ACCEPT")
    assert (service.folder / "rules.save").read_text() == RULES
    assert (service.folder / "rules").stat().st_mode & 0o777 == 0o600


def test_bad_rules_leave_the_loaded_ones(service: Service) -> None:
    (service.folder / "bad").write_text(RULES.replace("-A INPUT -i lo", "-A INPUT --nonsense"))
    said = service.run("service start", f"cp {service.folder}/bad {service.folder}/rules", "service restart", "iptables -S")
    assert "restart: 1\n" in said
    assert "-A INPUT -i lo -j ACCEPT" in said


def test_settings_of_el5_are_taken(service: Service) -> None:
    (service.folder / "config").write_text(EL5_CONFIG)
    said = service.run("service start", "service status", "service stop", "iptables -S")
    assert "num  target" in said
    assert "pkts" not in said
    assert "-P INPUT ACCEPT" in said
    (service.folder / "config").write_text(
        EL5_CONFIG.replace('VERBOSE="no"', 'VERBOSE="yes"').replace('NUMBERS="yes"', 'NUMBERS="no"')
    )
    said = service.run("service start", "service status")
    assert "pkts" in said
    assert "num " not in said


def test_a_module_that_is_not_there_keeps_no_rule_away(service: Service) -> None:
    (service.folder / "config").write_text('IPTABLES_MODULES="no_such_module"\n')
    said = service.run("service start", "iptables -S")
    assert "start: 1\n" in said
    assert "-A INPUT -i lo -j ACCEPT" in said


def test_saving_on_stop_is_a_setting(service: Service) -> None:
    (service.folder / "config").write_text("IPTABLES_SAVE_ON_STOP=yes\nIPTABLES_SAVE_COUNTER=yes\n")
    service.run("service start", "iptables -A INPUT -p icmp -j ACCEPT", "service stop")
    assert "-p icmp" in (service.folder / "rules").read_text()
