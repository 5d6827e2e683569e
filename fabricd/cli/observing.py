"""The commands of fabricctl that look at devices as they are: state, cabling, applied.

Registered by fabricctl. Each asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import typer
from rich.text import Text

from fabricd.cli.listing import Listing
from fabricd.cli.options import Devices, Json, answered
from fabricd.cli.show import ago
from fabricd.cli.terminal import ExitCode, Terminal, assembled, counted
from fabricd.northbound.v1 import fabricd_pb2 as pb

_VERDICTS = {"ok": "green", "wrong": "bold red", "missing": "red", "unexpected": "yellow", "unknown": "dim"}
_GOOD = {"UP": "green", "ESTABLISHED": "green", "DOWN": "red"}


_NOT_AS_SAID = frozenset({"wrong", "missing", "unexpected"})


def state(context: typer.Context, devices: Devices = None, as_json: Json = False) -> int:
    """Read interfaces, LLDP neighbours and BGP sessions now.

    Exit code 0: all were read; 1: a device could not be.

    \b
    Examples:
      fabricctl state leaf1
      fabricctl state --json | jq '.devices[].sessions[] | select(.state != "ESTABLISHED")'
    """
    found = answered(context, lambda client: client.operational(devices or ()), _tell_state, as_json=as_json)
    return ExitCode.ERROR if any(device.error_code for device in found.devices) else ExitCode.DONE


def cabling(context: typer.Context, devices: Devices = None, as_json: Json = False) -> int:
    """Compare the fabrics' cabling with what devices hear by LLDP.

    The devices are asked now. Every cable is told once: ok, wrong (with what is found at either end),
    missing, unexpected, or unknown.

    Exit code 0: all are ok; 2: one is wrong, missing or unexpected; 1: a device could not be read.

    \b
    Examples:
      fabricctl cabling
      fabricctl cabling leaf1 --json | jq '.cables[] | select(.verdict == "wrong")'
    """
    found = answered(context, lambda client: client.cabling(devices or ()), _tell_cabling, as_json=as_json)
    if found.unread:
        return ExitCode.ERROR
    return ExitCode.PENDING if any(cable.verdict in _NOT_AS_SAID for cable in found.cables) else ExitCode.DONE


def applied(context: typer.Context, devices: Devices = None, as_json: Json = False) -> int:
    """Tell what devices accepted and do not have in force.

    Their state, read now, is held against the desired configuration: a leaf that the state lacks, or
    shows otherwise, is not in force.

    Exit code 0: all is; 2: something is not; 1: a device could not be read.

    \b
    Examples:
      fabricctl applied leaf1
      fabricctl applied --json
    """
    found = answered(context, lambda client: client.applied(devices or ()), _tell_applied, as_json=as_json)
    if any(device.error_code for device in found.devices):
        return ExitCode.ERROR
    return ExitCode.PENDING if any(device.not_in_force for device in found.devices) else ExitCode.DONE


def _tell_state(terminal: Terminal, found: pb.OperationalResponse) -> None:
    for device in found.devices:
        for line in _state_lines(device):
            if isinstance(line, Listing):
                terminal.table(line)
            else:
                terminal.line(line)


def _tell_cabling(terminal: Terminal, found: pb.CablingResponse) -> None:
    for cable in found.cables:
        for line in _cable_lines(cable):
            terminal.line(line)
    for device, reason in sorted(found.unread.items()):
        terminal.line((device, "bold"), " could not be asked: ", (reason, "red"))
    counts = {verdict: sum(cable.verdict == verdict for cable in found.cables) for verdict in _VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    terminal.line((f"{counted(len(found.cables), 'cable')}: {told}" if told else "no fabric has a cable here", "bold"))


def _tell_applied(terminal: Terminal, found: pb.AppliedResponse) -> None:
    for device in found.devices:
        for line in _applied_lines(device):
            terminal.line(line)


def _state_lines(device: pb.DeviceOperational) -> Iterator[Text | Listing]:
    if device.error_code:
        yield assembled((device.device, "bold"), "  ", (f"cannot be read: {device.error}", "red"))
        return
    now = datetime.now(UTC)
    yield assembled((device.device, "bold"))
    neighbors: dict[str, list[str]] = {}
    for neighbor in device.neighbors:
        name = neighbor.system_name or neighbor.chassis_id
        neighbors.setdefault(neighbor.interface, []).append(f"{name}:{neighbor.port_id}")
    if device.interfaces:
        yield _table(
            ("INTERFACE", "ADMIN", "OPER", "SINCE", "NEIGHBOUR"),
            (
                (
                    assembled(f"  {one.name}"),
                    _status(one.admin_status),
                    _status(one.oper_status),
                    assembled(ago(one.last_change, now) if one.HasField("last_change") else "-"),
                    assembled(", ".join(neighbors.get(one.name, ())) or "-"),
                )
                for one in device.interfaces
            ),
        )
    if device.sessions:
        yield _table(
            ("BGP NEIGHBOUR", "INSTANCE", "AS", "STATE", "UP"),
            (
                (
                    assembled(f"  {one.neighbor}"),
                    assembled(one.network_instance),
                    assembled(str(one.peer_as or "-")),
                    _status(one.state),
                    assembled(ago(one.last_established, now) if one.HasField("last_established") else "-"),
                )
                for one in device.sessions
            ),
        )
    for path in device.unread:
        yield assembled((f"  ? the device refuses to tell {path}", "dim"))


def _cable_lines(cable: pb.Cable) -> Iterator[Text]:
    yield assembled((f"{cable.verdict:<10} ", _VERDICTS.get(cable.verdict, "")), (cable.name, "bold"))
    if cable.verdict == "wrong":
        for end, far in ((cable.a, cable.b), (cable.b, cable.a)):
            seen = f"finds {end.found}" if end.found else end.note
            yield assembled(f"           {end.port} should find {far.port}, ", (seen, "red"))
        if cable.swapped_with:
            yield assembled(
                (f"           its ends are plugged into the places of {'; '.join(cable.swapped_with)}", "dim")
            )
    elif cable.verdict in ("missing", "unknown"):
        for end in (cable.a, cable.b):
            yield assembled((f"           {end.port}: {end.note}", "dim"))


def _applied_lines(device: pb.DeviceApplied) -> Iterator[Text]:
    if device.error_code:
        yield assembled((device.device, "bold"), "  ", (f"not known: {device.error}", "red"))
        return
    for leaf in device.not_in_force:
        yield assembled(
            ("! ", "yellow"), (leaf.path, "bold"), f"  {leaf.configured_json} is configured, ",
            (f"{leaf.applied_json} is in force" if leaf.applied_json else "nothing is in force", "red"),
        )  # fmt: skip
    for path in device.untold:
        yield assembled((f"? {path}: the device shows no state to compare with", "dim"))
    count = len(device.not_in_force)
    told = f"{count} of {device.leaves} leaves are not in force" if count else f"{device.leaves} leaves are in force"
    wait = ", the last change is still settling" if count and device.waiting else ""
    yield assembled((device.device, "bold"), ": ", (told, "yellow" if count else "green"), wait)


def _status(text: str) -> Text:
    return assembled((text or "-", _GOOD.get(text, "")))


def _table(columns: tuple[str, ...], rows: Iterable[tuple[Text, ...]]) -> Listing:
    first, *rest = columns
    table = Listing(f"  {first}", *rest)
    for row in rows:
        table.add_row(*row)
    return table
