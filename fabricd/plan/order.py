"""The order of edits: what depends on others goes first when deleted and last when created.

Called by plan/planner. Pure; protocols apply a plan as one transaction, so this is for devices and people that do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from fabricd.model.edit import Edit, Operation
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


def ordered(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Deletes, dependents first; then the rest, base first. Edits of one layer keep their order, because the
    positions in user-ordered lists build on each other."""
    return tuple(sorted(edits, key=_place))


def _place(edit: Edit) -> tuple[int, int]:
    layer = _layer("".join(f"/{name}" for name in edit.path.names))
    return (0, -layer) if edit.operation is Operation.DELETE else (1, layer)


@lru_cache(maxsize=4096)
def _layer(names: str) -> int:
    return max(index for index, expression in enumerate(_EXPRESSIONS) if expression.fullmatch(names))
