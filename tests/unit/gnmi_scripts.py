"""What the scripted gRPC server of the gNMI tests says, or fails to say."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from fabricd.model.path import Path

SYSTEM, INTERFACES = Path.parse("/openconfig-system:system"), Path.parse("/openconfig-interfaces:interfaces")


def refusing(code: grpc.StatusCode) -> Any:
    async def refuse(_: Any, context: Any) -> Any:
        await context.abort(code, "no")

    return refuse


async def stall(_: Any, __: Any) -> Any:
    await asyncio.sleep(3600)
