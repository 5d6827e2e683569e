"""The control socket of a running simulation: faults, power and changes from outside, one JSON line each way.

Started by the simulate command beside its switches; `ask` is what commands use to speak to it. Knows no terminal.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from fabricd.errors import FabricdError, InputError, NotFoundError, Problem
from fabricd.simulator.datastore import LockedError
from fabricd.simulator.faults import Fault
from fabricd.simulator.simulation import Simulation
from fabricd.simulator.switch import Switch
from fabricd.simulator.tree import TreeError
from fabricd.toml_file import place, read_toml

NAME = "control.socket"
_LINE = 4 << 20
_SECONDS = 30.0


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListSwitches(_Request):
    """What every switch is at."""

    do: Literal["list"] = "list"


class AddFault(_Request):
    """A fault more, after those that wait."""

    do: Literal["fault"] = "fault"
    switch: str
    fault: Fault


class Release(_Request):
    """Let go of what faults hold and forget those that wait; of all switches when none is named."""

    do: Literal["release"] = "release"
    switch: str = ""


class Power(_Request):
    """Off, on, or off and on again after `seconds`."""

    do: Literal["power"] = "power"
    switch: str
    to: Literal["on", "off", "cycle"]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Change(_Request):
    """One transaction on the running configuration, behind everybody's back: paths as text, values as RFC 7951 JSON."""

    do: Literal["change"] = "change"
    switch: str
    update: dict[str, Any] = Field(default_factory=dict)
    replace: dict[str, Any] = Field(default_factory=dict)
    delete: tuple[str, ...] = ()


Request = ListSwitches | AddFault | Release | Power | Change
_READER: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])


class Control:
    """Listens in the state directory while it is entered; only the owner of the simulation may connect."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._file = simulation.config.state_directory / NAME
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        """Raises FabricdError when another simulation listens there."""
        with _reachable(self._file) as address:
            if _answers(address):
                raise FabricdError(f"{self._file}: another simulation runs with this state directory")
            self._file.unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            # Nobody can connect before listen(): the mode holds from the first connection on.
            listening.bind(address)
            self._file.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_LINE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()
        self._file.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(orjson.dumps(await self._answer(line)) + b"\n")
                await writer.drain()
        except ValueError:  # a line longer than the limit: where the next one begins cannot be told
            writer.write(orjson.dumps({"error": f"a request is larger than {_LINE >> 20} MiB"}) + b"\n")
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return await self._carry_out(_READER.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return {"error": f"{where}: {first['msg']}" if where else first["msg"]}
        except (InputError, TreeError, LockedError, FabricdError) as error:
            return {"error": str(error) if isinstance(error, InputError) else error.message, "path": error.path}

    async def _carry_out(self, request: Request) -> dict[str, Any]:
        match request:
            case ListSwitches():
                return {"switches": [_described(switch) for switch in self._simulation.switches.values()]}
            case AddFault():
                self._switch(request.switch).faults.add(request.fault)
            case Release():
                named = [self._switch(request.switch)] if request.switch else self._simulation.switches.values()
                for switch in named:
                    switch.faults.release()
            case Power():
                await self._power(self._switch(request.switch), request)
            case Change():
                changed = await self._switch(request.switch).change(
                    request.update, replace=request.replace, delete=request.delete
                )
                return {"changed": changed}
        return {}

    async def _power(self, switch: Switch, request: Power) -> None:
        match request.to:
            case "on":
                await switch.start()
            case "off":
                await switch.stop()
            case "cycle":
                switch.reboot(request.seconds)

    def _switch(self, name: str) -> Switch:
        if name not in self._simulation.switches:
            raise NotFoundError(f"there is no switch {name!r}")
        return self._simulation.switches[name]


def _described(switch: Switch) -> dict[str, Any]:
    counts = switch.counts
    return {
        "name": switch.name,
        "kind": switch.config.kind,
        "powered": switch.powered,
        "commits": counts.commits,
        "edits": counts.edits,
        "refused": counts.refused,
        "met": list(counts.met),
        "waiting": [fault.model_dump(mode="json", exclude_defaults=True) for fault in switch.faults.waiting],
        "stalled": switch.faults.stalled,
        "struck": [
            {"rpc": rpc, "kind": kind, "times": times} for (rpc, kind), times in sorted(switch.faults.counts.items())
        ],
    }


def control_file(simulation: Path) -> Path:
    """Where the simulation of a file listens. Raises InputError for a file without a state directory."""
    table = read_toml(simulation).get("simulation", {})
    folder = table.get("state_directory") if isinstance(table, dict) else None
    if not isinstance(folder, str):
        raise InputError.of([Problem("is needed", path=place(simulation, "simulation", "state_directory"))])
    return simulation.resolve().parent / folder / NAME


def ask(file: Path, request: Request) -> dict[str, Any]:
    """The answer of the simulation that listens there. Raises FabricdError when none does, or when it refuses."""
    try:
        with _reachable(file) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(address)
            connection.sendall(request.model_dump_json().encode() + b"\n")
            with connection.makefile("rb") as replies:
                line = replies.readline()
    except TimeoutError as error:
        raise FabricdError(f"{file}: no answer within {_SECONDS:.0f} s") from error
    except OSError as error:
        raise FabricdError(f"{file}: no simulation runs there ({error.strerror})") from error
    if not line:
        raise FabricdError(f"{file}: the simulation ended before it answered")
    answer: dict[str, Any] = orjson.loads(line)
    if "error" in answer:
        raise FabricdError(str(answer["error"]), path=str(answer.get("path", "")))
    return answer


@contextmanager
def _reachable(file: Path) -> Iterator[str]:
    """An address of the socket that is short enough (108 bytes) however deep its folder lies."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, suppress(OSError):
        connection.connect(address)
        return True
    return False
