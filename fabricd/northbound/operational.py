"""The RPCs that look at devices: Operational, Cabling, Applied. A part of the fabricd.v1 servicer.

Turns messages into calls of reconcile/observations and its answers into messages. Decides nothing itself.
"""

from __future__ import annotations

from typing import Any

import grpc.aio

from fabricd.intent.fabric.cabling import CableEnd
from fabricd.intent.fabric.values import natural
from fabricd.model.operational import Operational
from fabricd.northbound.convert import mirrored, timestamp
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.observations import Applied, Observations, Observed

Context = grpc.aio.ServicerContext[Any, Any]


class OperationalMethods:
    """Mixed into the servicer. `_observations` is set by it."""

    _observations: Observations

    async def Operational(self, request: pb.OperationalRequest, context: Context) -> pb.OperationalResponse:  # noqa: N802
        found = await self._observations.operational(tuple(request.devices))
        return pb.OperationalResponse(devices=map(_observed_message, found))

    async def Cabling(self, request: pb.CablingRequest, context: Context) -> pb.CablingResponse:  # noqa: N802
        found = await self._observations.cabling(tuple(request.devices))
        return pb.CablingResponse(
            revision=found.revision,
            cables=[
                pb.Cable(
                    verdict=cable.verdict,
                    fabric=cable.fabric,
                    a=_end_message(cable.a),
                    b=_end_message(cable.b),
                    swapped_with=cable.swapped_with,
                    name=cable.name,
                )
                for cable in found.cables
            ],
            unread=dict(found.unread),
        )

    async def Applied(self, request: pb.AppliedRequest, context: Context) -> pb.AppliedResponse:  # noqa: N802
        found = await self._observations.applied(tuple(request.devices))
        return pb.AppliedResponse(devices=map(_applied_message, found))


def _observed_message(found: Observed) -> pb.DeviceOperational:
    if found.state is None:
        return pb.DeviceOperational(device=found.device, error=found.error, error_code=found.error_code)
    return _state_message(found.state)


def _state_message(state: Operational) -> pb.DeviceOperational:
    return pb.DeviceOperational(
        device=state.device,
        read=timestamp(state.read),
        interfaces=[
            mirrored(pb.InterfaceState, one) for one in sorted(state.interfaces, key=lambda one: natural(one.name))
        ],
        neighbors=[mirrored(pb.LldpNeighbor, one) for one in state.neighbors],
        sessions=[
            mirrored(pb.BgpSession, one) for one in sorted(state.sessions, key=lambda one: natural(one.neighbor))
        ],
        unread=state.unread,
        lldp_system_name=state.system_name,
        lldp_enabled=state.lldp,
    )


def _end_message(end: CableEnd) -> pb.CableEnd:
    return pb.CableEnd(port=str(end.port), found=end.found, note=end.note)


def _applied_message(one: Applied) -> pb.DeviceApplied:
    message = pb.DeviceApplied(device=one.device, error=one.error, error_code=one.error_code, waiting=one.waiting)
    if one.found is not None:
        message.leaves = one.found.leaves
        message.untold.extend(path.text for path in one.found.untold)
        message.not_in_force.extend(
            pb.NotInForce(path=leaf.path.text, configured_json=leaf.configured, applied_json=leaf.applied or "")
            for leaf in one.found.not_in_force
        )
    return message
