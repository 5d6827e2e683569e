"""The models of a simulated switch as it tells of them itself: what is listed can be had, and is what it runs."""

from __future__ import annotations

import pytest
from target_bench import Bench, World

from fabricd.errors import DeviceRefusedError
from fabricd.model.device import Protocol
from fabricd.southbound import netconf
from fabricd.southbound.netconf import schemas

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_module_of_a_switch_can_be_had_from_it(world: World) -> None:
    await world.reset()
    bench = Bench(world, Protocol.NETCONF)
    target = await netconf.connect(bench.device())
    try:
        listed = await schemas.schemas(target.rpc)
        known = {module.name for module in await schemas.modules(target.rpc)}
        assert "openconfig-interfaces" in known & {entry.name for entry in listed}
        for entry in listed:
            text = await schemas.schema_text(target.rpc, entry.name, entry.revision, entry.format)
            assert f"module {entry.name}" in text
        with pytest.raises(DeviceRefusedError):
            await schemas.schema_text(target.rpc, "no-such-module")
    finally:
        await target.close()
