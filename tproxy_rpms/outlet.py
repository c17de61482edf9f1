"""Where a run's words go: text that a stream's encoding has, without what terminals obey; a reader that leaves ends nothing."""

import errno
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

# What our own lines have beyond ASCII, for streams that do not.
PLAIN = str.maketrans({"…": "...", "→": "->", "\u2013": "-", "\u00d7": "x"})

# A reader that has left: of a pipe, or of a terminal.
GONE = (errno.EPIPE, errno.EIO)

# Colours are SGR sequences; everything else that a terminal obeys is taken out of lines, the bell before all.
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a title, a link
    r"|\x1b\[[0-?]*[ -/]*[@-ln-~]"  # moves of the cursor, clearing
    r"|\x1b(?!\[[0-9;:]*m)(?:[ -/]*[0-~])?"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]"
)
STYLES = {"good": "\x1b[32m", "bad": "\x1b[1;31m"}
PLAIN_AGAIN = "\x1b[0m"


def fit_text(text: str, encoding: str | None) -> str:
    """Return a text that an encoding has: our own marks as ASCII, and all else that is missing as backslash escapes."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def clean_text(text: str, *, colours: bool) -> str:
    """Return a text with nothing but lines and tabs for a terminal to obey, and with colours only where they are wanted."""
    text = CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not colours:
        return COLOUR.sub("", text)
    return text + PLAIN_AGAIN if COLOUR.search(text) and not text.endswith(PLAIN_AGAIN) else text


def one_line(text: str) -> str:
    """Return a text that cannot break a line, nor send codes to a terminal: names and values come out of packages."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def write_text(stream: TextIO, text: str) -> None:
    """Write a text as it is, and at once. If its reader has left, the run goes on without this stream."""
    try:
        stream.write(fit_text(text, stream.encoding))
        stream.flush()
    except OSError as error:
        if error.errno not in GONE:
            raise
        silence(stream)


def silence(stream: TextIO) -> None:
    """Lead a stream that nobody reads to nowhere, and say so on standard error, if that is read.

    A build that runs for half an hour is worth more than the line that it could not say.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    if stream is not sys.stderr:
        with suppress(OSError, ValueError):
            sys.stderr.write("nobody reads the output any more; the run goes on without it\n")
            sys.stderr.flush()


def tolerate(stream: TextIO) -> None:
    """Have a stream of Python's own escape what its encoding lacks, whoever writes to it."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def has_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a stream is a terminal that can go back over a line."""
    return stream.isatty() and environ.get("TERM", "dumb").lower() not in ("", "dumb", "unknown")


def draws_bars(wish: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a stream gets bars: a terminal, not asked to be plain, and none of a CI's, unless asked for."""
    if wish == "plain" or not has_terminal(stream, environ):
        return False
    return wish == "bars" or environ.get("CI", "").lower() in ("", "0", "false")


def wants_colours(wish: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a stream gets colours: where it gets bars, unless NO_COLOR is set and not empty (no-color.org)."""
    return draws_bars(wish, stream, environ) and not environ.get("NO_COLOR")
