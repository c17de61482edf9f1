"""The scripts that shells read: each asks us for what may come next, so that all complete the same."""

from pathlib import Path

HERE = Path(__file__).parent
SHELLS = ("bash", "fish", "zsh")


def read_script(shell: str) -> str:
    """Return the script of a shell of SHELLS."""
    return (HERE / f"completion.{shell}").read_text()
