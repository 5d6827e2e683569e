"""The fabricctl command: its options for all, its commands, and how it ends.

Entry point of the installed script. What the commands do is in looking and changing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fabricd import __version__
from fabricd.cli import changing, explaining, looking, models, observing, offline, probing
from fabricd.cli.connection import Connection, hoisted, rejoin_completion
from fabricd.cli.terminal import Color, invoke


class _Group(TyperGroup):
    """The command with its options for all moved to the front, also while a shell asks how to complete it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoisted(args))


app = typer.Typer(
    cls=_Group,
    name="fabricctl",
    help="""Work with fabricd: submit the configuration a fabric shall have, see what is done to reach it.

    The daemon is found at --address, or FABRICD_ADDRESS, or unix:/run/fabricd/fabricd.sock. host:port needs --ca,
    --cert and --key. These options and --color may stand before or after the command.

    Exit codes: 0 done, 2 something differs from what it shall be, 1 error.
    """,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fabricctl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(envvar="FABRICD_ADDRESS", metavar="ADDRESS", help="unix:/path, or host:port with TLS.")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option(envvar="FABRICD_CA", metavar="FILE", help="PEM: who signs the daemon's certificate.")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(envvar="FABRICD_CERT", metavar="FILE", help="PEM: your certificate.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(envvar="FABRICD_KEY", metavar="FILE", help="PEM: its private key.")
    ] = None,
    server_name: Annotated[
        str, typer.Option(metavar="NAME", help="Name to look for in the daemon's certificate instead of the host's.")
    ] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Speak plain text to host:port. For a laboratory only.")
    ] = False,
    color: Annotated[Color, typer.Option(help="auto: on a terminal, unless NO_COLOR is set.")] = Color.AUTO,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Connection(address, ca, cert, key, server_name, insecure, color)


app.command()(changing.submit)
app.command()(looking.plan)
app.command()(looking.status)
app.command()(looking.diff)
app.command()(looking.log)
app.command()(looking.revisions)
app.command()(changing.rollback)
app.command()(changing.reconcile)
app.command()(changing.mode)
app.command("devices")(looking.devices_command)
app.command("show")(looking.show_command)
app.command()(explaining.explain)
app.command()(observing.state)
app.command()(observing.cabling)
app.command()(observing.applied)
app.command()(probing.probe)
app.command("compile")(offline.compile_command)
app.command("check")(offline.check_command)
app.command("topology")(offline.topology_command)
app.add_typer(offline.path_app)
app.add_typer(models.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    rejoin_completion(os.environ)
    sys.exit(invoke(app, "fabricctl", list(sys.argv[1:] if arguments is None else arguments)))
