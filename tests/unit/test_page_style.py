"""The style of all pages: letters that can be read on what is behind them, in light and in dark (WCAG 2.1, 1.4.3: 4.5 to 1)."""

import re
from pathlib import Path

import pytest

import tproxy_rpms

ROOMS = Path(tproxy_rpms.__file__).parent
BASE = (ROOMS / "page" / "base.html.j2").read_text()
REPORT = (ROOMS / "report" / "style.css.j2").read_text()

LEAST = 4.5


def read_colours() -> dict[str, dict[str, str]]:
    """The colours of each scheme, name → hex digits of six."""
    light, dark = (
        dict(re.findall(r"--(\w+): #([0-9a-f]{3,6});", block)) for block in re.findall(r":root \{(.*?)\}", BASE, re.S)[:2]
    )
    return {name: {key: widen(value) for key, value in scheme.items()} for name, scheme in {"light": light, "dark": dark}.items()}


def widen(colour: str) -> str:
    return colour if len(colour) == 6 else "".join(2 * digit for digit in colour)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("behind", ["ground", "quiet"])
def test_letters_stand_out(scheme: str, behind: str) -> None:
    colours = read_colours()[scheme]
    found = {name: contrast(colours[name], colours[behind]) for name in ("text", "soft", "link", "good", "fair", "bad")}
    assert not {name: ratio for name, ratio in found.items() if ratio < LEAST}


def test_names_stand_out_on_the_bars_of_a_timeline() -> None:
    (letters,) = re.findall(r"\.block text \{ fill: #(\w{6})", REPORT)
    kinds = dict(re.findall(r"\.kind-(\w+) \{ fill: #(\w{6})", REPORT))
    assert len(kinds) == 7
    assert not {name: colour for name, colour in kinds.items() if contrast(letters, colour) < LEAST}


def test_every_kind_of_step_has_its_colour() -> None:
    from tproxy_rpms.report.timeline import KINDS

    kinds = set(re.findall(r"\.kind-(\w+) ", REPORT))
    assert {kind.split()[-1] for kind in (*KINDS.values(), "repositories")} == kinds


def test_a_contrast_is_counted_as_the_rule_says() -> None:
    assert contrast("ffffff", "000000") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)
