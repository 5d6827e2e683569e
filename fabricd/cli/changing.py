"""The commands of fabricctl that change something: submit, rollback, reconcile, mode.

Registered by fabricctl. Each asks the daemon for one change and, when told to, waits until the devices have it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from fabricd.cli.converge import Goal, converge, report, verdict
from fabricd.cli.document import document
from fabricd.cli.looking import show_plans
from fabricd.cli.options import (
    BACK_TO_INVENTORY,
    MODES,
    Base,
    Comment,
    Devices,
    DryRun,
    Json,
    NewMode,
    RequestId,
    SomeDevices,
    Timeout,
    Wait,
    connection_of,
    read_documents,
)
from fabricd.cli.terminal import ExitCode, Terminal
from fabricd.client import Client
from fabricd.errors import InputError
from fabricd.northbound.v1 import fabricd_pb2 as pb


def submit(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Documents, folders of documents, or - for standard input."),
    ] = None,
    withdraw: Annotated[
        list[str] | None, typer.Option("--withdraw", metavar="NAME", help="Take an intent back; may be repeated.")
    ] = None,
    comment: Comment = "",
    dry_run: DryRun = False,
    base: Base = None,
    request_id: RequestId = "",
    wait: Wait = True,
    timeout: Timeout = 120.0,
    as_json: Json = False,
) -> int:
    """Submit documents: all become one revision, or none does.

    What they say becomes part of the desired configuration, and the devices are brought to it.

    Exit code 0: done; 2: a device waits for a person or is not enforced (dry run: something would change); 1: error.

    \b
    Examples:
      fabricctl submit fabric/ -m "new uplinks"
      fabricctl submit leaf1.yaml --dry-run
    """
    if not files and not withdraw:
        raise InputError("nothing to submit: name files, or intents to --withdraw")
    documents = read_documents(files or ())
    connection = connection_of(context)
    terminal = connection.terminal

    async def work(client: Client) -> int:
        answer = await client.submit(
            documents,
            withdraw=withdraw or (),
            comment=comment,
            dry_run=dry_run,
            base_revision=base,
            request_id=request_id or _fresh_id(),
        )
        return await _follow_up(client, answer, terminal, dry_run, wait, timeout, as_json)

    return connection.run(work)


def rollback(
    context: typer.Context,
    revision: Annotated[int, typer.Argument(metavar="REVISION", min=1, help="The one whose content shall be back.")],
    comment: Comment = "",
    dry_run: DryRun = False,
    base: Base = None,
    request_id: RequestId = "",
    wait: Wait = True,
    timeout: Timeout = 120.0,
    as_json: Json = False,
) -> int:
    """Make an earlier revision's content the newest revision.

    Exit code 0: done; 2: a device waits for a person or is not enforced (dry run: something would change); 1: error.

    \b
    Examples:
      fabricctl rollback 3 -m "uplinks flap"
      fabricctl rollback 3 --dry-run
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def work(client: Client) -> int:
        answer = await client.rollback(
            revision, comment=comment, dry_run=dry_run, base_revision=base, request_id=request_id or _fresh_id()
        )
        return await _follow_up(client, answer, terminal, dry_run, wait, timeout, as_json)

    return connection.run(work)


async def _follow_up(
    client: Client,
    answer: pb.SubmitResponse,
    terminal: Terminal,
    dry_run: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """What comes after a submission or rollback: the plan of a dry run, or the devices on their way."""
    if dry_run:
        return _show_dry_run(answer, terminal, as_json)
    if not as_json:
        _tell(answer, terminal)
    if not wait or not answer.changed_devices:
        if as_json:
            terminal.document({**document(answer), "devices": [], "waited": False})
        return ExitCode.DONE
    # A revision may take leave of devices that the inventory does not have any more.
    known = {device.device for device in (await client.status()).devices}
    goal = Goal(tuple(name for name in answer.changed_devices if name in known), answer.revision)
    status = await converge(client, goal, timeout, terminal, quiet=as_json)
    if as_json:
        devices = [document(device) for device in status.devices]
        terminal.document({**document(answer), "devices": devices, "waited": True})
    else:
        report(status, goal, terminal)
    return verdict(status, goal)


def _show_dry_run(answer: pb.SubmitResponse, terminal: Terminal, as_json: bool) -> int:
    if as_json:
        terminal.document(document(answer))
    else:
        show_plans(terminal, answer.plans, title="Dry run")
        planned = {plan.device for plan in answer.plans}
        for name in answer.changed_devices:
            if name not in planned:
                terminal.line((name, "bold"), " would no longer be managed; what it runs stays")
    if any(plan.error or plan.error_code for plan in answer.plans):
        return ExitCode.ERROR
    return ExitCode.DONE if answer.unchanged and not any(plan.edits for plan in answer.plans) else ExitCode.PENDING


def _tell(answer: pb.SubmitResponse, terminal: Terminal) -> None:
    if answer.unchanged:
        terminal.line(f"nothing changes: revision {answer.revision} says this already")
        return
    again = " (answered before)" if answer.repeated_request else ""
    names = ", ".join(answer.changed_devices) or "no device"
    terminal.line((f"revision {answer.revision}", "bold"), f"{again}: changes {names}")


def reconcile(
    context: typer.Context,
    devices: Devices = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Let the next plan through guard rails and the flap breaker.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until they were looked at.")] = False,
    timeout: Timeout = 120.0,
    as_json: Json = False,
) -> int:
    """Look at devices now, and repair what may be repaired.

    Exit code 0: done, or queued; with --wait 2: a device waits for a person or is not enforced; 1: an error.

    \b
    Examples:
      fabricctl reconcile leaf1 --wait
      fabricctl reconcile leaf1 --approve
    """
    connection = connection_of(context)
    terminal = connection.terminal

    async def work(client: Client) -> int:
        before = await client.status(devices or ())
        queued = await client.reconcile(devices or (), approve=approve)
        if not as_json:
            terminal.line(f"queued: {', '.join(queued) or 'nothing'}")
        if not wait or not queued:
            if as_json:
                terminal.document({"queued": queued, "devices": [], "waited": False})
            return ExitCode.DONE
        checked = {device.device: device.checked.ToNanoseconds() for device in before.devices}
        goal = Goal(tuple(queued), since=checked)
        status = await converge(client, goal, timeout, terminal, quiet=as_json)
        if as_json:
            devices_now = [document(device) for device in status.devices]
            terminal.document({"queued": queued, "devices": devices_now, "waited": True})
        else:
            report(status, goal, terminal)
        return verdict(status, goal)

    return connection.run(work)


def mode(
    context: typer.Context,
    devices: SomeDevices = None,
    *,
    new: NewMode,
    reason: Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept in the journal.")] = "",
    as_json: Json = False,
) -> int:
    """Set the mode of devices: enforce, observe, pause or default.

    enforce repairs drift, observe only reports it, pause leaves the device alone, default is what the inventory says.

    \b
    Examples:
      fabricctl mode leaf1 leaf2 observe --reason "change 4711"
      fabricctl mode leaf1 default
    """
    if new not in MODES:
        raise InputError(f"{new!r} is not a mode; after the devices say {', '.join(MODES[:-1])} or {MODES[-1]}")
    if not devices:
        raise InputError(f"no device is named: fabricctl mode DEVICE... {new}")
    connection = connection_of(context)

    async def work(client: Client) -> pb.StatusResponse:
        await client.set_mode(devices, "" if new == BACK_TO_INVENTORY else new, reason=reason)
        return await client.status(devices)

    status = connection.run(work)
    if as_json:
        modes = [{"device": device.device, "mode": device.mode} for device in status.devices]
        connection.terminal.document({"devices": modes})
    else:
        for device in status.devices:
            connection.terminal.line((device.device, "bold"), f": {device.mode}")
    return ExitCode.DONE


def _fresh_id() -> str:
    """So that the transport may repeat a request without making a second revision."""
    return secrets.token_hex(16)
