"""What devices say of themselves right now: interfaces, LLDP neighbours, BGP sessions, and what is not in force.

Made by schema from what southbound read, shown by northbound, compared by intent and reconcile. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fabricd.model.path import Path


@dataclass(frozen=True, slots=True)
class InterfaceState:
    """One interface. Statuses are OpenConfig's words (UP, DOWN, ...), empty where the device does not tell; `mtu` is 0
    then, and the others None."""

    name: str
    admin_status: str = ""
    oper_status: str = ""
    enabled: bool | None = None
    description: str = ""
    mtu: int = 0
    last_change: datetime | None = None


@dataclass(frozen=True, slots=True)
class LldpNeighbor:
    """Who is heard at an interface (IEEE 802.1AB)."""

    interface: str
    system_name: str = ""
    chassis_id: str = ""
    port_id: str = ""
    port_description: str = ""


@dataclass(frozen=True, slots=True)
class BgpSession:
    """One configured neighbour. `state` is OpenConfig's word (ESTABLISHED, ACTIVE, ...), empty where not told."""

    network_instance: str
    protocol: str
    neighbor: str
    state: str = ""
    peer_as: int = 0
    enabled: bool | None = None
    last_established: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operational:
    """One device as it was at `read`. `system_name` and `chassis_id` are what it tells its neighbours; `lldp` is None
    where it does not say whether LLDP is on; on `silent` interfaces it is off. `unread` are paths that it refused."""

    device: str
    read: datetime
    interfaces: tuple[InterfaceState, ...] = ()
    neighbors: tuple[LldpNeighbor, ...] = ()
    sessions: tuple[BgpSession, ...] = ()
    lldp: bool | None = None
    system_name: str = ""
    chassis_id: str = ""
    silent: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotInForce:
    """A desired leaf that the device has in its configuration and not, or otherwise, in its state. Values are RFC 7951
    JSON; `applied` is None where the state lacks the leaf."""

    path: Path
    configured: str
    applied: str | None


@dataclass(frozen=True, slots=True)
class InForce:
    """How much of a desired tree is in force. `leaves` were held against state; of what is below `untold` the device
    shows no state at all, so nothing is known."""

    leaves: int
    not_in_force: tuple[NotInForce, ...] = ()
    untold: tuple[Path, ...] = ()
