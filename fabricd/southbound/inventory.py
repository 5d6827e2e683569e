"""The inventory: which devices there are, how they are reached and how they prove who they are.

Called by the daemon and the check command. Must not resolve secrets nor know any adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import asyncssh
from pydantic import Field, ValidationError

from fabricd.errors import InputError, Problem
from fabricd.model.device import Device, Login, Mode, Profile, Protocol, SecretReference, Trust
from fabricd.southbound.secrets import parse_reference
from fabricd.toml_file import Table, place, problems_of, read_toml

# IANA: gnmi-gnoi 9339, netconf-ssh 830.
DEFAULT_PORTS = {Protocol.GNMI: 9339, Protocol.NETCONF: 830}

_Address = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/\[\]]+$")]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class _Login(Table):
    username: str = ""
    password: str = Field("", repr=False)
    token: str = Field("", repr=False)
    private_key: str = ""


class _Trust(Table):
    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    host_key: str = ""
    known_hosts: str = ""
    insecure: bool = False


class _Defaults(Table):
    """What holds for every device that does not say otherwise; tables are merged key by key."""

    address: _Address | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    protocol: Annotated[Protocol, Field(strict=False)] = Protocol.GNMI
    profile: str = "openconfig"
    mode: Annotated[Mode, Field(strict=False)] = Mode.ENFORCE
    labels: dict[_Name, str] = Field(default_factory=dict)
    login: _Login = Field(default_factory=_Login)
    trust: _Trust = Field(default_factory=_Trust)


class _Device(_Defaults):
    name: _Name
    address: _Address


def load_inventory(path: Path, profiles: Mapping[str, Profile]) -> dict[str, Device]:
    """The devices in `path`, by name, in the order of the file.

    Raises InputError with one Problem for each mistake: unknown keys, duplicate names, bad ports, profiles that do
    not exist, files that do not exist, a device without a way to prove who it is.
    """
    document = read_toml(path)
    problems = [Problem("unknown key", path=place(path, key)) for key in document if key not in ("defaults", "device")]
    defaults = document.get("defaults", {})
    entries = document.get("device", [])
    if not isinstance(defaults, dict) or not isinstance(entries, list):
        raise InputError.of(
            [*problems, Problem("write [defaults] once and [[device]] for each device", path=str(path))]
        )
    try:
        _Defaults.model_validate(defaults)
    except ValidationError as error:
        problems += problems_of(error, path, "defaults")
        defaults = {}
    devices: dict[str, Device] = {}
    places: dict[tuple[str, int], str] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            problems.append(Problem("a device is a table: [[device]]", path=place(path, "device", index)))
            continue
        label = entry["name"] if isinstance(entry.get("name"), str) and entry["name"] else str(index)
        try:
            read = _Device.model_validate(_merged(defaults, entry))
        except ValidationError as error:
            problems += problems_of(error, path, "device", label, device=label)
            continue
        if read.name in devices:
            problems.append(
                Problem("there is another device of this name", device=label, path=place(path, "device", label, "name"))
            )
            continue
        found = [
            Problem(message, device=label, path=place(path, "device", label, key))
            for key, message in _mistakes(read, path.parent, profiles)
        ]
        problems += found
        if found:
            continue
        device = devices[read.name] = _device(read, path.parent, profiles)
        other = places.setdefault((device.address.lower(), device.port), device.name)
        if other != device.name:
            # One switch under two names would be brought to two trees in turn, for ever.
            message = f"device {other} has the same address and port"
            problems.append(Problem(message, device=label, path=place(path, "device", label, "address")))
    if problems:
        raise InputError.of(problems)
    return devices


def _merged(defaults: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **entry}
    if "protocol" in entry and entry["protocol"] != defaults.get("protocol", Protocol.GNMI) and "port" not in entry:
        merged.pop("port", None)  # the default port was meant for the other protocol
    for key in ("labels", "login", "trust"):
        given, usual = entry.get(key), defaults.get(key)
        if isinstance(given, dict) and isinstance(usual, dict):
            merged[key] = {**usual, **given}
    return merged


def _mistakes(read: _Device, base: Path, profiles: Mapping[str, Profile]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) for what a type cannot say."""
    if read.profile not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        yield "profile", f"there is no profile {read.profile!r} (there are: {known})"
    for key in ("password", "token"):
        try:
            _secret(getattr(read.login, key), base)
        except InputError as error:
            yield f"login.{key}", error.message
    trust = read.trust
    if read.protocol is Protocol.GNMI:
        yield from _gnmi_mistakes(read, base)
        return
    if not read.login.username:
        yield "login.username", "NETCONF needs a user name"
    if not read.login.password and not read.login.private_key:
        yield "login", "NETCONF needs a password or a private_key"
    yield from _missing("login.private_key", read.login.private_key, base)
    if not trust.insecure and not trust.host_key and not trust.known_hosts:
        yield "trust", "NETCONF needs host_key or known_hosts (or insecure = true)"
    if trust.host_key:
        try:
            asyncssh.import_public_key(trust.host_key)
        except asyncssh.KeyImportError:
            yield "trust.host_key", "not an OpenSSH public key line such as 'ssh-ed25519 AAAA...'"
    elif not trust.insecure:
        yield from _missing("trust.known_hosts", trust.known_hosts, base)


def _gnmi_mistakes(read: _Device, base: Path) -> Iterator[tuple[str, str]]:
    trust = read.trust
    if read.login.password and not read.login.username:
        yield "login.username", "a password needs a user name"
    if read.login.password and read.login.token:
        yield "login.token", "give a password or a token, not both"
    if trust.insecure:
        return  # plain text: certificates that the defaults name are not looked at
    if not trust.ca:
        yield "trust.ca", "gNMI needs the CA that signed the device's certificate (or insecure = true)"
    if bool(trust.certificate) != bool(trust.key):
        yield "trust.certificate", "mutual TLS needs both certificate and key"
    for key in ("ca", "certificate", "key"):
        yield from _missing(f"trust.{key}", getattr(trust, key), base)


def _missing(key: str, name: str, base: Path) -> Iterator[tuple[str, str]]:
    if name and not Path(_absolute(name, base)).is_file():
        yield key, f"there is no file {_absolute(name, base)}"


def _absolute(name: str, base: Path) -> str:
    return str(base / Path(name).expanduser()) if name else ""


def _secret(text: str, base: Path) -> SecretReference | None:
    return parse_reference(text, base) if text else None


def _device(read: _Device, base: Path, profiles: Mapping[str, Profile]) -> Device:
    login, trust = read.login, read.trust
    return Device(
        name=read.name,
        address=read.address,
        port=read.port or DEFAULT_PORTS[read.protocol],
        protocol=read.protocol,
        profile=profiles[read.profile],
        login=Login(
            username=login.username,
            password=_secret(login.password, base),
            token=_secret(login.token, base),
            private_key=_absolute(login.private_key, base),
        ),
        trust=Trust(
            ca=_absolute(trust.ca, base),
            certificate=_absolute(trust.certificate, base),
            key=_absolute(trust.key, base),
            server_name=trust.server_name,
            host_key=trust.host_key,
            known_hosts=_absolute(trust.known_hosts, base),
            insecure=trust.insecure,
        ),
        mode=read.mode,
        labels=tuple(sorted(read.labels.items())),
    )
