"""What a simulation consists of: switches, their ports, the links between them; read from one TOML file.

Read by the simulation and by tests, which also build these values by hand. Starts nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fabricd.errors import InputError, Problem
from fabricd.simulator.faults import Fault
from fabricd.simulator.kinds import kind_called, kind_names
from fabricd.simulator.quirks import Quirks
from fabricd.toml_file import place, problems_of, read_toml

Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=63)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class SwitchConfig(_Frozen):
    """One switch. Port 0 takes a free one."""

    name: Name
    """Host name until the configuration sets another; also the name in ports.json."""
    kind: str = ""
    """A kind of config/simulator: its quirks and settings hold where this table says nothing. Empty: none."""
    gnmi_port: Port = 0
    """TCP port of gNMI (TLS)."""
    netconf_port: Port = 0
    """TCP port of NETCONF over SSH."""
    ports: tuple[str, ...] = ()
    """Names of the physical ports."""
    candidate: bool = True
    """NETCONF: there is a candidate datastore."""
    writable_running: bool = False
    """NETCONF: running can be edited directly. A switch without candidate needs it."""
    startup: bool = False
    """NETCONF: there is a startup datastore. What runs is then lost with the power unless it was copied there."""
    confirmed_commit: bool = True
    """Changes can wait for confirmation: NETCONF confirmed-commit (with a candidate), gNMI's Commit extension."""
    notifications: bool = True
    """NETCONF: sessions can subscribe to notifications."""
    interleave: bool = True
    """NETCONF: a session that subscribed to notifications takes other operations as well."""
    replay: Annotated[int, Field(ge=0, le=10_000)] = 0
    """NETCONF: notifications that are kept for those who ask for the past; 0: none."""
    quirks: Quirks = Quirks()
    """Where it differs from the specifications."""
    faults: Annotated[tuple[Fault, ...], Field(alias="fault")] = ()
    """What goes wrong with its first requests, in this order."""

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("kind", "") not in kind_names():
            return data
        return kind_called(data["kind"]).applied(data)

    @field_validator("kind")
    @classmethod
    def _is_there(cls, kind: str) -> str:
        if kind and kind not in kind_names():
            raise ValueError(f"there is no such kind, there are {', '.join(kind_names())}")
        return kind

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if not self.candidate and not self.writable_running:
            raise ValueError("candidate or writable_running has to be true: NETCONF could write nothing")
        return self


class LinkConfig(_Frozen):
    """A cable. Both ends are written SWITCH:PORT."""

    a: str
    """One end."""
    b: str
    """The other end."""

    @property
    def ends(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """((switch, port), (switch, port))."""
        (left, _, left_port), (right, _, right_port) = self.a.partition(":"), self.b.partition(":")
        return (left, left_port), (right, right_port)


class SimulationConfig(_Frozen):
    """The [simulation] table with the [[switch]] and [[link]] tables."""

    state_directory: Path
    """Where running configurations, certificates and keys are kept. Made when missing."""
    username: str = "fabricd"
    """The operator's login, for both protocols."""
    password: str = "fabricd"  # noqa: S105 - a laboratory's default, documented as such
    """The password itself, or env:NAME for one in the environment."""
    token: str = ""
    """A bearer token that gNMI takes as well; empty: none. Also env:NAME."""
    authorized_keys: tuple[str, ...] = ()
    """OpenSSH public key lines that NETCONF takes for `username`."""
    client_ca: Path | None = None
    """PEM file of the authority of clients' certificates; with it gNMI takes no client without one (mutual TLS), beside
    user name and password or token."""
    models: str = "managed"
    """'managed' for the models that ship with fabricd, or the folder of an OpenConfig release. Of a folder every YANG
    feature is enabled."""
    deviations: tuple[Path, ...] = ()
    """YANG files of deviations of these models, which the switches have in force and announce."""
    host: str = "127.0.0.1"
    """Address to listen on, and the one in certificates and known_hosts."""
    max_message_bytes: Annotated[int, Field(ge=1 << 16)] = 64 << 20
    """Largest request taken and reply given, either protocol."""
    max_sessions: Annotated[int, Field(ge=1)] = 64
    """NETCONF sessions a switch holds at the same time."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Workers that parse and validate."""
    switches: tuple[SwitchConfig, ...] = ()
    """The switches."""
    links: tuple[LinkConfig, ...] = ()
    """The cables."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        ports = {switch.name: set(switch.ports) for switch in self.switches}
        if len(ports) != len(self.switches):
            raise ValueError("two switches have the same name")
        taken = [port for switch in self.switches for port in (switch.gnmi_port, switch.netconf_port) if port]
        if doubled := {port for port in taken if taken.count(port) > 1}:
            raise ValueError(f"TCP port {min(doubled)} is given twice")
        used: set[tuple[str, str]] = set()
        for link in self.links:
            for end in link.ends:
                if end[0] not in ports:
                    raise ValueError(f"link {link.a} - {link.b}: there is no switch {end[0]!r}")
                if end[1] not in ports[end[0]]:
                    raise ValueError(f"link {link.a} - {link.b}: {end[0]} has no port {end[1]!r}")
                if end in used:
                    raise ValueError(f"link {link.a} - {link.b}: {end[0]}:{end[1]} has a cable already")
                used.add(end)
        return self


def load_simulation(file: Path) -> SimulationConfig:
    """Read a simulation file. Paths are relative to it. Raises InputError naming every wrong key or line."""
    content = read_toml(file)
    tables: dict[str, Any] = dict(content.pop("simulation", {}))
    tables["switches"] = content.pop("switch", [])
    tables["links"] = content.pop("link", [])
    if content:
        raise InputError.of(Problem("no such table", path=place(file, name)) for name in content)
    try:
        config = SimulationConfig.model_validate(tables)
    except ValidationError as error:
        raise InputError.of(problems_of(error, file)) from error
    folder = file.resolve().parent
    return config.model_copy(
        update={
            "state_directory": folder / config.state_directory,
            "client_ca": folder / config.client_ca if config.client_ca is not None else None,
            "models": config.models if config.models == "managed" else str(folder / config.models),
            "deviations": tuple(folder / file for file in config.deviations),
            "password": _secret(config.password, file, "simulation.password"),
            "token": _secret(config.token, file, "simulation.token"),
        }
    )


def _secret(text: str, file: Path, place: str) -> str:
    source, colon, name = text.partition(":")
    if not colon or source != "env":
        return text
    if name not in os.environ:
        raise InputError.of([Problem(f"environment variable {name} is not set", path=f"{file}: {place}")])
    return os.environ[name]
