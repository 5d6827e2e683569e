"""The command `fabricctl probe`: what a device really does, and a profile of it to look through.

Registered by fabricctl. Asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fabricd.cli.document import document
from fabricd.cli.options import Json, OneDevice, connection_of
from fabricd.cli.progress import followed
from fabricd.cli.terminal import ExitCode, counted
from fabricd.errors import InputError, Problem
from fabricd.northbound.v1 import fabricd_pb2 as pb

_EVIDENCE = 3
_STANDARD_OUTPUT = Path("-")


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
    """Find out what a device really does, and write a profile.

    Reads, tries changes that are given up, and puts some in force that the device takes back by itself;
    --write adds what can be seen no other way. No trace of it stays on the device, which is not
    reconciled meanwhile. See docs/probe.md.

    Exit code 0: all was decided; 2: something could not be; 1: an error, or something was left behind.

    \b
    Examples:
      fabricctl probe leaf3
      fabricctl probe leaf3 --output /etc/fabricd/profiles/leaf3.toml --name leaf3
      fabricctl probe leaf3 --write --json | jq -r '.findings[].name'
    """
    if output == _STANDARD_OUTPUT and as_json:
        raise InputError("--output - and --json both want standard output; the profile is in the JSON, too")
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

    last = connection.run(lambda client: followed(client.probe(request), terminal, quiet=as_json))
    result = last.result
    to_file = output is not None and output != _STANDARD_OUTPUT
    if as_json:
        terminal.document(document(result))
    else:
        # What a pipe is to take for a profile has nothing else in it.
        _tell(terminal.note if output == _STANDARD_OUTPUT else terminal.line, result)
        if output is None:
            terminal.line()
        if not to_file:
            terminal.verbatim(result.profile_toml)
    if output is not None and to_file:
        _write(output, result.profile_toml)
        if not as_json:
            terminal.line(f"profile in {output}")
    if result.left:
        return ExitCode.ERROR
    return ExitCode.PENDING if result.undecided else ExitCode.DONE


def _must_be_free(output: Path | None) -> None:
    """A profile that somebody looked through is not overwritten, and nothing found out in vain. Raises InputError."""
    if output is None or output == _STANDARD_OUTPUT:
        return
    why = ""
    if output.exists() or output.is_symlink():
        why = "there is such a file already"
    elif not output.parent.is_dir():
        why = f"there is no folder {output.parent}"
    elif not os.access(output.parent, os.W_OK | os.X_OK):
        why = f"no file can be made in {output.parent}"
    if why:
        raise InputError.of([Problem(why, path=str(output))])


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError.of([Problem(error.strerror or str(error), path=str(output))]) from error


def _tell(say: Callable[..., None], result: pb.ProbeResult) -> None:
    for one in result.findings:
        numbers = f" ({', '.join(map(str, one.quirks))})" if one.quirks else ""
        say(("! ", "yellow"), (one.name, "bold"), (f"{numbers}  ", "dim"), one.message)
        for text in one.evidence[:_EVIDENCE]:
            say("    ", (text, "dim"))
        if one.keys:
            say("    ", (", ".join(one.keys), "cyan"), f"  {one.certainty}")
    for open_question in result.undecided:
        say(("? ", "magenta"), (open_question.name, "bold"), f"  not decided: {open_question.why}")
    for path in result.left:
        say(("! ", "red"), (path, "bold"), "  is not as it was before")
    say(
        (result.device, "bold"),
        f" over {result.protocol}: {counted(len(result.findings), 'finding')}, {len(result.undecided)} not decided",
    )
