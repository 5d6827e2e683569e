"""Every plan, carried out, ends in a device that needs none: with the real schema and made-up devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_interpreters import run_gnmi

from fabricd.model.device import WriteTraits
from fabricd.model.edit import Dialect, EditConfig, GnmiSet
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Desired, Scope
from fabricd.model.path import ROOT, Path
from fabricd.plan import make_plan
from fabricd.schema import ModelSet, Schema, digest

INTERFACES = "openconfig-interfaces:interfaces"
LLDP = "openconfig-lldp:lldp"
SYSTEM = "openconfig-system:system"
INSTANCES = "openconfig-network-instance:network-instances"
ROOTS = tuple(Path.parse(f"/{name}") for name in (INTERFACES, INSTANCES, LLDP, SYSTEM))
PEERS = Path.parse(f"/{INSTANCES}/network-instance/protocols/protocol/bgp/neighbors")
DNS = Path.parse(f"/{SYSTEM}/dns")


def _some(**leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=leaves)


def _entry(keys: dict[str, Any], **leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return _some(**leaves).map(lambda config: {**keys, "config": {**keys, **config}})


_TEXT = st.text("abc '\"<&é", max_size=6)
_PORT = st.sampled_from(["Ethernet1", "Ethernet2", "Loopback0"]).flatmap(
    lambda name: _entry(
        {"name": name}, description=_TEXT, mtu=st.sampled_from([1500, 9000, 9214]), enabled=st.booleans()
    )
)
_VLAN = st.integers(1, 4).flatmap(
    lambda number: _entry({"vlan-id": number}, name=st.text("xyz", min_size=1, max_size=3))
)
_PEER = st.sampled_from(["10.0.0.1", "10.0.0.3"]).flatmap(
    lambda address: _entry({"neighbor-address": address}, description=_TEXT, **{"peer-as": st.integers(1, 2**32 - 1)})
)


def _several(entry: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(entry, min_size=1, max_size=3, unique_by=lambda one: one[key])


def _bgp(peers: list[dict[str, Any]]) -> dict[str, Any]:
    identity = {"identifier": "openconfig-policy-types:BGP", "name": "bgp"}
    return {
        **identity,
        "config": identity,
        "bgp": {"global": {"config": {"as": 65001}}, "neighbors": {"neighbor": peers}},
    }


_INSTANCE = st.fixed_dictionaries(
    {},
    optional={
        "vlans": st.fixed_dictionaries({"vlan": _several(_VLAN, "vlan-id")}),
        "protocols": _several(_PEER, "neighbor-address").map(lambda peers: {"protocol": [_bgp(peers)]}),
    },
).map(
    lambda inside: {
        "network-instance": [
            {
                "name": "default",
                "config": {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"},
            }
            | inside
        ]
    }
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        INTERFACES: st.fixed_dictionaries({"interface": _several(_PORT, "name")}),
        LLDP: st.fixed_dictionaries({"config": _some(enabled=st.booleans())}),
        SYSTEM: _some(
            config=_some(hostname=st.sampled_from(["leaf1", "leaf2"])),
            dns=st.fixed_dictionaries(
                {
                    "config": st.fixed_dictionaries(
                        {
                            "search": st.lists(
                                st.sampled_from(["a.example", "b.example", "c.example"]), unique=True, min_size=1
                            )
                        }
                    )
                }
            ),
        ),
        INSTANCES: _INSTANCE,
    },
)


@pytest.fixture(scope="module", params=["managed", "release"])
def schema(request: pytest.FixtureRequest) -> Iterator[Schema]:
    if request.param == "managed":
        models = ModelSet.managed()
    else:
        models = ModelSet.from_directory("release", request.getfixturevalue("openconfig_release"))
    with Schema(models) as opened:
        yield opened


def desired(schema: Schema, config: dict[str, Any], *, subtrees: tuple[Path, ...] = ROOTS) -> Desired:
    data = schema.canonical(orjson.dumps(config))
    return Desired("leaf1", 7, data, digest(data), Scope(ROOTS, subtrees))


def fetched(config: bytes) -> Fetched:
    parts = tuple(Part(Path.parse(f"/{name}"), orjson.dumps(value)) for name, value in orjson.loads(config).items())
    return Fetched(Encoding.JSON_IETF, parts, digest(config), len(config))


relaxed = settings(max_examples=150)


@relaxed
@given(wanted=CONFIGS, running=CONFIGS)
def test_a_plan_carried_out_leaves_nothing_to_do(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any]
) -> None:
    target = desired(schema, wanted)
    actual = schema.canonical(orjson.dumps(running))
    for dialect, kind in ((Dialect.GNMI, GnmiSet), (Dialect.NETCONF, EditConfig)):
        planned = make_plan(schema, target, fetched(actual), dialect=dialect)
        assert planned.preimage == (actual if planned.payload is not None else b"")
        assert bool(planned.plan.edits) == (planned.payload is not None)
        assert planned.payload is None or isinstance(planned.payload, kind)
        assert 0 <= planned.plan.deleted_share <= 1
    edits = [edit.edit for edit in planned.plan.edits]
    after = schema.apply(edits, actual)
    assert make_plan(schema, target, fetched(after), dialect=None).plan.edits == ()
    # Applying twice converges: the second time there is nothing that could go wrong.
    assert make_plan(schema, target, fetched(schema.canonical(after)), dialect=Dialect.GNMI).payload is None
    back = make_plan(schema, desired(schema, running), fetched(after), dialect=None)
    restored = schema.apply([edit.edit for edit in back.plan.edits], after)
    assert make_plan(schema, desired(schema, running), fetched(restored), dialect=None).plan.edits == ()
    assert schema.diff(restored, actual) == ()


WRITES = st.builds(
    WriteTraits,
    shape=st.sampled_from(["leaves", "subtrees", "root"]),
    replace=st.booleans(),
    first=st.lists(st.sampled_from([*ROOTS, PEERS, DNS]), unique=True, max_size=3).map(tuple),
)


@relaxed
@given(wanted=CONFIGS, running=CONFIGS, write=WRITES)
def test_a_set_leaves_nothing_to_do_in_whatever_pieces_the_device_wants_it(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any], write: WriteTraits
) -> None:
    target = desired(schema, wanted)
    actual = schema.canonical(orjson.dumps(running))
    planned = make_plan(schema, target, fetched(actual), dialect=Dialect.GNMI, write=write)
    if planned.payload is None:
        return
    assert isinstance(planned.payload, GnmiSet)
    after = schema.read_device([Part(ROOT, run_gnmi(actual, planned.payload))], Encoding.JSON_IETF)
    assert after.skipped == ()
    assert make_plan(schema, target, fetched(after.config), dialect=None).plan.edits == ()


@relaxed
@given(wanted=CONFIGS, running=CONFIGS)
def test_without_owned_subtrees_nothing_is_deleted(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any]
) -> None:
    target = desired(schema, wanted, subtrees=())
    actual = schema.canonical(orjson.dumps(running))
    planned = make_plan(schema, target, fetched(actual), dialect=Dialect.NETCONF)
    # A leaf-list counts as one value: the entries that are not wanted go.
    assert all(edit.edit.path.name == "search" for edit in planned.plan.edits if edit.edit.operation == "delete")
    after = schema.apply([edit.edit for edit in planned.plan.edits], actual)
    assert make_plan(schema, target, fetched(after), dialect=None).plan.edits == ()


def test_unstable_paths_are_left_alone_and_named(schema: Schema) -> None:
    def ports(mtu: int, text: str) -> dict[str, Any]:
        config = {"name": "Ethernet1", "mtu": mtu, "description": text}
        return {INTERFACES: {"interface": [{"name": "Ethernet1", "config": config}]}}

    target = desired(schema, ports(9000, "wanted"))
    mtu = Path.parse(f"/{INTERFACES}/interface[name='Ethernet1']/config/mtu")
    actual = schema.canonical(orjson.dumps(ports(1500, "other")))
    planned = make_plan(schema, target, fetched(actual), dialect=Dialect.GNMI, avoid=(mtu,))
    assert planned.avoided == (mtu,)
    assert [edit.edit.path.name for edit in planned.plan.edits] == ["description"]
    assert planned.payload is not None
    assert b"9000" not in repr(planned.payload).encode()
