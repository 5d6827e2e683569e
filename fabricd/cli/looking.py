"""The commands of fabricctl that look: plan, status, diff, log, revisions, devices, show.

Registered by fabricctl. Each asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from rich.console import Group
from rich.live import Live

from fabricd.cli import show
from fabricd.cli.document import document
from fabricd.cli.options import DeviceOption, Devices, Json, OneDevice, RevisionOption, answered, connection_of
from fabricd.cli.terminal import ExitCode, Terminal, assembled
from fabricd.client import Client
from fabricd.northbound.failures import UnavailableError
from fabricd.northbound.v1 import fabricd_pb2 as pb

_REDRAW = 1.0  # seconds


def plan(context: typer.Context, devices: Devices = None, as_json: Json = False) -> int:
    """Read devices now and show what would change on them.

    The edits are those that bring them to the current revision.

    Exit code 0: none; 2: changes are pending; 1: an error, or a device that could not be read.

    \b
    Examples:
      fabricctl plan
      fabricctl plan leaf1 leaf2 --json
    """
    found = answered(
        context,
        lambda client: client.plan(devices or ()),
        lambda terminal, found: show_plans(terminal, found.plans),
        as_json=as_json,
    )
    if any(plan.error or plan.error_code for plan in found.plans):
        return ExitCode.ERROR
    return ExitCode.PENDING if any(plan.edits for plan in found.plans) else ExitCode.DONE


def show_plans(terminal: Terminal, plans: Sequence[pb.DevicePlan], *, title: str = "Plan") -> None:
    for plan in plans:
        if plan.edits or plan.error or plan.error_code or plan.skipped_paths or plan.omitted_paths:
            for line in show.plan_lines(plan):
                terminal.line(line)
            terminal.line("")
    terminal.line(show.plan_summary(plans, title=title))


def status(
    context: typer.Context,
    devices: Devices = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it until interrupted.")] = False,
    as_json: Json = False,
) -> int:
    """Show which devices are in sync, and why others are not.

    \b
    Examples:
      fabricctl status
      fabricctl status leaf1 --watch
      fabricctl status --json | jq .devices
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def look(client: Client) -> int:
        found = await client.status(devices or ())
        if not watch:
            _show_status(terminal, found, as_json=as_json)
        elif as_json or not terminal.live:
            await _stream_status(terminal, client, found, as_json=as_json)
        else:
            await _redraw_status(terminal, client, found, devices or ())
        return ExitCode.DONE

    return connection.run(look)


async def _redraw_status(
    terminal: Terminal, client: Client, found: pb.StatusResponse, devices: Sequence[str]
) -> NoReturn:
    """For people: in place, every second; a daemon that is away is waited for."""
    with Live(console=terminal.out, auto_refresh=False) as live:
        while True:
            try:
                found, trouble = await client.status(devices), ""
            except UnavailableError as error:
                trouble = error.message
            # What matters most comes first: a long table is cut at the end of the screen.
            head = assembled((f"{trouble}; waiting", "red")) if trouble else show.status_summary(found)
            shown = Group(head, *show.status_reasons(found), show.status_table(found, datetime.now(UTC)))
            live.update(shown, refresh=True)
            await asyncio.sleep(_REDRAW)


async def _stream_status(terminal: Terminal, client: Client, found: pb.StatusResponse, *, as_json: bool) -> None:
    """For pipes: again whenever something changed."""
    names = [device.device for device in found.devices]
    _show_status(terminal, found, as_json=as_json)
    while True:
        await asyncio.sleep(_REDRAW)
        now = await client.status(names)
        if now != found:
            found = now
            _show_status(terminal, found, as_json=as_json)


def _show_status(terminal: Terminal, found: pb.StatusResponse, *, as_json: bool) -> None:
    if as_json:
        terminal.document(document(found))
        return
    terminal.table(show.status_table(found, datetime.now(UTC)))
    for line in show.status_reasons(found):
        terminal.line(line)
    terminal.line(show.status_summary(found))


def diff(
    context: typer.Context,
    old: Annotated[
        int, typer.Argument(metavar="FROM", min=0, show_default=False, help="Default: the one before TO.")
    ] = 0,
    new: Annotated[int, typer.Argument(metavar="TO", min=0, show_default=False, help="Default: the current one.")] = 0,
    device: DeviceOption = None,
    as_json: Json = False,
) -> int:
    """Show what changed between two revisions, per device.

    \b
    Examples:
      fabricctl diff
      fabricctl diff 3
      fabricctl diff 3 5 --device leaf1
    """
    answered(context, lambda client: client.diff(old, new, device or ()), _tell_difference, as_json=as_json)
    return ExitCode.DONE


def _tell_difference(terminal: Terminal, found: pb.DiffResponse) -> None:
    show_plans(terminal, found.devices, title=f"Revision {found.from_revision} to {found.to_revision}")


def log(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, over restarts of the daemon.")] = False,
    after: Annotated[
        int, typer.Option("--after", metavar="N", min=0, show_default=False, help="Only records after number N.")
    ] = 0,
    last: Annotated[
        int,
        typer.Option("--last", "-n", metavar="N", min=0, show_default=False, help="Only the last N, and what follows."),
    ] = 0,
    device: DeviceOption = None,
    as_json: Json = False,
) -> int:
    """Show the journal: every decision, with its edits and timings. No record is lost or shown twice.

    \b
    Examples:
      fabricctl log --last 20
      fabricctl log -f --device leaf1
      fabricctl log --after 4711 --json
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def read(client: Client) -> int:
        if device:
            await _remark_on_strangers(terminal, client, device)
        async for record in client.watch(after=after, last=last, devices=device or (), follow=follow):
            if as_json:
                terminal.document(document(record))
            else:
                for line in show.record_lines(record):
                    terminal.line(line)
        return ExitCode.DONE

    return connection.run(read)


async def _remark_on_strangers(terminal: Terminal, client: Client, devices: Sequence[str]) -> None:
    """A device may have left the inventory, and its records are still there; or somebody mistyped a name."""
    known = {device.device for device in (await client.status()).devices}
    for name in devices:
        if name not in known:
            terminal.note(f"there is no device {name!r} in the inventory")


def revisions(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many.")] = 20,
    before: Annotated[
        int, typer.Option("--before", metavar="N", min=0, show_default=False, help="Only those below N.")
    ] = 0,
    as_json: Json = False,
) -> int:
    """List revisions, newest first.

    \b
    Examples:
      fabricctl revisions
      fabricctl revisions --limit 100 --json
    """
    connection = connection_of(context)
    found = connection.run(lambda client: client.revisions(limit=limit, before=before))
    if as_json:
        connection.terminal.document({"revisions": [document(revision) for revision in found]})
    elif found:
        connection.terminal.table(show.revisions_table(found, datetime.now(UTC)))
    else:
        connection.terminal.note("no revision yet: nothing was ever submitted")
    return ExitCode.DONE


def devices_command(context: typer.Context, as_json: Json = False) -> int:
    """List the devices of the inventory.

    \b
    Examples:
      fabricctl devices
      fabricctl devices --json
    """
    connection = connection_of(context)
    found = connection.run(lambda client: client.status())
    if as_json:
        names = ("device", "address", "protocol", "profile", "mode")
        known = [{name: getattr(device, name) for name in names} for device in found.devices]
        connection.terminal.document({"devices": known})
    else:
        connection.terminal.table(show.devices_table(found.devices))
    return ExitCode.DONE


def show_command(
    context: typer.Context,
    device: OneDevice,
    revision: RevisionOption = 0,
    as_json: Json = False,
) -> int:
    """Print the configuration that one device shall run.

    It is OpenConfig as RFC 7951 writes it, in JSON.

    \b
    Examples:
      fabricctl show leaf1
      fabricctl show leaf1 --revision 3 > leaf1.json
    """
    answered(context, lambda client: client.desired(device, revision), _tell_desired, as_json=as_json)
    return ExitCode.DONE


def _tell_desired(terminal: Terminal, found: pb.GetDesiredResponse) -> None:
    terminal.verbatim(json.dumps(json.loads(found.config_json or "{}"), indent=2, ensure_ascii=False))
