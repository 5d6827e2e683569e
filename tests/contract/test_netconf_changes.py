"""Notifications of a simulated NETCONF switch: ours are passed over, others' and taken-back commits are not."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from target_bench import DEADLINE, ROOTS, Bench, World, document, interface

from fabricd.model.device import Protocol
from fabricd.southbound import netconf

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = document("leaf1", interface("Ethernet1", description="to spine1"))
NEW = document("renamed", interface("Ethernet1", description="to spine2"))
LLDP = "/lldp/config/enabled"


async def test_our_writes_are_not_told_and_what_is_taken_back_is(world: World) -> None:
    await world.reset()
    bench = Bench(world, Protocol.NETCONF)
    await bench.configure(OLD)
    connect = partial(netconf.connect, namespaces=world.schema.namespaces(), own=netconf.OwnSessions())
    watching, writing = await connect(bench.device()), await connect(bench.device())
    bench.opened += [watching, writing]
    try:
        async with aclosing(watching.changes(ROOTS)) as changes, asyncio.timeout(DEADLINE):
            assert (await anext(changes)).paths == ()
            await bench.write(writing, bench.payload(NEW))
            await world.switch.change({LLDP: False})
            assert {path.names[0] for path in (await anext(changes)).paths} == {"lldp"}
            before = bench.running()
            await writing.stage(bench.payload(OLD), "id-1")
            assert bench.running() != before
            world.alarm.ring()
            await anext(changes)
            assert bench.running() == before
            await writing.cancel()
    finally:
        await bench.close()
