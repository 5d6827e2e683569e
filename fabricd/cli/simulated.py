"""fabricd fault and fabricd switch: what is done to simulated switches while they run.

Added to the fabricd command. Speaks to the control socket of a running simulation; knows no switch itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabricd.cli.listing import Listing
from fabricd.cli.options import Json
from fabricd.cli.terminal import Color, ExitCode, Terminal, counted, plain
from fabricd.errors import InputError, NotFoundError, Problem

if TYPE_CHECKING:
    from fabricd.simulator.control import Request

fault = typer.Typer(name="fault", help="Faults of simulated switches that run.", rich_markup_mode=None)
switch = typer.Typer(name="switch", help="Simulated switches that run: power, changes, counts.", rich_markup_mode=None)

SimulationOption = Annotated[
    Path,
    typer.Option("--simulation", "-s", envvar="FABRICD_SIMULATION", metavar="FILE", help="The file that was started."),
]
SIMULATION = Path("simulation.toml")
# Written out: the simulator brings both protocols with it, and help shall not wait for that.
_RPCS = (
    "Which requests: hello, get, set, validate, commit, confirm, cancel, lock, unlock, discard, subscribe, notify or "
    "close."
)
_KINDS = (
    "What happens: stall, delay, refuse, drop, stall-inside, cut-inside, wrong, garbage, partial, reboot, clock, "
    "certificate, flood, warns or contradicts."
)
Name = Annotated[str, typer.Argument(metavar="SWITCH", help="The switch.")]
ColorOption = Annotated[Color, typer.Option("--color", help="auto: on a terminal, unless NO_COLOR is set.")]


@fault.command("add")
def add(
    name: Name,
    rpc: Annotated[str, typer.Option("--rpc", metavar="RPC", help=_RPCS)],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=_KINDS)],
    times: Annotated[int, typer.Option("--times", metavar="N", help="How many of them.")] = 1,
    after: Annotated[bool, typer.Option("--after", help="When the request has taken effect.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="delay, reboot, clock: how long.")] = 0.0,
    message: Annotated[str, typer.Option("--message", metavar="TEXT", help="refuse, partial, warns: the words.")] = "",
    count: Annotated[int, typer.Option("--count", metavar="N", help="flood: how many notifications.")] = 1000,
    authority: Annotated[str, typer.Option("--authority", metavar="WHO", help="certificate: same or other.")] = "same",
    simulation: SimulationOption = SIMULATION,
) -> int:
    """Have a fault strike the next requests of a switch.

    Then everything is normal again.

    \b
    Examples:
      fabricd fault add leaf1 --rpc commit --kind drop --after
      fabricd fault add leaf1 --rpc get --kind delay --seconds 2 --times 10
      fabricd fault add leaf2 --rpc set --kind reboot --seconds 5 --simulation lab/simulation.toml
    """
    from pydantic import ValidationError

    from fabricd.simulator.control import AddFault

    told = {"message": message} if message else {}
    content = {"rpc": rpc, "kind": kind, "times": times, "after": after, "seconds": seconds, "count": count,
               "authority": authority, **told}  # fmt: skip
    try:
        request = AddFault.model_validate({"switch": name, "fault": content})
    except ValidationError as error:
        raise InputError.of(
            Problem(one["msg"].removeprefix("Value error, "), path=f"--{one['loc'][1]}" if len(one["loc"]) > 1 else "")
            for one in error.errors(include_url=False, include_input=False)
        ) from error
    _ask(simulation, request)
    return ExitCode.DONE


@fault.command("list")
def faults(simulation: SimulationOption = SIMULATION, as_json: Json = False, color: ColorOption = Color.AUTO) -> int:
    """List the faults that wait, and those that struck.

    Which switches hold requests is told as well.

    \b
    Examples:
      fabricd fault list
      fabricd fault list --json
    """
    found = _switches(simulation)
    terminal = Terminal(color)
    if as_json:
        keys = ("name", "waiting", "stalled", "struck")
        terminal.document([{key: one[key] for key in keys} for one in found])
        return ExitCode.DONE
    table = Listing("SWITCH", "RPC", "KIND", "WAITS", "STRUCK")
    for one in found:
        rows: dict[tuple[str, str], list[int]] = {}
        for waiting in one["waiting"]:
            rows.setdefault((waiting["rpc"], waiting["kind"]), [0, 0])[0] += waiting.get("times", 1)
        for struck in one["struck"]:
            rows.setdefault((struck["rpc"], struck["kind"]), [0, 0])[1] += struck["times"]
        for (rpc, kind), (waits, times) in rows.items():
            table.add_row(plain(one["name"]), rpc, kind, str(waits), str(times))
    terminal.table(table)
    for one in found:
        if one["stalled"]:
            terminal.note(f"{one['name']} holds {counted(one['stalled'], 'request')} until fabricd fault release")
    return ExitCode.DONE


@fault.command("release")
def release(
    name: Annotated[str, typer.Argument(metavar="SWITCH", help="Only this one; default: all.")] = "",
    simulation: SimulationOption = SIMULATION,
) -> int:
    """Let go of held requests, and forget faults that wait.

    \b
    Examples:
      fabricd fault release
      fabricd fault release leaf1
    """
    from fabricd.simulator.control import Release

    _ask(simulation, Release(switch=name))
    return ExitCode.DONE


@switch.command("list")
def switches(simulation: SimulationOption = SIMULATION, as_json: Json = False, color: ColorOption = Color.AUTO) -> int:
    """List the switches, and what they accepted and refused.

    Their kind, whether they are on, and which quirks made a difference.

    \b
    Examples:
      fabricd switch list
    """
    found = _switches(simulation)
    terminal = Terminal(color)
    if as_json:
        terminal.document(found)
        return ExitCode.DONE
    table = Listing("SWITCH", "KIND", "POWER", "COMMITS", "EDITS", "REFUSED", "QUIRKS MET", folds=("QUIRKS MET",))
    for one in found:
        numbers = [str(one[key]) for key in ("commits", "edits", "refused")]
        power = "on" if one["powered"] else "off"
        table.add_row(plain(one["name"]), one["kind"] or "-", power, *numbers, ", ".join(one["met"]) or "-")
    terminal.table(table)
    return ExitCode.DONE


@switch.command("power")
def power(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="on|off|cycle", help="cycle: off, and on again.")],
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="cycle: how long it stays off.")] = 0.0,
    simulation: SimulationOption = SIMULATION,
) -> int:
    """Turn the power of a switch on or off.

    Off cuts every connection and loses what was not saved; its neighbours lose their links.

    \b
    Examples:
      fabricd switch power leaf1 off
      fabricd switch power leaf1 on
      fabricd switch power leaf1 cycle --seconds 5
    """
    from fabricd.simulator.control import Power

    if to not in ("on", "off", "cycle"):
        raise InputError(f"power can be on, off or cycle, not {to!r}")
    if not 0 <= seconds < float("inf"):
        raise InputError("--seconds cannot be negative or without end")
    _ask(simulation, Power.model_validate({"switch": name, "to": to, "seconds": seconds}))
    return ExitCode.DONE


@switch.command("change")
def change(
    name: Name,
    update: Annotated[list[str] | None, typer.Option("--update", metavar="PATH=JSON", help="Repeatable.")] = None,
    replace: Annotated[list[str] | None, typer.Option("--replace", metavar="PATH=JSON", help="Repeatable.")] = None,
    delete: Annotated[list[str] | None, typer.Option("--delete", metavar="PATH", help="Repeatable.")] = None,
    simulation: SimulationOption = SIMULATION,
) -> int:
    """Change a switch's configuration behind the daemon's back.

    All is one transaction. A value that is no JSON is taken as text.

    \b
    Examples:
      fabricd switch change leaf1 --update '/interfaces/interface[name=Ethernet1]/config/mtu=1500'
      fabricd switch change leaf1 --delete /lldp
    """
    from fabricd.simulator.control import Change

    if not (update or replace or delete):
        raise InputError("nothing to change: give --update, --replace or --delete")
    request = Change(
        switch=name, update=_values(update), replace=_values(replace), delete=tuple(delete or ())
    )  # fmt: skip
    answer = _ask(simulation, request)
    Terminal().line("changed" if answer["changed"] else "it was so already")
    return ExitCode.DONE


def list_kinds(terminal: Terminal, *, as_json: bool) -> int:
    """Print the kinds of switches that a simulation file can name."""
    from fabricd.simulator.kinds import kind_called, kind_names

    kinds = [kind_called(name) for name in kind_names()]
    if as_json:
        terminal.document(
            [{"name": one.name, "description": one.description, "quirks": one.quirks, **one.settings} for one in kinds]
        )
        return ExitCode.DONE
    table = Listing("KIND", "QUIRKS", "DESCRIPTION", folds=("DESCRIPTION",))
    for one in kinds:
        table.add_row(one.name, str(len(one.quirks)), one.description)
    terminal.table(table)
    return ExitCode.DONE


def _values(texts: list[str] | None) -> dict[str, Any]:
    found = {}
    for text in texts or ():
        path, value = _split(text)
        try:
            found[path] = json.loads(value)
        except ValueError:
            found[path] = value
    return found


def _split(text: str) -> tuple[str, str]:
    """Path and value: the first = outside of brackets parts them."""
    depth = 0
    for at, sign in enumerate(text):
        depth += {"[": 1, "]": -1}.get(sign, 0)
        if sign == "=" and depth <= 0:
            return text[:at], text[at + 1 :]
    raise InputError(f"{text!r} is not PATH=JSON")


def _switches(simulation: Path) -> list[dict[str, Any]]:
    from fabricd.simulator.control import ListSwitches

    found: list[dict[str, Any]] = _ask(simulation, ListSwitches())["switches"]
    return found


def _ask(simulation: Path, request: Request) -> dict[str, Any]:
    from fabricd.simulator.control import ask, control_file

    if not simulation.exists():
        raise NotFoundError(f"there is no {simulation}: name the simulation's file with --simulation")
    return ask(control_file(simulation), request)
