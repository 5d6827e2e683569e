"""The arguments and options that several commands of fabricctl share, and what they read.

Used by the commands. Knows files and the shell; nothing of the daemon but how to ask it for names.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf.message import Message

from fabricd.cli.connection import Connection
from fabricd.cli.document import document
from fabricd.cli.terminal import Terminal
from fabricd.client import Client
from fabricd.errors import InputError, Problem
from fabricd.model.device import Mode
from fabricd.northbound.v1 import fabricd_pb2 as pb

M = TypeVar("M", bound=Message)

_SUFFIXES = {".json": pb.FORMAT_JSON, ".yaml": pb.FORMAT_YAML, ".yml": pb.FORMAT_YAML}
# Above what the daemon takes, so that its clear answer is what people see; below what would only waste memory here.
_MOST_BYTES = 72 << 20


BACK_TO_INVENTORY = "default"
MODES = (*Mode, BACK_TO_INVENTORY)


def connection_of(context: typer.Context) -> Connection:
    found: Connection = context.obj
    return found


def answered(
    context: typer.Context,
    ask: Callable[[Client], Awaitable[M]],
    tell: Callable[[Terminal, M], None],
    *,
    as_json: bool,
) -> M:
    """What the daemon answers to one question: told to people by `tell`, or printed as JSON."""
    connection = connection_of(context)
    found = connection.run(ask)
    if as_json:
        connection.terminal.document(document(found))
    else:
        tell(connection.terminal, found)
    return found


def _device_names(context: typer.Context, incomplete: str) -> Iterator[str]:
    # While completing, the options before the command were parsed but its callback did not run.
    given: dict[str, Any] = (context.parent or context).params
    connection = Connection(
        given.get("address") or "", given.get("ca"), given.get("cert"), given.get("key"),
        given.get("server_name") or "", bool(given.get("insecure")),
    )  # fmt: skip
    return (name for name in connection.device_names() if name.startswith(incomplete))


def _devices_and_modes(context: typer.Context, incomplete: str) -> Iterator[str]:
    yield from _device_names(context, incomplete)
    # A mode comes after at least one device.
    if context.params.get("devices") or context.params.get("new"):
        yield from (mode for mode in MODES if mode.startswith(incomplete))


Devices = Annotated[
    list[str] | None,
    typer.Argument(metavar="DEVICE", help="Only these; default: all.", autocompletion=_device_names),
]
# Not required, so that what is missing can be told better than by the parser, which asks for the first argument.
SomeDevices = Annotated[
    list[str] | None, typer.Argument(metavar="DEVICE", help="The devices.", autocompletion=_devices_and_modes)
]
NewMode = Annotated[str, typer.Argument(metavar="MODE", help=f"{', '.join(MODES)}.", autocompletion=_devices_and_modes)]
OneDevice = Annotated[str, typer.Argument(metavar="DEVICE", help="The device.", autocompletion=_device_names)]
DeviceOption = Annotated[
    list[str] | None,
    typer.Option("--device", "-d", metavar="DEVICE", help="Only this one; repeatable.", autocompletion=_device_names),
]
RevisionOption = Annotated[
    int,
    typer.Option("--revision", "-r", metavar="N", min=0, show_default=False, help="Of this one; default: current."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: one document, or one a line for streams.")]
Comment = Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="Why; kept with the revision.")]
Base = Annotated[
    int | None,
    typer.Option("--base", metavar="N", min=0, help="Refuse unless N is still the current revision."),
]
RequestId = Annotated[
    str,
    typer.Option("--request-id", metavar="ID", help="A repeated id changes nothing and gets the first answer."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would change (then exit code 2).")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the devices have it.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.0, help="How long to wait.")]


def read_documents(names: Iterable[Path]) -> list[pb.Document]:
    """The files, `-` for standard input; of a folder its *.yaml, *.yml and *.json, sorted.

    Raises InputError naming every file that cannot be read.
    """
    documents: list[pb.Document] = []
    problems: list[Problem] = []
    size = 0
    for file in _files(names, problems):
        try:
            content = sys.stdin.buffer.read(_MOST_BYTES + 1) if str(file) == "-" else _content(file)
        except OSError as error:
            problems.append(Problem(error.strerror or str(error), path=str(file)))
            continue
        size += len(content)
        if size > _MOST_BYTES:
            problems.append(Problem(f"more than {_MOST_BYTES >> 20} MiB cannot be submitted at once", path=str(file)))
            break
        documents.append(
            pb.Document(
                source="standard input" if str(file) == "-" else str(file),
                format=_SUFFIXES.get(file.suffix.lower(), pb.FORMAT_UNSPECIFIED),
                content=content,
            )
        )
    if problems:
        raise InputError.of(problems)
    return documents


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES + 1)


def _files(names: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    for name in names:
        if not name.is_dir():
            yield name
            continue
        found = sorted(file for file in name.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
        if not found:
            problems.append(Problem("no *.yaml, *.yml or *.json in this folder", path=str(name)))
        yield from found
