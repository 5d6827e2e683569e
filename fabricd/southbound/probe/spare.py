"""What nobody uses: ports without a link that no configuration speaks of.

Used by experiments that try to delete. Reads state; never takes a port whose link is up or unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench

_INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
_MOST = 6
_ETHERNET = "iana-if-type:ethernetCsmacd"
_QUIET = frozenset({"name", "type", "enabled", "mtu", "description"})


async def state_of(bench: Bench[Any]) -> dict[str, Any]:
    """Interfaces with their state, as one document."""
    return await bench.work.observed([await bench.ground.state((_INTERFACES,))])


def names_of(shown: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in scratch.entries(shown, scratch.INTERFACES, "interface"):
        yield str(entry.get("name", "")), entry


async def spare_interfaces(bench: Bench[Any]) -> tuple[str, ...]:
    """Configured interfaces that can be done without for a moment: the device says that they are not up, nothing but
    simple leaves is configured on them, and nothing else in the configuration names them."""
    shown = dict(names_of(await state_of(bench)))
    configured = [str(one["name"]) for one in scratch.entries(bench.document, *scratch.INTERFACE_LIST)]
    return tuple([name for name in configured if _is_spare(bench, name, shown)][:_MOST])


async def spare_ports(bench: Bench[Any]) -> tuple[tuple[str, str], ...]:
    """Ethernet ports of that sort with their types, those that are configured first. One that is not is created by what
    is written there, and gone with it."""
    shown = dict(names_of(await state_of(bench)))
    configured = {str(one["name"]) for one in scratch.entries(bench.document, *scratch.INTERFACE_LIST)}
    types = {name: str(entry.get("state", {}).get("type", "")) for name, entry in shown.items()}
    found = [(name, kind) for name, kind in types.items() if kind == _ETHERNET and _is_spare(bench, name, shown)]
    return tuple(sorted(found, key=lambda port: port[0] not in configured)[:_MOST])


def _is_spare(bench: Bench[Any], name: str, shown: Mapping[str, Any]) -> bool:
    entries = scratch.entries(bench.document, *scratch.INTERFACE_LIST)
    entry = next((one for one in entries if one["name"] == name), {})
    status = str(shown.get(name, {}).get("state", {}).get("oper-status", "")).rpartition(":")[2]
    simple = set(entry) <= {"name", "config"} and set(entry.get("config", {})) <= _QUIET
    unused = _mentioned(bench.document).get(name, 0) == 0 and not bench.is_protected(scratch.interface(name))
    return simple and unused and status not in ("UP", "")


def _mentioned(config: Mapping[str, Any]) -> dict[str, int]:
    """How often each text stands anywhere but in the lists of interfaces themselves."""
    counts: dict[str, int] = {}

    def count(value: Any) -> None:
        if isinstance(value, Mapping):
            for one in value.values():
                count(one)
        elif isinstance(value, list):
            for one in value:
                count(one)
        else:
            text = str(value)
            counts[text] = counts.get(text, 0) + 1

    for name, held in config.items():
        if name != scratch.INTERFACES:
            count(held)
            continue
        for entry in held.get("interface", ()):
            count({key: value for key, value in entry.items() if key not in ("name", "config")})
    return counts
