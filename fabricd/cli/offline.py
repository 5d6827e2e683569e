"""The commands of fabricctl that work on files: compile, check, path show, topology; path show asks the daemon as well.

Registered by fabricctl. What they do is in cli/compilation, imported when a command runs: it takes half a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fabricd.cli.document import problem_document
from fabricd.cli.options import Json, RevisionOption, connection_of, read_documents
from fabricd.cli.terminal import ExitCode, assembled, counted
from fabricd.errors import InputError, Problem

if TYPE_CHECKING:
    from fabricd.intent.fabric.resolved import LinkEnd, ResolvedFabric
    from fabricd.intent.fabric.trace import Hop, Packet, Trace

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="Documents, folders of them, or - for standard input.")
]
FabricFile = Annotated[Path, typer.Argument(metavar="FILE", help="The document with the fabric, or -.")]

path_app = typer.Typer(name="path", help="Look at paths through a fabric.")


def compile_command(
    context: typer.Context,
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write DEVICE.json.")],
    numbers: Annotated[
        Path | None,
        typer.Option(
            "--numbers",
            metavar="FILE",
            help="Keep what pools hand out in this file, so that it stays when things change.",
        ),
    ] = None,
) -> int:
    """Compile documents to one JSON file per device, offline.

    The files hold the very bytes that the daemon would store. It remembers what its pools handed out;
    with --numbers that is remembered here as well. Other files in DIR are left alone.

    \b
    Examples:
      fabricctl compile config/examples/evpn --out build/trees
      fabricctl compile fabric.yaml extra.yaml --out trees --numbers numbers.json
    """
    from fabricd.cli import compilation

    terminal = connection_of(context).terminal
    found = compilation.compile_documents(read_documents(files), compilation.read_numbers(numbers) if numbers else None)
    if found.problems:
        raise InputError.of(found.problems)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, tree in found.trees.items():
            (out / f"{name}.json").write_bytes(tree)
        if numbers:
            numbers.write_bytes(compilation.numbers_of(found))
    except OSError as error:
        raise InputError.of([Problem(error.strerror or str(error), path=str(error.filename or out))]) from error
    terminal.line(f"{counted(len(found.trees), 'device')} in {out}")
    return ExitCode.DONE


def check_command(context: typer.Context, files: Files, as_json: Json = False) -> int:
    """Check fabrics and configurations as the daemon would, offline.

    Every problem is told with its file, line and data path. Exit code 0: none; 1: problems.

    \b
    Examples:
      fabricctl check config/examples/evpn
      fabricctl check fabric.yaml --json | jq '.problems[].message'
    """
    from fabricd.cli import compilation

    terminal = connection_of(context).terminal
    found = compilation.compile_documents(read_documents(files))
    if as_json:
        terminal.document(
            {
                "problems": [problem_document(problem) for problem in found.problems],
                "fabrics": len(found.fabrics),
                "configs": found.configs,
                "devices": len(found.trees),
            }
        )
        return ExitCode.ERROR if found.problems else ExitCode.DONE
    if found.problems:
        raise InputError.of(found.problems)
    parts = [counted(len(found.fabrics), "fabric"), counted(found.configs, "configuration")]
    terminal.line(f"{' and '.join(parts)} for {counted(len(found.trees), 'device')}: no problems")
    return ExitCode.DONE


def topology_command(
    context: typer.Context,
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The SVG to write; - for standard output.")],
    path: Annotated[
        list[str] | None, typer.Option("--path", metavar="NAME", help="Draw only this path; repeatable. Default: all.")
    ] = None,
    no_paths: Annotated[bool, typer.Option("--no-paths", help="Draw no paths.")] = False,
) -> int:
    """Draw a fabric as SVG, offline.

    It shows tiers, pods, links, servers and paths. Ports and addresses are shown when the pointer rests on a link.

    \b
    Examples:
      fabricctl topology config/examples/three-stage --out topology.svg
      fabricctl topology fabric.yaml --path backup --out - | rsvg-convert > backup.png
    """
    from fabricd.cli import compilation
    from fabricd.intent.fabric.drawing import draw

    draft, fabric = compilation.one_fabric(read_documents(files))
    resolved = compilation.resolved_fabric(draft, fabric)
    computed = () if no_paths else compilation.paths_of(draft, resolved)
    for name in path or ():
        if name not in {one.path.name for one in computed}:
            raise InputError(f"there is no path {name!r} to draw")
    picture = draw(resolved, [one for one in computed if not path or one.path.name in path])
    if str(out) == "-":
        sys.stdout.write(picture)
        return ExitCode.DONE
    try:
        out.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise InputError.of([Problem(error.strerror or str(error), path=str(out))]) from error
    connection_of(context).terminal.line(f"{counted(len(resolved.devices), 'switch')} drawn in {out}")
    return ExitCode.DONE


@path_app.command("show")
def path_show(
    context: typer.Context,
    start: Annotated[str, typer.Argument(metavar="FROM", help="A switch, or what is attached to one.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="Likewise.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="The document with the fabric, or -. Default: the daemon's."),
    ] = None,
    revision: RevisionOption = 0,
    fabric_name: Annotated[str, typer.Option("--fabric", metavar="NAME", help="If the daemon has several.")] = "",
    traffic_class: Annotated[str, typer.Option("--class", metavar="NAME", help="A packet of this class.")] = "",
    source: Annotated[str, typer.Option("--source", metavar="ADDRESS", help="Default: one at FROM.")] = "",
    destination: Annotated[str, typer.Option("--destination", metavar="ADDRESS", help="Default: one at TO.")] = "",
    protocol: Annotated[str, typer.Option("--protocol", metavar="NAME", help="tcp, udp, icmp, icmpv6, number.")] = "",
    source_port: Annotated[
        int, typer.Option("--source-port", metavar="N", min=0, max=65535, show_default=False, help="Port.")
    ] = 0,
    destination_port: Annotated[
        int, typer.Option("--destination-port", metavar="N", min=0, max=65535, show_default=False, help="Port.")
    ] = 0,
    dscp: Annotated[int, typer.Option("--dscp", metavar="N", min=0, max=63, show_default=False, help="Codepoint.")] = 0,
    vrf: Annotated[str, typer.Option("--vrf", metavar="NAME", help="Where the addresses are from.")] = "",
    down: Annotated[
        list[str] | None, typer.Option("--down", metavar="DEVICE:PORT", help="As if this link were dead; repeatable.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Tell where a packet would travel, on every branch.

    Paths come first, then routes, with links down if you like. Through the fabric that the daemon has, or,
    without a daemon, through the one in a file.

    Exit code 0: it arrives whichever branch it takes; 2: not on every branch; 1: an error.

    \b
    Examples:
      fabricctl path show leaf1 leaf4
      fabricctl path show leaf1 leaf4 --class backup --down spine2:Ethernet4
      fabricctl path show web1 db1 --protocol tcp --destination-port 5432 --file fabric.yaml
    """
    from fabricd.cli import compilation
    from fabricd.intent.fabric.topology import Topology
    from fabricd.intent.fabric.trace import Decision, Packet, dead, example, trace

    _addresses((("--source", source), ("--destination", destination)))
    if file is not None:
        resolved = compilation.checked_fabric(*compilation.one_fabric(read_documents([file])))
    else:
        told = connection_of(context).run(lambda client: client.revision(revision))
        resolved = compilation.fabric_of_revision(told, fabric_name)
    if traffic_class:
        packets = {one.name: one for one in resolved.fabric.traffic_classes}.get(traffic_class)
        if packets is None:
            raise InputError(f"there is no traffic class {traffic_class!r}")
        packet = example(packets, vrf=vrf)
    else:
        packet = Packet(source, destination, protocol, source_port, destination_port, dscp, vrf)
    links = dead(Topology(resolved), down or ())
    found = [
        trace(resolved, one, other, packet, down=links)
        for one in _devices(resolved, start)
        for other in _devices(resolved, end)
    ]
    terminal = connection_of(context).terminal
    if as_json:
        terminal.document({"traces": [_document(one) for one in found]})
    else:
        for one in found:
            for line in _lines(one):
                terminal.line(line)
    arrives = all(one.hop.outcomes() == {Decision.DELIVERED} for one in found)
    return ExitCode.DONE if arrives else ExitCode.PENDING


def _addresses(given: tuple[tuple[str, str], ...]) -> None:
    from ipaddress import ip_address

    for option, text in given:
        try:
            if text:
                ip_address(text)
        except ValueError as error:
            raise InputError(f"{option}: {text!r} is no address") from error


def _devices(resolved: ResolvedFabric, name: str) -> list[str]:
    """The switch of that name, or those that an attachment of that name is plugged into. Raises InputError."""
    if name in resolved.devices:
        return [name]
    for attachment in resolved.fabric.attachments:
        if attachment.name == name:
            return sorted({port.device for port in attachment.ports})
    raise InputError(f"there is no device and no attachment {name!r}")


def _lines(found: Trace) -> Iterator[Text]:
    if found.packet.source or found.packet.destination or found.outer == found.packet:
        yield assembled(_told(found.packet))
    if found.outer != found.packet:
        yield assembled(("in a tunnel: ", "dim"), _told(found.outer))
    yield assembled((found.hop.device, "bold"), "  ", _decided(found.hop))
    seen: set[tuple[str, str, str]] = set()
    yield from _branches(found.hop, "", seen)


def _branches(hop: Hop, indent: str, seen: set[tuple[str, str, str]]) -> Iterator[Text]:
    for number, (end, following) in enumerate(hop.branches):
        last = number == len(hop.branches) - 1
        key = (following.device, following.decision, following.path)
        known = key in seen and bool(following.branches)
        seen.add(key)
        yield assembled(
            (f"{indent}{'└' if last else '├'}─ ", "dim"),
            f"{end.port.name} → ",
            (following.device, "bold"),
            f":{end.peer.name}  ",
            ("as above", "dim") if known else _decided(following),
        )
        if not known:
            yield from _branches(following, indent + ("   " if last else "│  "), seen)


_STYLES = {
    "steered": "cyan", "returned": "yellow", "routed": "", "delivered": "green", "dropped": "red", "no route": "red",
    "loop": "red",
}  # fmt: skip


def _decided(hop: Hop) -> tuple[str, str]:
    text = f"{hop.decision} by path {hop.path}" if hop.path else str(hop.decision)
    if len(hop.branches) > 1:
        text += f", {len(hop.branches)} ways"
    return text, _STYLES[hop.decision]


def _told(packet: Packet) -> str:
    """10.1.1.2 → 10.1.4.2 tcp port 443"""
    parts = [f"{packet.source or 'anywhere'} → {packet.destination or 'anywhere'}", packet.protocol]
    parts.append(f"from port {packet.source_port}" if packet.source_port else "")
    parts.append(f"port {packet.destination_port}" if packet.destination_port else "")
    parts.append(f"dscp {packet.dscp}" if packet.dscp else "")
    parts.append(f"in VRF {packet.vrf}" if packet.vrf else "")
    return " ".join(filter(None, parts))


def _document(found: Trace) -> dict[str, Any]:
    return {
        "packet": _packet(found.packet),
        "outer": _packet(found.outer),
        "outcomes": sorted(found.hop.outcomes()),
        "hop": _hop(found.hop),
    }


def _packet(packet: Packet) -> dict[str, Any]:
    return {name: getattr(packet, name) for name in packet.__dataclass_fields__}


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "device": hop.device,
        "decision": str(hop.decision),
        "path": hop.path,
        "branches": [{**_end(end), "hop": _hop(following)} for end, following in hop.branches],
    }


def _end(end: LinkEnd) -> dict[str, str]:
    return {"port": end.port.name, "peer": end.peer.device, "peer_port": end.peer.name}
