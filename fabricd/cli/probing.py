"""The command `fabricctl probe`: what a device really does, and a profile of it to look through.

Registered by fabricctl. Asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fabricd.cli.document import document
from fabricd.cli.options import Json, OneDevice, connection_of
from fabricd.cli.terminal import ExitCode, Terminal, plain
from fabricd.client import Client
from fabricd.errors import InputError, Problem
from fabricd.northbound.v1 import fabricd_pb2 as pb

_EVIDENCE = 3


def probe(
    context: typer.Context,
    device: OneDevice,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the profile goes; - is standard output."),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the profile is called.")] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Also try what lasts for a moment, on scratch objects, and put it back.")
    ] = False,
    interface: Annotated[
        str, typer.Option("--interface", metavar="NAME", help="A loopback that is not there, for the device to take.")
    ] = "",
    instance: Annotated[
        str, typer.Option("--instance", metavar="NAME", help="A network instance that is not there.")
    ] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=10, max=3600, help="For all of it.")
    ] = 300.0,
    deadline: Annotated[
        float,
        typer.Option(
            "--deadline", metavar="SECONDS", min=5, max=600, help="The device takes back by itself what it is told."
        ),
    ] = 60.0,
    patience: Annotated[
        float, typer.Option("--patience", metavar="SECONDS", min=1, max=600, help="How late a change may show.")
    ] = 10.0,
    as_json: Json = False,
) -> int:
    """Find out what a device really does, without leaving a trace on it, and write a profile for review.

    Reads, tries changes that are given up, and puts some in force that the device takes back by itself;
    --write adds what can be seen no other way. The device is not reconciled meanwhile. See docs/probe.md.

    Exit code 0: all was decided; 2: something could not be; 1: an error, or something was left behind.

    \b
    Examples:
      fabricctl probe leaf3
      fabricctl probe leaf3 --output /etc/fabricd/profiles/leaf3.toml --name leaf3
      fabricctl probe leaf3 --write --json | jq -r '.findings[].name'
    """
    _must_be_free(output)
    connection = connection_of(context)
    terminal = connection.terminal
    request = pb.ProbeRequest(
        device=device,
        write=write,
        interface=interface,
        instance=instance,
        profile=name,
        timeout=timeout,
        deadline=deadline,
        patience=patience,
    )

    async def ask(client: Client) -> pb.ProbeResult:
        last = pb.ProbeProgress()
        with _bar(terminal, quiet=as_json or not terminal.live) as advance:
            async with aclosing(client.probe(request)) as stream:
                async for last in stream:
                    advance(last)
        return last.result

    result = connection.run(ask)
    if output is not None:
        _write(output, result.profile_toml)
    if as_json:
        terminal.document(document(result))
    elif output is None or str(output) != "-":
        _tell(terminal, result, output)
    if result.left:
        return ExitCode.ERROR
    return ExitCode.PENDING if result.undecided else ExitCode.DONE


def _must_be_free(output: Path | None) -> None:
    """A profile that somebody looked through is not overwritten. Raises InputError."""
    if output is not None and str(output) != "-" and output.exists():
        raise InputError.of([Problem("there is such a file already", path=str(output))])


def _write(output: Path, text: str) -> None:
    if str(output) == "-":
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError.of([Problem(error.strerror or str(error), path=str(output))]) from error


def _tell(terminal: Terminal, result: pb.ProbeResult, output: Path | None) -> None:
    for one in result.findings:
        numbers = f" ({', '.join(map(str, one.quirks))})" if one.quirks else ""
        terminal.line(("! ", "yellow"), (one.name, "bold"), (f"{numbers}  ", "dim"), one.message)
        for text in one.evidence[:_EVIDENCE]:
            terminal.line("    ", (text, "dim"))
        if one.keys:
            terminal.line("    ", (", ".join(one.keys), "cyan"), f"  {one.certainty}")
    for open_question in result.undecided:
        terminal.line(("? ", "magenta"), (open_question.name, "bold"), f"  not decided: {open_question.why}")
    for path in result.left:
        terminal.line(("! ", "red"), (path, "bold"), "  is not as it was before")
    written = f"; profile in {output}" if output is not None else ""
    terminal.line(
        (result.device, "bold"),
        f" over {result.protocol}: {len(result.findings)} findings, {len(result.undecided)} not decided{written}",
    )
    if output is None:
        terminal.line()
        for line in result.profile_toml.splitlines():
            terminal.line(line)


class _Advance(Protocol):
    def __call__(self, progress: pb.ProbeProgress) -> None: ...


@contextmanager
def _bar(terminal: Terminal, *, quiet: bool) -> Iterator[_Advance]:
    text = TextColumn("{task.fields[step]}", markup=False)
    bar = Progress("  ", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), text, console=terminal.out)
    task = bar.add_task("", total=None, step="")

    def advance(progress: pb.ProbeProgress) -> None:
        bar.update(task, completed=progress.done, total=progress.total or None, step=plain(progress.step))

    if quiet:
        yield advance
        return
    with Live(bar, console=terminal.out, transient=True, refresh_per_second=8):
        yield advance
