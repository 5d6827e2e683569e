"""The commands `fabricctl models ...`: install, fetch, list, remove, check.

Registered by fabricctl. Each asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fabricd.cli.document import document
from fabricd.cli.listing import Listing
from fabricd.cli.model_source import read_source
from fabricd.cli.options import Json, OneDevice, answered, connection_of, read_documents
from fabricd.cli.progress import followed
from fabricd.cli.terminal import ExitCode, Terminal, assembled, plain
from fabricd.client import Client
from fabricd.northbound.v1 import fabricd_pb2 as pb

app = typer.Typer(
    name="models",
    help="YANG model sets, and what devices cannot take.",
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
    """Install YANG modules as a model set, or replace one.

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
        return await followed(
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
    """Fetch the models that a device hands out into a model set.

    They come by NETCONF, with all that they import. Deviations that the device announces are kept with the
    set, and the features that it has are enabled. What it names but does not hand out is told. A gNMI
    device tells names and versions only: see `models check`.

    \b
    Examples:
      fabricctl models fetch leaf3 --name leaf3-models
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def ask(client: Client) -> pb.ModelsProgress:
        return await followed(client.fetch_models(device, name, modules=modules or ()), terminal, quiet=as_json)

    _tell_installed(terminal, connection.run(ask), as_json=as_json)
    return ExitCode.DONE


@app.command("list")
def list_command(context: typer.Context, as_json: Json = False) -> int:
    """List the model sets, and the devices that use them.

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
    table = Listing("NAME", "MODULES", "NEWEST", "DEVICES", "FROM", folds=("DEVICES",))
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
    """Tell which of its desired leaves a device cannot take.

    And why, and which intent wants them. Held against the models fetched from the device, or, where there
    are none, the names that it advertises. What the device's profile leaves out is told, and does not
    count.

    Exit code 0: it can take all; 2: it cannot; 1: an error.

    \b
    Examples:
      fabricctl models check leaf3
      fabricctl models check leaf3 new.yaml --json
    """
    documents = read_documents(files or ())
    found = answered(
        context,
        lambda client: client.check_models(device, documents, models=models),
        _tell_checked,
        as_json=as_json,
    )
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
