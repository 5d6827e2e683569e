"""The fabricd command: serve, check, simulate, and what is done to simulated switches.

Entry point of the installed script. Holds nothing of what it starts.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fabricd import __version__
from fabricd.cli import simulated
from fabricd.cli.document import problem_document
from fabricd.cli.options import Json, read_documents
from fabricd.cli.terminal import Color, ExitCode, Terminal, invoke
from fabricd.errors import InputError
from fabricd.northbound.v1 import fabricd_pb2 as pb

DEFAULT_CONFIG = Path("/etc/fabricd/fabricd.toml")

app = typer.Typer(
    name="fabricd",
    help="The daemon that owns the configuration of a data-centre fabric. Work with it by fabricctl.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

app.add_typer(simulated.fault)
app.add_typer(simulated.switch)

models_app = typer.Typer(name="models", help="Model sets, without a daemon.", rich_markup_mode=None)
app.add_typer(models_app)

ColorOption = Annotated[Color, typer.Option("--color", help="auto: on a terminal, unless NO_COLOR is set.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fabricd {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def serve(
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="FABRICD_CONFIG", metavar="FILE", help="The settings.")
    ] = DEFAULT_CONFIG,
) -> int:
    """Run the daemon in the foreground, until SIGTERM.

    SIGHUP makes it read settings and inventory again.

    \b
    Examples:
      fabricd serve --config /etc/fabricd/fabricd.toml
    """
    # Imported here: the daemon brings every adapter with it, and help shall not wait for that.
    from fabricd import daemon

    return asyncio.run(daemon.run(config))


@app.command()
def simulate(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Which switches to simulate, and how.")] = None,
    kinds: Annotated[
        bool, typer.Option("--kinds", help="List the kinds of switches there are, and do nothing.")
    ] = False,
    as_json: Json = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """Run simulated switches until interrupted.

    They speak gNMI and NETCONF.

    \b
    Examples:
      fabricd simulate simulation.toml
      fabricd simulate --kinds
    """
    from fabricd.simulator import run_simulation
    from fabricd.telemetry import setup_logging

    if kinds:
        return simulated.list_kinds(Terminal(color), as_json=as_json)
    if file is None:
        raise InputError("name the FILE that says which switches to simulate, or ask for --kinds")
    setup_logging("info", "text")
    asyncio.run(run_simulation(file))
    return ExitCode.DONE


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Documents, folders of documents, or -.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="FABRICD_CONFIG", metavar="FILE", help="The settings of the daemon."),
    ] = None,
    as_json: Json = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """Check settings, profiles, inventory and documents, offline.

    Documents are compiled as well. Every problem is told with its place; exit code 1 if there is one.
    Without --config, and without settings in /etc/fabricd, documents are checked against the models that
    ship with fabricd.

    \b
    Examples:
      fabricd check
      fabricd check --config fabricd.toml fabric/
      fabricd check leaf1.yaml
    """
    from fabricd.cli.check import check as look
    from fabricd.intent import Document, DocumentFormat

    found_config = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    if found_config is None and not files:
        raise InputError(f"nothing to check: there is no {DEFAULT_CONFIG}; name a --config or documents")
    formats = {pb.FORMAT_JSON: DocumentFormat.JSON, pb.FORMAT_YAML: DocumentFormat.YAML}
    read = read_documents(files or ())
    documents = [Document(one.source, one.content, formats.get(one.format)) for one in read]
    found = look(found_config, documents)
    terminal = Terminal(color)
    if as_json:
        problems = [problem_document(problem) for problem in found.problems]
        counts = {"devices": found.devices, "intents": found.intents, "compiled": found.compiled}
        terminal.document({"ok": not problems, "problems": problems, **counts})
    elif found.problems:
        terminal.error(InputError.of(found.problems))
    else:
        what = f"{found.devices} devices, " if found_config else ""
        terminal.line(("ok", "bold green"), f": {what}{found.intents} documents, {found.compiled} devices compiled")
    return ExitCode.ERROR if found.problems else ExitCode.DONE


@models_app.command("install")
def install_models(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, a zip or tar archive, or a git address.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The set, as profiles name it.")],
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="FABRICD_CONFIG", metavar="FILE", help="The settings of the daemon."),
    ] = DEFAULT_CONFIG,
    modules: Annotated[
        list[str] | None, typer.Option("--modules", metavar="MODULE", help="Implement this one; repeatable, in order.")
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature", metavar="MODULE:NAME", help="Enable only this one of MODULE's; repeatable. MODULE: for none."
        ),
    ] = None,
    ref: Annotated[str, typer.Option("--ref", metavar="REF", help="Of git: branch, tag or commit.")] = "",
    inside: Annotated[str, typer.Option("--inside", metavar="DIR", help="Only what is below this folder of it.")] = "",
    color: ColorOption = Color.AUTO,
) -> int:
    """Install YANG modules as a new model set, offline.

    Before the daemon first starts. To replace a set ask the daemon (fabricctl models install): it knows
    what the set must fit. A daemon that runs finds the new set when it reloads.

    \b
    Examples:
      fabricd models install openconfig-5.9.0.tar.gz --name oc5 --config fabricd.toml
    """
    from fabricd.cli.offline_models import install

    chosen = tuple(modules or ()) or None
    found = install(config, source, name, modules=chosen, features=features or (), ref=ref, inside=inside)
    Terminal(color).line(
        (name, "bold"), f": {len(found.revisions)} files, {len(found.models.modules)} modules implemented"
    )
    return ExitCode.DONE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    sys.exit(invoke(app, "fabricd", list(sys.argv[1:] if arguments is None else arguments)))
