"""What commands print on: colour or none, text that cannot play tricks, errors as lines, exit codes.

Used by every command. Knows nothing of what is printed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Any

import typer
import typer.main
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.exceptions import TyperException

from fabricd.errors import FabricdError, InputError


class ExitCode(IntEnum):
    """What scripts can tell from a command."""

    DONE = 0
    ERROR = 1
    PENDING = 2  # changes are pending
    INTERRUPTED = 130


class Color(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_HANGING = 4  # cells that the later lines of a folded one are indented more
_PIPE_WIDTH = 10_000  # a pipe has no margin: nothing is wrapped or cut


class Terminal:
    """Standard output and standard error. Owns the two rich consoles; everything printed is Text, never markup."""

    def __init__(self, color: Color = Color.AUTO) -> None:
        self.out = _console(color, stderr=False)
        self.err = _console(color, stderr=True)

    @property
    def live(self) -> bool:
        """Whether somebody watches standard output: progress may be drawn."""
        return self.out.is_terminal and sys.stdout.isatty()

    def line(self, *parts: str | Text | tuple[str, str]) -> None:
        """One line; a part is text, or (text, style)."""
        self._print(self.out, assembled(*parts))

    def verbatim(self, text: str) -> None:
        """Text that is a file to people: no line of it is folded."""
        for line in text.splitlines():
            self.out.print(assembled(line), soft_wrap=True)

    def table(self, table: Table) -> None:
        if self.out.is_terminal:
            self.out.print(table, crop=False)
            return
        with self.out.capture() as capture:
            self.out.print(table)
        # A pipe has no use for padding.
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))

    def note(self, *parts: str | Text | tuple[str, str]) -> None:
        """A remark that is not the result: standard error."""
        self._print(self.err, assembled(*((part, "dim") if isinstance(part, str) else part for part in parts)))

    def document(self, content: Any) -> None:
        """One JSON document on one line; control characters are escaped, so a terminal takes no harm either."""
        sys.stdout.write(json.dumps(content, ensure_ascii=True) + "\n")
        sys.stdout.flush()

    def error(self, error: FabricdError) -> None:
        """One line for each problem, with its place."""
        problems = error.problems if isinstance(error, InputError) else ()
        lines = [str(problem) for problem in problems] or [
            f"{error.device}: {error.message}" if error.device and error.device not in error.message else error.message
        ]
        for line in lines:
            self._print(self.err, assembled(("error: ", "bold red"), line))

    @staticmethod
    def _print(console: Console, text: Text) -> None:
        for line in folded(text, console.width) if console.file.isatty() else [text]:
            console.print(line, soft_wrap=True)


def folded(text: Text, width: int) -> list[Text]:
    """One line as lines of at most `width` cells, broken between words, the later ones indented more than the first.

    A word is never broken, so that a path can be copied from the terminal as a whole.
    """
    if text.cell_len <= width:
        return [text]
    words = list(re.finditer(r"\s*\S+", text.plain))
    indent = len(text.plain) - len(text.plain.lstrip()) + _HANGING
    breaks: list[int] = []
    used = 0
    for word in words:
        size = cell_len(word[0])
        # A word that is too long for any line stays with the sign before it.
        if used and used + size > width and not (used < indent and indent + size > width):
            breaks.append(word.start())
            used = indent + cell_len(word[0].lstrip())
        else:
            used += size
    first, *rest = text.divide(breaks)
    return [first, *(_stripped(line, indent) for line in rest)]


def _stripped(line: Text, indent: int) -> Text:
    start = len(line.plain) - len(line.plain.lstrip())
    return Text(" " * indent).append_text(line[start:])


def assembled(*parts: str | Text | tuple[str, str]) -> Text:
    text = Text()
    for part in parts:
        if isinstance(part, Text):
            text.append_text(part)
        elif isinstance(part, tuple):
            text.append(plain(part[0]), style=part[1])
        else:
            text.append(plain(part))
    return text


def counted(count: int, word: str) -> str:
    """1 edit, 2 edits, 3 switches."""
    plural = f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def plain(text: str) -> str:
    """The text with everything that steers a terminal written out: escape sequences, carriage returns, bidirectional
    overrides. Devices and other people chose much of what is shown."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def invoke(app: typer.Typer, name: str, arguments: Sequence[str]) -> int:
    """Run a command and turn whatever ends it into an exit code; wrong arguments are an error like any other."""
    try:
        command = typer.main.get_command(app)
        result = command.main(list(arguments) or ["--help"], prog_name=name, standalone_mode=False)
        if not arguments:  # help was needed, nothing was done
            return ExitCode.ERROR
        return result if isinstance(result, int) else ExitCode.DONE
    except FabricdError as error:
        Terminal(_color(arguments)).error(error)
    except TyperException as error:
        asked = getattr(error, "ctx", None)
        where = asked.command_path if asked else name
        Terminal(_color(arguments)).error(FabricdError(f"{error.format_message().rstrip('.')} (see {where} --help)"))
    except (KeyboardInterrupt, typer.Abort):
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # the prompt does not follow the terminal's ^C
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): not an error, and Python shall not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return ExitCode.ERROR


def _color(arguments: Sequence[str]) -> Color:
    """The --color option as written: an error may come before options are understood."""
    words = " ".join(arguments).replace("--color=", "--color ").split()
    value = words[words.index("--color") + 1 :][:1] if "--color" in words else []
    return Color(value[0]) if value and value[0] in set(Color) else Color.AUTO


def _console(color: Color, *, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    capable = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    colored = color is Color.ALWAYS or (color is Color.AUTO and capable and not os.environ.get("NO_COLOR"))
    return Console(
        stderr=stderr,
        force_terminal=colored or capable,
        no_color=not colored,
        color_system="auto" if colored and stream.isatty() else "standard" if colored else None,
        width=None if stream.isatty() else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
