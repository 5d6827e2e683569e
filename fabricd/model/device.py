"""Devices and what is known of their kinds: inventory entries and profiles, as read from configuration files.

Read by southbound, reconcile and northbound. Holds references to secrets, never secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

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
class GnmiTraits:
    """How a kind of device wants to be spoken to by gNMI.

    `encoding` of reads and writes. `origin` stands in every path ("" means OpenConfig, gNMI section 2.2.1).
    `prefix`: requests carry a prefix with the device's name as target, and the origin there. `names`: path elements
    `bare`, or with their module (`qualified`) where it differs from the parent's. `read`: all roots in one Get
    (`together`), one Get for each (`each`), or a Subscribe ONCE (`once`). `commit`: the Commit extension is there, is
    not, or is found out by trying (`probe`), since devices that have it do not say so.
    """

    encoding: Literal["json_ietf", "json"] = "json_ietf"
    origin: str = ""
    prefix: bool = False
    names: Literal["bare", "qualified"] = "bare"
    read: Literal["together", "each", "once"] = "together"
    commit: Literal["yes", "no", "probe"] = "probe"


@dataclass(frozen=True, slots=True)
class NetconfTraits:
    """How a kind of device wants to be spoken to by NETCONF.

    `handler` names ncclient's device handler. `confirmed_commit`: as RFC 6241 has it (`standard`, where advertised), by
    the operations in `operations` (`own`), or not at all. `operations` are XML templates by name (`commit-confirmed`,
    `confirm`, `cancel`; `{id}` and `{seconds}` are put in). `sessions`: how many the device bears from us, 0 for any
    number; with 1 nothing is subscribed to, because that takes a session of its own. `lock`: datastores are locked
    while they are edited.
    """

    handler: str = "default"
    confirmed_commit: Literal["standard", "own", "no"] = "standard"
    operations: tuple[tuple[str, str], ...] = ()
    sessions: int = 0
    lock: bool = True


@dataclass(frozen=True, slots=True)
class WriteTraits:
    """In what pieces a kind of device takes changes.

    `shape` (gNMI): an update for each edit (`leaves`), one for each top-level container (`subtrees`), or a single one
    at the root (`root`). `replace` (gNMI): the device replaces properly; otherwise deletes and updates are sent.
    `first`: edits at or below these paths, or that make what is above them, stand before all others, in this order,
    among the deletes as among the rest. `before`: edits at or below these paths go out and are confirmed in a request
    of their own, one request each, before the rest. `settle`: seconds that the device may take to show what it has
    accepted. `in_force`: after a change, and that time, its state is read too, and what it accepted without putting it
    into force is told.
    """

    shape: Literal["leaves", "subtrees", "root"] = "leaves"
    replace: bool = True
    first: tuple[Path, ...] = ()
    before: tuple[Path, ...] = ()
    settle: float = 0.0
    in_force: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """An entry that the device knows by another name: in the list at `path` (without keys), the entry whose `key` is
    `name` is called `device_name` there. Leaves that refer to it are renamed too. Should there be another entry with
    that name, it takes the one that became free."""

    path: Path
    key: str
    name: str
    device_name: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """When the configuration of such a device counts as equal to what is desired.

    Paths without keys mean all entries; a key value with a `*` in it is a pattern. `defaults`: what the device assumes
    where nothing is configured, as (leaf, RFC 7951 JSON text), where the models say nothing or something else. Shown
    and not desired, it is no drift; a model's default that differs from it is written out. `omits_defaults`: what has
    the models' default is never shown, so that a leaf without a value is one with that default. `explicit`: a leaf at
    these paths is written although it equals its default. `unsupported`: leaves that the device does not take; desiring
    another value than the default there is refused at submit. `omitted`: nodes that are left out without harm, and
    told; what the device has there does not count. `secrets`: leaves that the device shows otherwise than they were
    written, but always alike; they are compared as written. `secrets_anew`: the same where every read shows something
    else, so that nobody can see when one is changed on the device. `aliases`: other names. `interface_refs`: ids of an
    instance's interfaces are NAME.INDEX there. `attach_default`: interfaces outside every VRF have to be members of the
    default network instance.
    """

    defaults: tuple[tuple[Path, str], ...] = ()
    omits_defaults: bool = False
    explicit: tuple[Path, ...] = ()
    unsupported: tuple[Path, ...] = ()
    omitted: tuple[Path, ...] = ()
    secrets: tuple[Path, ...] = ()
    secrets_anew: tuple[Path, ...] = ()
    aliases: tuple[Alias, ...] = ()
    interface_refs: bool = False
    attach_default: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a kind of device.

    `models` names a model set, `deviations` are YANG files that are loaded after it. `authoritative` subtrees belong to
    fabricd wherever it has intent for the device; `protected` ones are never written; `system_entries` exist without
    being configured and are never drift. `confirm_within`: seconds after which a device that can do so takes an
    unconfirmed change back; 0 writes without that net.
    """

    name: str
    models: str = "managed"
    deviations: tuple[str, ...] = ()
    authoritative: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    system_entries: tuple[Path, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_message_bytes: int = 64 << 20
    confirm_within: float = 120.0
    gnmi: GnmiTraits = field(default_factory=GnmiTraits)
    netconf: NetconfTraits = field(default_factory=NetconfTraits)
    write: WriteTraits = field(default_factory=WriteTraits)
    likeness: Likeness = field(default_factory=Likeness)


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
