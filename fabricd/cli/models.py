"""The commands `fabricctl models ...`: install, fetch, list, remove, check.

Registered by fabricctl. Each asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fabricd.cli.document import document
from fabricd.cli.model_source import read_source
from fabricd.cli.options import Json, OneDevice, connection_of, read_documents
from fabricd.cli.terminal import ExitCode, Terminal, assembled, plain
from fabricd.client import Client
from fabricd.northbound.v1 import fabricd_pb2 as pb

app = typer.Typer(
    name="models",
    help="YANG model sets: install them, fetch them from devices, see what a device cannot take.",
    rich_markup_mode=None,
)

SetName = Annotated[str, typer.Option("--name", metavar="NAME", help="The set, as profiles name it.")]
Modules = Annotated[
    list[str] | None,
    typer.Option("--modules", metavar="MODULE", help="Implement this one; repeatable, loaded in this order."),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature", metavar="MODULE:NAME", help="Enable only this one of MODULE's; repeatable. MODULE: for none."
    ),
]
_VALUE = 60  # characters of a value


@app.command()
def install(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, a zip or tar archive, or a git address.")],
    name: SetName,
    modules: Modules = None,
    features: Features = None,
    ref: Annotated[str, typer.Option("--ref", metavar="REF", help="Of git: branch, tag or commit.")] = "",
    inside: Annotated[str, typer.Option("--inside", metavar="DIR", help="Only what is below this folder of it.")] = "",
    as_json: Json = False,
) -> int:
    """Install YANG modules as a model set, or replace the set of that name.

    Profiles name it as models = "NAME". Nothing changes unless all modules load, and every device that
    uses the set can still have what it shall have. Without --modules the modules of OpenConfig are taken.
    YANG features are all enabled, but for modules of which --feature names some.

    \b
    Examples:
      fabricctl models install yang/openconfig --name mine
      fabricctl models install release.tar.gz --inside release/models --name oc5
      fabricctl models install https://git.example/models.git --ref v5.9.0 --name oc5
      fabricctl models install vendor/ --modules acme-ports --feature acme-ports:breakout --name acme
    """
    pile = read_source(source, ref=ref, inside=inside)
    origin = f"{source} ({ref})" if ref else source
    files = [(file.source, file.text) for file in pile.files]
    connection = connection_of(context)
    terminal = connection.terminal

    async def send(client: Client) -> pb.ModelsProgress:
        return await _followed(
            client.install_models(name, files, modules=modules or (), features=features or (), origin=origin),
            terminal,
            quiet=as_json,
        )

    _tell_installed(terminal, connection.run(send), as_json=as_json)
    return ExitCode.DONE


@app.command()
def fetch(
    context: typer.Context, device: OneDevice, name: SetName, modules: Modules = None, as_json: Json = False
) -> int:
    """Fetch the models that a device hands out by NETCONF, with all that they import, into a model set.

    Deviations that the device announces are kept with the set, and the features that it has are enabled.
    What it names but does not hand out is told.
    A gNMI device tells names and versions only: see `models check`.

    \b
    Examples:
      fabricctl models fetch leaf3 --name leaf3-models
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def ask(client: Client) -> pb.ModelsProgress:
        return await _followed(client.fetch_models(device, name, modules=modules or ()), terminal, quiet=as_json)

    _tell_installed(terminal, connection.run(ask), as_json=as_json)
    return ExitCode.DONE


@app.command("list")
def list_command(context: typer.Context, as_json: Json = False) -> int:
    """List the model sets: where they come from, their modules, the devices that use them.

    \b
    Examples:
      fabricctl models list
      fabricctl models list --json | jq '.sets[].modules'
    """
    connection = connection_of(context)
    found = connection.run(lambda client: client.models())
    if as_json:
        connection.terminal.document({"sets": [document(one) for one in found]})
        return ExitCode.DONE
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("NAME", "MODULES", "NEWEST", "DEVICES", "FROM"):
        table.add_column(column, overflow="fold", no_wrap=column != "DEVICES")
    for one in found:
        table.add_row(
            assembled((one.name, "bold")),
            str(len(one.modules)),
            plain(max((module.revision for module in one.modules), default="") or "-"),
            plain(", ".join(one.devices) or "none"),
            plain(one.origin),
        )
    connection.terminal.table(table)
    return ExitCode.DONE


@app.command()
def remove(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="The set.")]) -> int:
    """Remove an installed model set. Refused while a device uses it.

    \b
    Examples:
      fabricctl models remove oc5
    """
    connection_of(context).run(lambda client: client.remove_models(name))
    return ExitCode.DONE


@app.command()
def check(
    context: typer.Context,
    device: OneDevice,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Documents: a dry run of what they would make.")
    ] = None,
    models: Annotated[
        str,
        typer.Option("--models", metavar="NAME", help="Against this set; default: the device's own."),
    ] = "",
    as_json: Json = False,
) -> int:
    """Tell which leaves that a device shall have it cannot take, why, and which intent wants them.

    Held against the models fetched from the device, or, where there are none, the names that it advertises.
    What the device's profile leaves out is told, and does not count.

    Exit code 0: it can take all; 2: it cannot; 1: an error.

    \b
    Examples:
      fabricctl models check leaf3
      fabricctl models check leaf3 new.yaml --json
    """
    connection = connection_of(context)
    documents = read_documents(files or ())
    found = connection.run(lambda client: client.check_models(device, documents, models=models))
    terminal = connection.terminal
    if as_json:
        terminal.document(document(found))
    else:
        _tell_checked(terminal, found)
    return ExitCode.PENDING if found.untakeable else ExitCode.DONE


def _tell_checked(terminal: Terminal, found: pb.CheckModelsResponse) -> None:
    against = f"model set {found.against}" if found.against else "what it advertises"
    for one in found.untakeable:
        terminal.line(("! ", "red"), (one.path, "bold"), _shortened(one.value_json))
        if one.sent_path:
            terminal.line("    sent as ", (one.sent_path, "bold"), _shortened(one.sent_value_json))
        wanted = f" (wanted by {one.intent}{f', {one.source}' if one.source else ''})" if one.intent else ""
        terminal.line("    ", (one.reason, "red"), f": {one.message}", (wanted, "dim"))
    for module in found.modules:
        theirs = f"has {module.device}" if module.device else "does not have it"
        terminal.line(("? ", "yellow"), f"{module.name}: {module.ours or 'no revision'} here, the device {theirs}")
    if found.omitted:
        terminal.line(f"and {found.omitted} more")
    for gone in found.left_out:
        places = f" ({gone.leaves} leaves)" if gone.leaves != 1 else ""
        terminal.line(("- ", "dim"), gone.path, (f" is left out by the device's profile{places}", "dim"))
    count = len(found.untakeable) + found.omitted
    summary = (
        f"{count} of {found.leaves} leaves cannot be taken" if count else f"all {found.leaves} leaves can be taken"
    )
    terminal.line((found.device, "bold"), ": ", (summary, "red" if count else "green"), f", by {against}")


def _shortened(value: str) -> str:
    text = value if len(value) <= _VALUE else f"{value[:_VALUE]}…"
    return f"  {text}" if text else ""


def _tell_installed(terminal: Terminal, last: pb.ModelsProgress, *, as_json: bool) -> None:
    if as_json:
        terminal.document({"set": document(last.installed), "missing": list(last.missing)})
        return
    for name in last.missing:
        terminal.line(("? ", "yellow"), f"{name} is named by the device, but not in what it hands out")
    count = len(last.installed.modules)
    terminal.line((last.installed.name, "bold"), f": {last.done} files, {count} modules implemented")


class _Advance(Protocol):
    def __call__(self, progress: pb.ModelsProgress) -> None: ...


async def _followed(
    stream: AsyncGenerator[pb.ModelsProgress, None], terminal: Terminal, *, quiet: bool
) -> pb.ModelsProgress:
    """The last message of a stream, with a bar for whoever watches."""
    last = pb.ModelsProgress()
    with _bar(terminal, quiet=quiet or not terminal.live) as advance:
        async for last in stream:
            advance(last)
    return last


@contextmanager
def _bar(terminal: Terminal, *, quiet: bool) -> Iterator[_Advance]:
    columns: tuple[Any, ...] = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress("  ", *columns, TextColumn("{task.fields[step]}", markup=False), console=terminal.out)
    task = bar.add_task("", total=None, step="")

    def advance(progress: pb.ModelsProgress) -> None:
        bar.update(task, completed=progress.done, total=progress.total or None, step=plain(progress.step))

    if quiet:
        yield advance
        return
    with Live(bar, console=terminal.out, transient=True, refresh_per_second=8):
        yield advance
