"""Devices and what is known of their kinds: inventory entries and profiles, as read from configuration files.

Read by southbound, reconcile and northbound. Holds references to secrets, never secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fabricd.model.path import Path


class Protocol(StrEnum):
    GNMI = "gnmi"
    NETCONF = "netconf"


class Mode(StrEnum):
    """What fabricd may do with a device: repair it, only report drift, or leave it alone altogether."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is: `file:/path`, `env:NAME` or `credential:NAME` (a systemd credential). Resolved at use."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


@dataclass(frozen=True, slots=True)
class Trust:
    """How a device proves who it is, and fabricd who it is.

    gNMI: `ca` (PEM file) is required unless `insecure` (TLS without verification is never done: insecure means
    plain text). `server_name` overrides the name looked for in the certificate. `certificate` and `key` are for
    mutual TLS. NETCONF: `host_key` is an OpenSSH public key line, or `known_hosts` a file; one of them is
    required unless `insecure`.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    host_key: str = ""
    known_hosts: str = ""
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """User name and a reference to the password, bearer token or SSH private key (path of a key file)."""

    username: str = ""
    password: SecretReference | None = None
    token: SecretReference | None = None
    private_key: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect`: until a session stands; `read`: one fetch; `write`: one edit, validate or commit."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 120.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a kind of device.

    `models` names a model set. `authoritative` subtrees belong to fabricd wherever it has intent for the device;
    `protected` ones are never written; `system_entries` exist without being configured and are never drift.
    """

    name: str
    models: str = "managed"
    authoritative: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    system_entries: tuple[Path, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_message_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Device:
    """One switch as the inventory names it. `address` is a host name or IP address."""

    name: str
    address: str
    port: int
    protocol: Protocol
    profile: Profile
    login: Login = field(default_factory=Login)
    trust: Trust = field(default_factory=Trust)
    mode: Mode = Mode.ENFORCE
    labels: tuple[tuple[str, str], ...] = ()
