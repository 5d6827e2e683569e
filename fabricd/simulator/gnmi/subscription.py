"""What a Subscribe call asks for, checked and bound to the models (gNMI specification sections 3.5.1.2 and 3.5.1.3).

Called by Subscribe. Reads requests, sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node
from fabricd.simulator.gnmi.extension import read_depth
from fabricd.simulator.gnmi.get import chosen_models
from fabricd.simulator.gnmi.paths import GnmiError, Paths
from fabricd.simulator.gnmi.values import check_encoding
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Place

SMALLEST_SECONDS = 0.1
"""Between two samples, or two heartbeats, of a subscription."""
DEFINED_SECONDS = 10.0
"""Between two samples of what changes by itself, where the client leaves it to the switch."""
MAX_SUBSCRIPTIONS = 256
"""In one call."""
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Manner:
    """When something is told. `seconds` between samples, None: when it changes. `heartbeat`: seconds after which
    everything is told again, None: never. `changed`: of a sample only what is different. `unsteady`: only what changes
    by itself."""

    seconds: float | None = None
    heartbeat: float | None = None
    changed: bool = True
    unsteady: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A checked SubscriptionList. `watches` holds every place under the manner in which it is told; `models` is empty
    for all of them."""

    request: gnmi_pb2.SubscriptionList
    watches: dict[Manner, tuple[Place, ...]]
    depth: int
    models: frozenset[str]

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        return tuple(dict.fromkeys(place for places in self.watches.values() for place in places))


def read_subscription(live: Live, paths: Paths, message: gnmi_pb2.SubscribeRequest) -> Subscription:
    """The first message of a call. Raises GnmiError: UNIMPLEMENTED for encodings and paths that are not there,
    RESOURCE_EXHAUSTED for too many paths, INVALID_ARGUMENT for everything else that makes no sense."""
    if message.WhichOneof("request") != "subscribe":
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "a call begins with a subscription")
    request = message.subscribe
    check_encoding(request.encoding)
    paths.check(request, [one.path for one in request.subscription])
    if request.mode not in gnmi_pb2.SubscriptionList.Mode.values():
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"there is no subscription mode {request.mode}")
    if not request.subscription:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "no path is subscribed to")
    if len(request.subscription) > MAX_SUBSCRIPTIONS:
        raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MAX_SUBSCRIPTIONS} paths in one call")
    watches: dict[Manner, dict[Place, None]] = {}
    for one in request.subscription:
        places = paths.bind(request.prefix, one.path, grpc.StatusCode.UNIMPLEMENTED)
        for manner in _manners(one, places):
            watches.setdefault(manner, {}).update(dict.fromkeys(places))
    return Subscription(
        request=request,
        watches={manner: tuple(places) for manner, places in watches.items()},
        depth=read_depth(message),
        models=chosen_models(live.outline, request.use_models),
    )


def _manners(asked: gnmi_pb2.Subscription, places: tuple[Place, ...]) -> tuple[Manner, ...]:
    heartbeat = _seconds("heartbeat_interval", asked.heartbeat_interval) if asked.heartbeat_interval else None
    match asked.mode:
        case gnmi_pb2.ON_CHANGE:
            return (Manner(heartbeat=heartbeat),)
        case gnmi_pb2.SAMPLE:
            seconds = _seconds("sample_interval", asked.sample_interval) if asked.sample_interval else SMALLEST_SECONDS
            return (Manner(seconds, heartbeat, asked.suppress_redundant),)
        case gnmi_pb2.TARGET_DEFINED:
            steady = Manner(heartbeat=heartbeat)
            if not any(_has_state(place.node) for place in places):
                return (steady,)
            return (steady, replace(steady, seconds=DEFINED_SECONDS, unsteady=True))
        case _:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"there is no mode {asked.mode} of a subscription")


def _seconds(name: str, nanoseconds: int) -> float:
    if nanoseconds < SMALLEST_SECONDS * _NANOSECONDS:
        message = f"{name} is {nanoseconds} ns, the smallest here is {SMALLEST_SECONDS:g} s"
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, message)
    return nanoseconds / _NANOSECONDS


def _has_state(node: Node | None) -> bool:
    """Whether there is anything at or below a node that is not configuration; the root has."""
    return node is None or not node.config or any(map(_has_state, node.children))
