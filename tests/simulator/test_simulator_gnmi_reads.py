"""Get of a simulated switch beyond JSON: scalars and text, chosen models, limited depth."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from gnmi_documents import ETHERNET1, HOSTNAME, interface
from pygnmi.spec.v080 import gnmi_ext_pb2, gnmi_pb2
from raw_gnmi import SECONDS, Client, as_text, commit, connected, extension, first, path, refused, update, values

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import CommitConfirm, Depth
from fabricd.simulator import Simulation, SimulationConfig, Switch
from fabricd.simulator.gnmi.get import MAX_PATHS

STATUS = grpc.StatusCode
Configure = Callable[..., SimulationConfig]
VLANS = "/interfaces/interface[name=Ethernet1]/ethernet/switched-vlan/config"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        await connected_client.set(
            update=[
                update(ETHERNET1, interface(mtu=9000, enabled=False)),
                update(VLANS, {"interface-mode": "TRUNK", "trunk-vlans": [10, "20..30"]}),
                update(HOSTNAME, "one"),
            ]
        )
        yield connected_client


def by_leaf(reply: gnmi_pb2.GetResponse) -> dict[str, gnmi_pb2.TypedValue]:
    [notification] = reply.notification
    return {as_text(one.path): one.val for one in notification.update}


async def test_proto_gives_each_leaf_as_a_scalar(client: Client) -> None:
    found = by_leaf(await client.get(ETHERNET1, encoding="PROTO"))
    assert found[f"{ETHERNET1}/config/mtu"] == gnmi_pb2.TypedValue(uint_val=9000)
    assert found[f"{ETHERNET1}/config/enabled"] == gnmi_pb2.TypedValue(bool_val=False)
    assert found[f"{ETHERNET1}/config/type"] == gnmi_pb2.TypedValue(string_val="iana-if-type:ethernetCsmacd")
    assert found[f"{ETHERNET1}/state/oper-status"] == gnmi_pb2.TypedValue(string_val="DOWN")
    assert found[f"{ETHERNET1}/state/counters/in-octets"].WhichOneof("value") == "uint_val"
    vlans = found[f"{VLANS}/trunk-vlans"].leaflist_val.element
    assert [(one.WhichOneof("value"), one.uint_val or one.string_val) for one in vlans] == [
        ("uint_val", 10),
        ("string_val", "20..30"),
    ]


async def test_ascii_gives_each_leaf_as_text(client: Client) -> None:
    found = by_leaf(await client.get(ETHERNET1, encoding="ASCII", kind="CONFIG"))
    assert found[f"{ETHERNET1}/config/mtu"].ascii_val == "9000"
    assert found[f"{ETHERNET1}/config/enabled"].ascii_val == "false"
    assert found[f"{VLANS}/trunk-vlans"].ascii_val == "10, 20..30"


async def test_what_proto_and_ascii_show_can_be_written_back(client: Client, left: Switch) -> None:
    before = left.running
    for encoding in ("PROTO", "ASCII"):
        shown = by_leaf(await client.get(f"{ETHERNET1}/config", kind="CONFIG", encoding=encoding))
        updates = [update(text, None, **{kind: getattr(one, kind)})
                   for text, one in shown.items() if (kind := str(one.WhichOneof("value")))]  # fmt: skip
        await client.set(delete=[update(f"{ETHERNET1}/config/mtu", 0).path], update=updates)
        assert left.running == before


async def test_the_root_can_be_read_in_every_encoding(client: Client) -> None:
    [tree] = values(await client.get("/", kind="CONFIG"))
    leaves = by_leaf(await client.get(kind="CONFIG", encoding="PROTO"))
    assert leaves[HOSTNAME].string_val == "one"
    assert tree["openconfig-system:system"]["config"]["hostname"] == "one"
    assert set(by_leaf(await client.get("/", kind="CONFIG", encoding="ASCII"))) == set(leaves)


async def test_chosen_models_are_shown_and_others_are_refused(client: Client) -> None:
    def models(*names: str) -> dict[str, Any]:
        return {"use_models": [gnmi_pb2.ModelData(name=name) for name in names]}

    [tree] = values(await client.get("/", kind="CONFIG", **models("openconfig-system")))
    assert set(tree) == {"openconfig-system:system"}
    [tree] = values(await client.get("/", kind="CONFIG", **models("openconfig-interfaces")))
    [only] = tree["openconfig-interfaces:interfaces"]["interface"]
    assert set(only) == {"name", "config"}
    code, details = await refused(client.get("/", **models("openconfig-toaster")))
    assert code is STATUS.INVALID_ARGUMENT
    assert "openconfig-toaster" in details
    wrong = {"use_models": [gnmi_pb2.ModelData(name="openconfig-system", version="0.0.1")]}
    assert (await refused(client.get("/", **wrong)))[0] is STATUS.INVALID_ARGUMENT


async def shown_at_depth(client: Client, level: int, text: str = ETHERNET1, **fields: Any) -> Any:
    [found] = values(await client.get(text, kind="CONFIG", extension=[extension(depth=Depth(level=level))], **fields))
    return found


async def test_depth_limits_the_levels_below_the_path(client: Client) -> None:
    whole = await shown_at_depth(client, 0)
    assert whole == values(await client.get(ETHERNET1, kind="CONFIG"))[0]
    assert await shown_at_depth(client, 1) == {"openconfig-interfaces:name": "Ethernet1"}
    two = await shown_at_depth(client, 2)
    assert two["openconfig-interfaces:config"] == whole["openconfig-interfaces:config"]
    assert "openconfig-if-ethernet:ethernet" not in two
    assert await shown_at_depth(client, 4) == whole


async def test_depth_counts_in_leaves_too(client: Client) -> None:
    reply = await client.get(ETHERNET1, kind="CONFIG", encoding="PROTO", extension=[extension(depth=Depth(level=1))])
    assert set(by_leaf(reply)) == {f"{ETHERNET1}/name"}


async def test_extensions_out_of_place_are_refused(client: Client) -> None:
    depth = extension(depth=Depth(level=1))
    assert (await refused(client.set(extension=[depth])))[0] is STATUS.INVALID_ARGUMENT
    assert (await refused(client.get("/", extension=[depth, depth])))[0] is STATUS.INVALID_ARGUMENT
    wrong = commit("x", confirm=CommitConfirm())
    assert (await refused(client.get("/", extension=wrong)))[0] is STATUS.INVALID_ARGUMENT
    request = gnmi_pb2.CapabilityRequest(extension=[depth])
    call = client.stub.Capabilities(request, metadata=client.metadata, timeout=SECONDS)
    assert (await refused(call))[0] is STATUS.INVALID_ARGUMENT


async def test_what_is_not_known_is_never_passed_over(client: Client, left: Switch) -> None:
    history = gnmi_ext_pb2.Extension(history=gnmi_ext_pb2.History(snapshot_time=1))
    unknown = gnmi_ext_pb2.Extension.FromString(b"\x4a\x00")
    for each in (history, unknown):
        assert (await refused(client.get("/", extension=[each])))[0] is STATUS.UNIMPLEMENTED
        assert (await refused(first(client.subscribe("ONCE", "/", extension=[each]))))[0] is STATUS.UNIMPLEMENTED
    assert (await refused(client.get("/", kind=4)))[0] is STATUS.INVALID_ARGUMENT
    old = gnmi_pb2.Path(element=["interfaces"])
    before = left.running
    assert (await refused(client.set(delete=[old])))[0] is STATUS.INVALID_ARGUMENT
    assert (await refused(client.get("/", prefix=old)))[0] is STATUS.INVALID_ARGUMENT
    assert left.running == before


async def test_too_many_paths_and_too_large_answers_are_given_up(configure: Configure) -> None:
    async with Simulation(configure(max_message_bytes=1 << 16)) as simulation:
        left = simulation.switches["left"]
        interfaces = [interface(f"Loopback{number}") for number in range(300)]
        await left.change({"/interfaces": {"interface": json.loads(json.dumps(interfaces))}})
        async with connected(simulation, left) as client:
            for paths in (["/interfaces/interface[name=Loopback0]"] * (MAX_PATHS + 1), ["/..."], ["/"] * 10):
                assert (await refused(client.get(*paths, kind="CONFIG")))[0] is STATUS.RESOURCE_EXHAUSTED
            assert len(values(await client.get(*["/interfaces/interface[name=Loopback0]/name"] * 100))) == 100


async def test_a_request_has_only_so_many_wildcards(client: Client) -> None:
    for text, most in (("/.../config", 16), ("/interfaces/*", 1024)):
        assert values(await client.get(*[text] * min(most, 16)))
        many = [path(text)] * (most + 1)
        assert (await refused(client.set(delete=many)))[0] is STATUS.RESOURCE_EXHAUSTED
    assert (await refused(client.get(*["/.../config"] * 17)))[0] is STATUS.RESOURCE_EXHAUSTED
    assert (await refused(first(client.subscribe("ONCE", *["/.../config"] * 17))))[0] is STATUS.RESOURCE_EXHAUSTED
    below = path("/...")
    assert (await refused(client.get(*["/config"] * 17, prefix=below)))[0] is STATUS.RESOURCE_EXHAUSTED


async def test_the_origin_of_a_path_comes_back_with_it(client: Client) -> None:
    wanted = gnmi_pb2.Path(origin="openconfig", elem=update(HOSTNAME, 0).path.elem)
    request = gnmi_pb2.GetRequest(path=[wanted], encoding=gnmi_pb2.JSON_IETF)
    reply = await client.stub.Get(request, metadata=client.metadata, timeout=SECONDS)
    assert reply.notification[0].update[0].path == wanted
    assert json.loads(reply.notification[0].update[0].val.json_ietf_val) == "one"
