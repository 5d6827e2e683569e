"""The order of edits: what depends on others goes first when deleted and last when created.

Called by plan/planner. Pure; protocols apply a plan as one transaction, so this is for devices and people that do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path
from fabricd.plan.disruption import expression_of

_PROTOCOL = "network-instances/network-instance/protocols/protocol"

# From the base to what stands on it. A path takes the place of the last line that matches it.
LAYERS: tuple[str, ...] = (
    "**",
    "system/**",
    "interfaces/**",
    "interfaces/interface/aggregation/**",
    "interfaces/interface/ethernet/**",
    "interfaces/interface/subinterfaces/**",
    "interfaces/interface/routed-vlan/**",
    "lldp/**",
    "routing-policy/**",
    "network-instances/**",
    "network-instances/network-instance/interfaces/**",
    "network-instances/network-instance/vlans/**",
    "network-instances/network-instance/protocols/**",
    f"{_PROTOCOL}/static-routes/**",
    f"{_PROTOCOL}/bgp/**",
    f"{_PROTOCOL}/bgp/peer-groups/**",
    f"{_PROTOCOL}/bgp/neighbors/**",
)
_EXPRESSIONS = tuple(expression_of(layer) for layer in LAYERS)


def ordered(edits: Iterable[Edit], first: Sequence[Path] = ()) -> tuple[Edit, ...]:
    """Deletes, dependents first; then the rest, base first. Edits of one layer keep their order, because the
    positions in user-ordered lists build on each other.

    `first` (WriteTraits.first) has the last word within the deletes and within the rest, for edits at or below these
    paths and for those that make or take away what is above them. It never puts anything before a delete, as gNMI
    would not carry it out so (section 3.4.3: deletes, then replaces, then updates).
    """
    return tuple(sorted(edits, key=lambda edit: _place(edit, first)))


def _place(edit: Edit, first: Sequence[Path]) -> tuple[int, int, int]:
    layer = _layer("".join(f"/{name}" for name in edit.path.names))
    # Entries that are put somewhere in their list are placed by the list, so that they stay in their order.
    where = edit.path.parent if edit.after is not None else edit.path
    rank = next((index for index, path in enumerate(first) if _meets(path, where)), len(first))
    return (0, rank, -layer) if edit.operation is Operation.DELETE else (1, rank, layer)


def _meets(path: Path, where: Path) -> bool:
    return Path(path.segments[: len(where)]).covers(where)


@lru_cache(maxsize=4096)
def _layer(names: str) -> int:
    return max(index for index, expression in enumerate(_EXPRESSIONS) if expression.fullmatch(names))
