"""Get and Set of a simulated switch, over the wire, by a bare client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from gnmi_documents import ETHERNET1, INSTANCE, TYPE, interface
from pygnmi.spec.v080 import gnmi_ext_pb2, gnmi_pb2
from raw_gnmi import SECONDS, Client, as_text, connected, path, refused, update, values

from fabricd.simulator import Simulation, Switch

STATUS = grpc.StatusCode
VLAN10 = {"vlan-id": 10, "config": {"vlan-id": 10, "name": "ten"}}


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        yield connected_client


@pytest.fixture
async def either(either_simulation: Simulation) -> AsyncIterator[Client]:
    async with connected(either_simulation, either_simulation.switches["left"]) as connected_client:
        yield connected_client


BAD = [
    ("unknown leaf", update(f"{ETHERNET1}/config", {"colour": "red"}), STATUS.NOT_FOUND, "colour"),
    ("unknown path", update("/interfaces/colour", 1), STATUS.NOT_FOUND, "/interfaces/colour"),
    ("wrong type", update(f"{ETHERNET1}/config", {"mtu": "big"}), STATUS.INVALID_ARGUMENT, "config/mtu"),
    ("out of range", update(f"{ETHERNET1}/config/mtu", 70000), STATUS.INVALID_ARGUMENT, "config/mtu"),
    ("wrong scalar", update(f"{ETHERNET1}/config/enabled", None, int_val=7), STATUS.INVALID_ARGUMENT, "enabled"),
    ("state", update(f"{ETHERNET1}/state", {"mtu": 1}), STATUS.INVALID_ARGUMENT, "state"),
    ("not JSON", update(ETHERNET1, None, json_ietf_val=b"{"), STATUS.INVALID_ARGUMENT, "Ethernet1"),
    ("no value", gnmi_pb2.Update(path=path(ETHERNET1)), STATUS.INVALID_ARGUMENT, "Ethernet1"),
    ("other encoding", update(ETHERNET1, None, proto_bytes=b"x"), STATUS.UNIMPLEMENTED, "Ethernet1"),
    ("contradicting key", update(ETHERNET1, {"name": "Ethernet2"}), STATUS.INVALID_ARGUMENT, "Ethernet1"),
    ("unknown key", update("/interfaces/interface[id=Ethernet1]", {}), STATUS.INVALID_ARGUMENT, "id"),
    ("list without key", update("/interfaces/interface", {"name": "Ethernet1"}), STATUS.INVALID_ARGUMENT, "interface"),
    ("wildcard", update("/interfaces/interface[name=*]/config/mtu", 1500), STATUS.INVALID_ARGUMENT, "wildcard"),
    ("object for a list", update("/interfaces", {"interface": {"name": "x"}}), STATUS.INVALID_ARGUMENT, "interface"),
    (
        "leafref to nothing",
        update("/interfaces/interface[name=Ethernet2]", {"config": {"name": "Ethernet3"}}),
        STATUS.ABORTED,
        "Ethernet2",
    ),
]


async def test_capabilities_name_models_encodings_and_version(either: Client) -> None:
    reply = await either.capabilities()
    names = {model.name for model in reply.supported_models}
    assert {"openconfig-interfaces", "openconfig-network-instance", "openconfig-lldp", "openconfig-system"} <= names
    assert all(model.version for model in reply.supported_models)
    spoken = {gnmi_pb2.JSON, gnmi_pb2.JSON_IETF, gnmi_pb2.ASCII, gnmi_pb2.PROTO}
    assert set(reply.supported_encodings) == spoken
    assert reply.gNMI_version == "0.10.0"


async def test_what_is_set_can_be_read_in_both_encodings(either: Client) -> None:
    await either.set(replace=[update(ETHERNET1, interface(mtu=9000))])
    strict = await either.get(f"{ETHERNET1}/config", kind="CONFIG")
    assert values(strict) == [
        {
            "openconfig-interfaces:name": "Ethernet1",
            "openconfig-interfaces:type": "iana-if-type:ethernetCsmacd",
            "openconfig-interfaces:mtu": 9000,
        }
    ]
    loose = await either.get(f"{ETHERNET1}/config", kind="CONFIG", encoding="JSON")
    assert values(loose) == [{"name": "Ethernet1", "type": "ethernetCsmacd", "mtu": 9000}]


@pytest.mark.parametrize(
    "text",
    [
        f"{ETHERNET1}/config/mtu",
        "/openconfig-interfaces:interfaces/interface[name=Ethernet1]/config/mtu",
        "/openconfig-interfaces:interfaces/openconfig-interfaces:interface[name=Ethernet1]/config/mtu",
    ],
)
async def test_names_may_carry_their_module(client: Client, text: str) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=9000))])
    assert values(await client.get(text)) == [9000]


async def test_augmented_nodes_need_no_prefix(client: Client) -> None:
    await client.set(
        update=[
            update(ETHERNET1, interface()),
            update(
                f"{ETHERNET1}/ethernet/switched-vlan/config", {"interface-mode": "TRUNK", "trunk-vlans": [10, "20..30"]}
            ),
        ]
    )
    text = "/interfaces/interface[name=Ethernet1]/ethernet/switched-vlan/config/trunk-vlans"
    assert values(await client.get(text, kind="CONFIG")) == [[10, "20..30"]]


async def test_root_holds_everything(client: Client) -> None:
    await client.set(update=[update("/system/config/hostname", "one"), update(ETHERNET1, interface())])
    for paths in (["/"], []):
        [tree] = values(await client.get(*paths, kind="CONFIG"))
        assert set(tree) == {"openconfig-interfaces:interfaces", "openconfig-system:system"}


async def test_wildcards_give_one_update_for_each_match(client: Client) -> None:
    reply = await client.get("/interfaces/interface[name=*]/state/oper-status", kind="STATE")
    [notification] = reply.notification
    found = {one.path.elem[1].key["name"]: json.loads(one.val.json_ietf_val) for one in notification.update}
    assert found == {"Ethernet1": "UP", "Ethernet2": "DOWN"}
    by_name = await client.get("/interfaces/*/state/oper-status", kind="STATE")
    deep = await client.get("/.../oper-status", kind="STATE")
    assert values(by_name) == values(deep) == ["UP", "DOWN"]


async def test_types_tell_configuration_from_state(client: Client) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=9000))])
    [config] = values(await client.get(ETHERNET1, kind="CONFIG"))
    assert set(config) == {"openconfig-interfaces:name", "openconfig-interfaces:config"}
    [state] = values(await client.get(ETHERNET1, kind="STATE"))
    assert "openconfig-interfaces:config" not in state
    assert state["openconfig-interfaces:state"]["mtu"] == 9000
    [operational] = values(await client.get(ETHERNET1, kind="OPERATIONAL"))
    assert "mtu" not in operational["openconfig-interfaces:state"]
    assert operational["openconfig-interfaces:state"]["oper-status"] == "UP"


async def test_target_and_prefix_come_back(client: Client) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=9000))])
    prefix = gnmi_pb2.Path(target="left", origin="openconfig", elem=path("/interfaces").elem)
    reply = await client.get("/interface[name=Ethernet1]/config/mtu", prefix=prefix)
    assert reply.notification[0].prefix == prefix
    assert reply.notification[0].update[0].path == path("/interface[name=Ethernet1]/config/mtu")
    answer = await client.set(prefix=prefix, update=[update("/interface[name=Ethernet1]/config/mtu", 1500)])
    assert answer.prefix == prefix
    assert reply.notification[0].timestamp > 0


async def test_every_path_has_its_own_notification(client: Client) -> None:
    reply = await client.get("/interfaces/interface[name=Ethernet1]/state/name", "/lldp/state/enabled")
    assert [len(one.update) for one in reply.notification] == [1, 1]


async def test_unknown_and_absent_paths_are_not_found(client: Client) -> None:
    for text in ("/interfaces/interfaze", "/nothing", "/interfaces/interface[name=Ethernet9]"):
        assert (await refused(client.get(text, kind="CONFIG")))[0] is STATUS.NOT_FOUND
    assert (await refused(client.get("/interfaces", kind="CONFIG")))[0] is STATUS.NOT_FOUND


async def test_a_wildcard_that_matches_nothing_is_empty(client: Client) -> None:
    reply = await client.get("/network-instances/network-instance[name=*]", kind="CONFIG")
    assert [len(one.update) for one in reply.notification] == [0]


@pytest.mark.parametrize("below", ["", "/config/mtu", "/subinterfaces/subinterface"])
async def test_a_list_without_keys_is_all_of_its_entries_also_when_there_are_none(client: Client, below: str) -> None:
    """gNMI path conventions: omitted keys match what `*` matches."""
    for keys in ("", "[name=*]"):
        reply = await client.get(f"/interfaces/interface{keys}{below}", kind="CONFIG")
        assert [len(each.update) for each in reply.notification] == [0]
    await client.set(update=[update(ETHERNET1, interface(mtu=1500))])
    found = [await client.get(f"/interfaces/interface{keys}{below}", kind="CONFIG") for keys in ("", "[name=*]")]
    assert found[0] == found[1]
    name = f"/openconfig-interfaces:interfaces/interface{below}"
    shown = [as_text(one.path) for one in (await client.get(name, kind="CONFIG")).notification[0].update]
    assert all(one.startswith("/openconfig-interfaces:interfaces/") for one in shown)


async def test_other_encodings_are_unimplemented(client: Client) -> None:
    code, details = await refused(client.get("/", encoding="BYTES"))
    assert code is STATUS.UNIMPLEMENTED
    assert "BYTES" in details


async def test_foreign_origins_and_misplaced_targets_are_refused(client: Client) -> None:
    for wrong in (gnmi_pb2.Path(origin="cli"), gnmi_pb2.Path(target="left")):
        call = client.stub.Get(
            gnmi_pb2.GetRequest(path=[wrong], encoding=gnmi_pb2.JSON_IETF), metadata=client.metadata, timeout=10
        )
        assert (await refused(call))[0] is STATUS.INVALID_ARGUMENT


async def test_set_deletes_then_replaces_then_updates(client: Client, left: Switch) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=1500, description="old"))])
    reply = await client.set(
        update=[update(f"{ETHERNET1}/config/mtu", 9000)],
        replace=[update(ETHERNET1, interface(description="new"))],
        delete=[path(f"{ETHERNET1}/config/description"), path("/system")],
    )
    assert [gnmi_pb2.UpdateResult.Operation.Name(one.op) for one in reply.response] == [
        "DELETE", "DELETE", "REPLACE", "UPDATE",
    ]  # fmt: skip
    assert reply.response[3].path == path(f"{ETHERNET1}/config/mtu")
    config = left.value(f"{ETHERNET1}/config")
    assert config == {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 9000, "description": "new"}


async def test_replace_drops_what_it_does_not_name_and_update_keeps_it(client: Client, left: Switch) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=1500))])
    await client.set(update=[update(f"{ETHERNET1}/config", {"description": "x"})])
    assert left.value(f"{ETHERNET1}/config/mtu") == 1500
    await client.set(replace=[update(f"{ETHERNET1}/config", interface(description="y")["config"])])
    assert left.value(f"{ETHERNET1}/config/mtu") is None
    await client.set(replace=[update("/", {"openconfig-system:system": {"config": {"hostname": "h"}}})])
    assert json.loads(left.running) == {"openconfig-system:system": {"config": {"hostname": "h"}}}


async def test_replacing_a_list_drops_the_other_entries(client: Client, left: Switch) -> None:
    instance = {"name": "default", "config": INSTANCE, "vlans": {"vlan": [VLAN10]}}
    await client.set(update=[update("/network-instances/network-instance[name=default]", instance)])
    vlans = "/network-instances/network-instance[name=default]/vlans"
    twenty = {"vlan-id": 20, "config": {"vlan-id": 20}}
    await client.set(update=[update(f"{vlans}/vlan", [twenty])])
    assert [one["vlan-id"] for one in left.value(f"{vlans}/vlan")] == [10, 20]
    await client.set(replace=[update(f"{vlans}/vlan", [twenty])])
    assert [one["vlan-id"] for one in left.value(f"{vlans}/vlan")] == [20]


async def test_scalars_are_taken(client: Client, left: Switch) -> None:
    await client.set(
        update=[
            update(ETHERNET1, interface()),
            update(f"{ETHERNET1}/config/mtu", None, uint_val=9000),
            update(f"{ETHERNET1}/config/enabled", None, bool_val=False),
            update(f"{ETHERNET1}/config/description", None, string_val="by scalar"),
        ]
    )
    config = left.value(f"{ETHERNET1}/config")
    assert isinstance(config, dict)
    assert (config["mtu"], config["enabled"], config["description"]) == (9000, False, "by scalar")


async def test_loose_json_is_taken_in_encoding_json_only(client: Client, left: Switch) -> None:
    loose = {"config": {"name": "Ethernet1", "type": "ethernetCsmacd", "mtu": "9000"}}
    await client.set(update=[update(ETHERNET1, None, json_val=json.dumps(loose).encode())])
    assert left.value(f"{ETHERNET1}/config/mtu") == 9000
    assert (await refused(client.set(update=[update(ETHERNET1, loose)])))[0] is STATUS.INVALID_ARGUMENT


async def test_entry_made_by_its_path_gets_the_leaves_its_key_refers_to(client: Client, left: Switch) -> None:
    await client.set(update=[update("/interfaces/interface[name=Ethernet2]/config", {"type": TYPE})])
    assert left.value("/interfaces/interface[name=Ethernet2]/config") == {"name": "Ethernet2", "type": TYPE}


@pytest.mark.parametrize(("wrong", "status", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_bad_set_changes_nothing(
    client: Client, left: Switch, wrong: gnmi_pb2.Update, status: grpc.StatusCode, says: str
) -> None:
    await client.set(update=[update(ETHERNET1, interface(mtu=1500))])
    before, commits = left.running, left.commits
    good = update(f"{ETHERNET1}/config/description", "must not stay")
    code, details = await refused(client.set(delete=[path("/lldp")], update=[good, wrong]))
    assert code is status, details
    assert says in details
    assert (left.running, left.commits) == (before, commits)


async def test_replace_by_nothing_and_partial_keys_are_refused(client: Client) -> None:
    assert (await refused(client.set(replace=[update(ETHERNET1, {})])))[0] is STATUS.INVALID_ARGUMENT
    partial = "/network-instances/network-instance[name=default]/protocols/protocol[name=bgp]"
    assert (await refused(client.set(update=[update(partial, {})])))[0] is STATUS.INVALID_ARGUMENT


@pytest.mark.parametrize("operation", ["replace", "update"])
async def test_a_key_cannot_become_another_than_its_path_says(client: Client, left: Switch, operation: str) -> None:
    await client.set(update=[update(ETHERNET1, interface())])
    before = left.running
    for text, value in ((ETHERNET1, interface("Ethernet9")), (f"{ETHERNET1}/name", "Ethernet9")):
        answer = await refused(client.set(**{operation: [update(text, value)]}))
        assert answer[0] is STATUS.INVALID_ARGUMENT, answer
        assert "key" in answer[1]
    assert left.running == before
    await client.set(**{operation: [update(f"{ETHERNET1}/name", "Ethernet1")]})
    assert left.running == before


async def test_deleting_what_is_not_there_succeeds_and_keys_stay(client: Client, left: Switch) -> None:
    await client.set(delete=[path("/interfaces/interface[name=Ethernet1]"), path("/system/config/hostname")])
    assert left.running == b"{}"
    assert (await refused(client.set(delete=[path(f"{ETHERNET1}/name")])))[0] is STATUS.INVALID_ARGUMENT
    assert (await refused(client.set(delete=[path(f"{ETHERNET1}/state")])))[0] is STATUS.INVALID_ARGUMENT


async def test_wildcards_in_deletes_expand(client: Client, left: Switch) -> None:
    other = {"config": {"name": "Ethernet2", "type": TYPE, "mtu": 1500}}
    await client.set(
        update=[update(ETHERNET1, interface(mtu=1500)), update("/interfaces/interface[name=Ethernet2]", other)]
    )
    await client.set(delete=[path("/interfaces/interface[name=*]/config/mtu")])
    assert b"mtu" not in left.running


async def test_an_empty_set_is_valid_and_one_from_the_future_is_not(client: Client, left: Switch) -> None:
    await client.set()
    await client.set(extension=[gnmi_ext_pb2.Extension(registered_ext=gnmi_ext_pb2.RegisteredExtension(msg=b"x"))])
    version = left.version
    later = gnmi_ext_pb2.Extension.FromString(b"\x4a\x00")  # field 9
    assert (await refused(client.set(extension=[later])))[0] is STATUS.UNIMPLEMENTED
    broken = gnmi_ext_pb2.Extension.FromString(b"\x22\x02\x0a\x09")  # a Commit whose id ends too early
    assert (await refused(client.set(extension=[broken])))[0] is STATUS.INVALID_ARGUMENT
    request = gnmi_pb2.SetRequest.FromString(b"\x4a\x00")
    assert (await refused(client.stub.Set(request, metadata=client.metadata, timeout=SECONDS)))[
        0
    ] is STATUS.UNIMPLEMENTED
    assert left.version == version


async def test_keys_with_every_kind_of_character(client: Client, left: Switch) -> None:
    for name in ("a/b", "a:b", "a=b", "a]b", "a\\b", "2001:db8::1", "a'b", 'a"b', "a b"):
        wanted = gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="interfaces"),
                                     gnmi_pb2.PathElem(name="interface", key={"name": name})])  # fmt: skip
        value = gnmi_pb2.TypedValue(json_ietf_val=json.dumps(interface(name=name)).encode())
        await client.set(update=[gnmi_pb2.Update(path=wanted, val=value)])
        request = gnmi_pb2.GetRequest(path=[wanted], encoding=gnmi_pb2.JSON_IETF, type=gnmi_pb2.GetRequest.CONFIG)
        reply = await client.stub.Get(request, metadata=client.metadata, timeout=SECONDS)
        assert reply.notification[0].update[0].path == wanted
        await client.set(delete=[wanted])
    assert left.running == b"{}"


async def test_sets_at_the_same_time_are_all_carried_out(client: Client, left: Switch) -> None:
    await asyncio.gather(
        *(
            client.set(
                update=[
                    update(f"/interfaces/interface[name=Ethernet{number}]/config", {"type": TYPE, "mtu": 1500 + number})
                ]
            )
            for number in range(20)
        )
    )
    mtus = {left.value(f"/interfaces/interface[name=Ethernet{number}]/config/mtu") for number in range(20)}
    assert mtus == set(range(1500, 1520))
    assert left.commits == 20
