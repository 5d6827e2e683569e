"""Set of a simulated switch where it is easily got wrong: unions, repeated paths, what goes back to its default."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from gnmi_documents import ETHERNET1, ETHERNET2, HOSTNAME, interface
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import SECONDS, Client, commit, connected, path, refused, update, values

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import CommitRequest, SetRequest
from fabricd.simulator import Simulation, Switch
from fabricd.simulator.gnmi.set import MAX_OPERATIONS

STATUS = grpc.StatusCode
UNION_REPLACE = 4


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        yield connected_client


def union(*updates: gnmi_pb2.Update, **others: Any) -> gnmi_pb2.SetRequest:
    """A SetRequest with union_replace, which pygnmi's message does not know but keeps."""
    young = SetRequest(union_replace=[one.SerializeToString() for one in updates]).SerializeToString()
    return gnmi_pb2.SetRequest.FromString(gnmi_pb2.SetRequest(**others).SerializeToString() + young)


async def send(client: Client, request: gnmi_pb2.SetRequest) -> gnmi_pb2.SetResponse:
    return await client.stub.Set(request, metadata=client.metadata, timeout=SECONDS)


async def test_a_union_replaces_everything(client: Client, left: Switch) -> None:
    await client.set(update=[update(HOSTNAME, "old"), update(ETHERNET2, interface("Ethernet2"))])
    named = update("/interfaces", {"interface": [interface()]})
    named.path.origin = "openconfig"
    reply = await send(client, union(named, update(f"{ETHERNET1}/config/mtu", 9000)))
    assert [int(one.op) for one in reply.response] == [UNION_REPLACE, UNION_REPLACE]
    assert [one.path for one in reply.response] == [named.path, path(f"{ETHERNET1}/config/mtu")]
    assert json.loads(left.running) == {"openconfig-interfaces:interfaces": {"interface": [interface(mtu=9000)]}}


async def test_a_union_is_all_or_nothing_and_never_mixed(client: Client, left: Switch) -> None:
    await client.set(update=[update(HOSTNAME, "kept")])
    new = update(ETHERNET1, interface())
    for other in ({"delete": [path("/lldp")]}, {"replace": [new]}, {"update": [new]}):
        assert (await refused(send(client, union(new, **other))))[0] is STATUS.INVALID_ARGUMENT
    code, details = await refused(send(client, union(new, update("/nothing", 1))))
    assert (code, "/nothing" in details) == (STATUS.NOT_FOUND, True)
    native = update("/", {})
    native.path.origin = "some_cli"
    code, details = await refused(send(client, union(new, native)))
    assert code is STATUS.INVALID_ARGUMENT
    assert "some_cli" in details
    assert json.loads(left.running) == {"openconfig-system:system": {"config": {"hostname": "kept"}}}


async def test_a_union_can_wait_for_its_confirmation(client: Client, left: Switch) -> None:
    await client.set(update=[update(HOSTNAME, "before")])
    await send(client, union(update(ETHERNET1, interface()), extension=commit("x", commit=CommitRequest())))
    assert left.value(HOSTNAME) is None
    await left.restart()
    assert left.value(HOSTNAME) == "before"


async def test_repeated_paths_are_applied_in_order(client: Client, left: Switch) -> None:
    mtu = f"{ETHERNET1}/config/mtu"
    await client.set(
        replace=[update(ETHERNET1, interface(mtu=1500)), update(ETHERNET1, interface(description="second"))],
        update=[update(mtu, 9000), update(mtu, 9214)],
    )
    assert left.value(f"{ETHERNET1}/config") == interface(description="second", mtu=9214)["config"]


async def test_what_a_replace_omits_goes_back_to_its_default(client: Client) -> None:
    await client.set(update=[update(ETHERNET1, interface(enabled=False))])
    assert values(await client.get(f"{ETHERNET1}/state/enabled")) == [False]
    await client.set(replace=[update(f"{ETHERNET1}/config", interface()["config"])])
    assert values(await client.get(f"{ETHERNET1}/state/enabled")) == [True]


async def test_replacing_a_container_by_nothing_empties_it(client: Client, left: Switch) -> None:
    await client.set(update=[update(ETHERNET1, interface()), update(HOSTNAME, "x")])
    await client.set(replace=[update("/interfaces", {})])
    assert json.loads(left.running) == {"openconfig-system:system": {"config": {"hostname": "x"}}}


async def test_numbers_no_decimal_has_are_refused(client: Client) -> None:
    huge = gnmi_pb2.Decimal64(digits=1, precision=4_000_000_000)
    code, details = await refused(client.set(update=[update(f"{ETHERNET1}/config/mtu", None, decimal_val=huge)]))
    assert code is STATUS.INVALID_ARGUMENT
    assert "precision" in details


async def test_no_digit_of_a_number_is_lost_or_invented(client: Client, left: Switch) -> None:
    await client.set(update=[update(ETHERNET1, interface())])
    place = f"{ETHERNET1}/config/description"  # any text, so that it shows what became of the number
    for scalar, written in (
        ({"decimal_val": gnmi_pb2.Decimal64(digits=123456789012345678, precision=2)}, "1234567890123456.78"),
        ({"decimal_val": gnmi_pb2.Decimal64(digits=-5, precision=3)}, "-0.005"),
        ({"float_val": 0.1}, "0.1"),
        ({"double_val": 1e-7}, "0.0000001"),
        ({"double_val": 2.5}, "2.5"),
    ):
        await client.set(update=[update(place, None, **scalar)])
        assert left.value(place) == written


async def test_results_carry_operations_and_paths_in_their_order(client: Client) -> None:
    reply = await client.set(
        update=[update(f"{ETHERNET1}/config/mtu", 9000)],
        replace=[update(ETHERNET1, interface())],
        delete=[path("/lldp"), path("/system")],
    )
    found = [(gnmi_pb2.UpdateResult.Operation.Name(one.op), one.path) for one in reply.response]
    assert found == [
        ("DELETE", path("/lldp")),
        ("DELETE", path("/system")),
        ("REPLACE", path(ETHERNET1)),
        ("UPDATE", path(f"{ETHERNET1}/config/mtu")),
    ]
    assert reply.timestamp > 0


async def test_a_set_is_bounded(client: Client, left: Switch) -> None:
    many = [path("/lldp")] * (MAX_OPERATIONS + 1)
    assert (await refused(client.set(delete=many)))[0] is STATUS.RESOURCE_EXHAUSTED
    assert left.commits == 0
