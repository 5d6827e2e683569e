"""What of a device's tree belongs to the fabric wholly, so that what the fabric does not want there is deleted.

Used by compile.py. Knows fragments; no schema.

Claimed is exactly what the fabric configures or ever configured on that device: each list entry (an interface, a
network instance, an ACL) with all that is in it, each leaf outside of lists, and LLDP as a whole. So a neighbour that
somebody adds to the underlay's BGP is removed, a VLAN interface whose network was withdrawn goes, and a management
interface, its VRF, or a policy for the control plane, none of which the fabric knows, are never touched, whatever the
profile forgets to protect. Who wants more (no interface, no VRF that the fabric does not know) says so in the profile:
authoritative = ["/openconfig-interfaces:interfaces", ...].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fabricd.intent.fabric.fragment import Entries

WHOLE = ("/openconfig-lldp:lldp",)


def claimed(tree: Mapping[str, Any], before: tuple[str, ...]) -> tuple[str, ...]:
    """Data paths, sorted: those of `tree` (merged fragments, before rendering) and those claimed `before`."""
    found = set(_paths(tree, ""))
    return tuple(sorted(found.union(before)))


def _paths(tree: Mapping[str, Any], place: str) -> Iterator[str]:
    for name, value in tree.items():
        here = f"{place}/{name}"
        if here in WHOLE:
            yield here
        elif isinstance(value, Entries):
            for entry in value.values():
                yield here + _predicates(entry)
        elif isinstance(value, dict):
            yield from _paths(value, here)
        elif value not in (None, []):
            yield here


def _predicates(entry: Mapping[str, Any]) -> str:
    """OpenConfig's list entries have nothing but key leaves and containers."""
    return "".join(f"[{name}={_quoted(str(value))}]" for name, value in entry.items() if not isinstance(value, dict))


def _quoted(value: str) -> str:
    return f"'{value}'" if "'" not in value else f'"{value}"'
