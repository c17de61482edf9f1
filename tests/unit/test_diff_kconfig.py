"""The configurations of two kernels compared, and where they are read from."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from tproxy_rpms.diff.change import Details
from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.kconfig import compare_configs, find_config, parse_config
from tproxy_rpms.diff.package import Package

from .diffsets import make_contents, make_file, make_package, make_packages

SYMBOLS = st.dictionaries(st.sampled_from(["A", "B", "TPROXY", "9P_FS"]), st.sampled_from(["y", "m", "n", '"text"', "0x10"]))


@settings(deadline=None)
@given(old=SYMBOLS, new=SYMBOLS)
def test_the_changes_of_a_configuration_make_the_new_out_of_the_old(old: dict[str, str], new: dict[str, str]) -> None:
    made = dict(old)
    for change in compare_configs(old, new):
        assert change.old != change.new
        assert change.word == ("added" if change.symbol not in old else "removed" if change.symbol not in new else "changed")
        if change.new:
            made[change.symbol] = change.new
        else:
            del made[change.symbol]
    assert made == new


@settings(deadline=None)
@given(SYMBOLS)
def test_a_configuration_is_read_as_the_kernel_writes_it(symbols: dict[str, str]) -> None:
    lines = [f"# CONFIG_{name} is not set" if value == "n" else f"CONFIG_{name}={value}" for name, value in symbols.items()]
    assert parse_config("\n".join(["#", "# Automatically generated file", "#", "", *lines, ""])) == symbols


def test_a_kernels_configuration_is_read_only_if_its_file_has_changed() -> None:
    asked = []

    def read(package: Package, path: str) -> Mapping[str, str]:
        asked.append(path)
        return {"TPROXY": "m" if package.version == "1.0" else "n"}

    def kernel(version: str, digest: str) -> Package:
        contents = make_contents([make_file(f"/boot/config-{version}-1", digest=digest)], body=version)
        return make_package("kernel", version=version, contents=contents)

    old = kernel("1.0", "aa")
    (change,) = compare_sets(make_packages(old), make_packages(kernel("2.0", "aa")), read=read).changes
    assert change.details == Details(renamed=1) and asked == []
    (change,) = compare_sets(make_packages(old), make_packages(kernel("2.0", "bb")), read=read).changes
    assert asked == ["/boot/config-1.0-1", "/boot/config-2.0-1"]
    assert change.details
    assert [(one.symbol, one.old, one.new) for one in change.details.symbols] == [("TPROXY", "m", "n")]


def test_where_a_kernels_configuration_is() -> None:
    files = [make_file("/lib/modules/6/config"), make_file("/usr/src/config-6"), make_file("/boot/config-6", flags=("ghost",))]
    assert find_config(make_contents(files)) == "/lib/modules/6/config"
    assert find_config(make_contents([*files, make_file("/boot/config-6.1")])) == "/boot/config-6.1"
    assert find_config(make_contents(files[1:])) == ""
