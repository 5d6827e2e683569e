"""Devices with defaults and names of their own are brought in line, and then left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.model.device import Likeness
from fabricd.model.edit import Dialect
from fabricd.model.path import Path
from fabricd.plan import make_plan
from fabricd.schema import ModelSet, Schema
from tests.unit.peculiar_device import PeculiarDevice
from tests.unit.peculiar_plans import (
    INSTANCES,
    INTERFACES,
    LIKENESS,
    PASSWORD,
    PORT,
    Bench,
    desired,
    edits,
    instance,
    instances,
    member,
    port,
    ports,
)


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


_LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "mtu": st.sampled_from([1500, 9100, 9214]),
        "enabled": st.booleans(),
        "description": st.sampled_from(["a", "b"]),
    },
)
_PORTS = st.dictionaries(st.sampled_from(["Ethernet1", "Ethernet2", "Loopback0"]), _LEAVES, max_size=3).map(
    lambda found: ports(*(port(name, **leaves) for name, leaves in found.items())) if found else {}
)
_PASSWORDS = st.none() | st.sampled_from(["one", "two"])
_INDEX = st.none() | st.sampled_from([0, 7])


def _instances(default: str, members: st.SearchStrategy[dict[str, Any] | None]) -> st.SearchStrategy[dict[str, Any]]:
    made = st.builds(
        lambda one, password: instance(default, *([one] if one else []), password=password), members, _PASSWORDS
    )
    return st.just({}) | made.map(instances) | made.map(lambda one: instances(one, instance("red")))


_WANTED = st.builds(
    lambda one, other: one | other,
    _PORTS,
    _instances(
        "default", st.none() | st.builds(member, st.sampled_from(["any", "Ethernet1"]), st.just("Ethernet1"), _INDEX)
    ),
)
_RUNNING = st.builds(
    lambda one, other: one | other,
    _PORTS,
    _instances("DEFAULT", st.none() | _INDEX.map(lambda index: member(f"Ethernet1.{index or 0}", "Ethernet1", index))),
)

relaxed = settings(max_examples=150)


@relaxed
@given(wanted=_WANTED, running=_RUNNING, anew=st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do_and_the_effect_that_was_asked_for(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any], anew: bool
) -> None:
    device = PeculiarDevice(running, anew=anew)
    likeness = Likeness(
        LIKENESS.defaults, secrets_anew=(PASSWORD,), aliases=LIKENESS.aliases, interface_refs=True
    ) if anew else LIKENESS  # fmt: skip
    bench = Bench(schema, device, likeness)
    bench.converge(desired(schema, wanted))
    asked = {one["name"]: one["config"] for one in wanted.get(INTERFACES, {}).get("interface", ())}
    assert device.ports().keys() == asked.keys()
    for name, config in device.ports().items():
        assert config["enabled"] == asked[name].get("enabled", True)  # the models' default, which is not the device's
        assert config["mtu"] == asked[name].get("mtu", 9100)
    assert [peer["config"].get("auth-password") for peer in device.neighbors()] == [
        peer["config"].get("auth-password") for peer in PeculiarDevice(wanted).neighbors()
    ]
    bench.converge(desired(schema, {}))
    assert device.ports() == {}
    assert list(device.instances()) == []


@relaxed
@given(wanted=_WANTED, running=_RUNNING)
def test_without_owned_subtrees_only_what_is_desired_is_written(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any]
) -> None:
    device = PeculiarDevice(running)
    before = device.ports()
    Bench(schema, device).converge(desired(schema, wanted, subtrees=()))
    asked = {one["name"]: one["config"] for one in wanted.get(INTERFACES, {}).get("interface", ())}
    for name, config in device.ports().items():
        made = name not in before
        for leaf, default in (("enabled", True if made else None), ("mtu", None)):
            kept = default if default is not None else before.get(name, device.own_defaults)[leaf]
            assert config[leaf] == asked.get(name, {}).get(leaf, kept)


@relaxed
@given(wanted=_WANTED, running=_RUNNING)
def test_what_one_intent_set_goes_when_the_next_does_not(
    schema: Schema, wanted: dict[str, Any], running: dict[str, Any]
) -> None:
    device = PeculiarDevice(running)
    bench = Bench(schema, device)
    first = desired(schema, wanted, subtrees=())
    bench.converge(first)
    released = tuple(
        Path.parse(f"{PORT.replace('interface/', f'interface[name={name!r}]/')}/{leaf}")
        for name in ("Ethernet1", "Ethernet2")
        for leaf in ("enabled", "mtu")
    )
    bench.converge(desired(schema, {}, subtrees=(), released=released))
    for name in ("Ethernet1", "Ethernet2"):
        if name in device.ports():
            assert device.ports()[name] | device.own_defaults == device.ports()[name]


def test_a_value_that_the_device_assumes_is_neither_missed_nor_complained_about(schema: Schema) -> None:
    device = PeculiarDevice(ports(port("Ethernet1", enabled=True), port("Ethernet2", enabled=True, mtu=1500)))
    wanted = ports(port("Ethernet1", mtu=9100), port("Ethernet2"))
    found = Bench(schema, device).plan(desired(schema, wanted)).plan
    assert edits(found) == [("delete", f"/{INTERFACES}/interface[name='Ethernet2']/config/mtu", None)]


def test_a_default_of_the_models_that_is_not_the_devices_is_written_out(schema: Schema) -> None:
    device = PeculiarDevice(ports(port("Ethernet1")))
    wanted = ports(port("Ethernet1"), port("Ethernet2"))
    bench = Bench(schema, device)
    assert [(path, new) for _, path, new in edits(bench.converge(desired(schema, wanted)))] == [
        (f"/{INTERFACES}/interface[name='Ethernet1']/config/enabled", "true"),
        (
            f"/{INTERFACES}/interface[name='Ethernet2']",
            '{"openconfig-interfaces:name":"Ethernet2","openconfig-interfaces:config":{"name":"Ethernet2",'
            '"type":"iana-if-type:ethernetCsmacd","enabled":true}}',
        ),
    ]


def test_an_explicit_leaf_is_written_although_it_equals_its_default(schema: Schema) -> None:
    device = PeculiarDevice(ports(port("Ethernet1")))
    device.own_defaults = {}
    likeness = Likeness(explicit=(Path.parse("/interfaces/interface/config/enabled"),))
    bench = Bench(schema, device, likeness)
    wanted = ports(port("Ethernet1", enabled=True), port("Ethernet2"))
    bench.converge(desired(schema, wanted, subtrees=()))
    assert [one["enabled"] for one in device.ports().values()] == [True, True]
    # Without an intent for it, an entry that is there already and that nobody owns is left as it is.
    plain = PeculiarDevice(ports(port("Ethernet1")))
    plain.own_defaults = {}
    assert Bench(schema, plain, likeness).plan(desired(schema, ports(port("Ethernet1")), subtrees=())).plan.edits == ()
    assert Bench(schema, plain, Likeness()).plan(desired(schema, wanted, subtrees=())).plan.edits[0:1] != ()


def test_omitted_and_unsupported_nodes_are_not_sent_and_not_missed(schema: Schema) -> None:
    likeness = Likeness(
        unsupported=(Path.parse("/interfaces/interface/config/type"),),
        omitted=(
            Path.parse("/interfaces/interface/config/description"),
            Path.parse("/interfaces/interface[name='Phantom*']"),
        ),
    )
    shown = ports(port("Ethernet1", description="of its own"), port("Phantom12"))
    device = PeculiarDevice(shown)
    device.own_defaults = {}
    bench = Bench(schema, device, likeness)
    wanted = desired(schema, ports(port("Ethernet1", description="wanted"), port("Ethernet2", description="new")))
    found = bench.converge(wanted)
    # The type as well: whoever submits it is refused, but a profile may have come to say so later.
    assert found.omitted == tuple(
        f"/{INTERFACES}/interface[name='{name}']/config/{leaf}"
        for leaf in ("description", "type")
        for name in ("Ethernet1", "Ethernet2")
    )
    ((operation, path, new),) = edits(found)
    assert (operation, path) == ("create", f"/{INTERFACES}/interface[name='Ethernet2']")
    assert new is not None
    assert "description" not in new
    assert "type" not in new
    assert device.ports().keys() == {"Ethernet1", "Phantom12", "Ethernet2"}


def test_an_entry_that_has_the_name_which_another_one_gets_swaps_with_it(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("DEFAULT"), instance("default")))
    names = schema.names(LIKENESS, b"{}")
    shown = schema.read_device(device.fetched().parts, device.fetched().encoding).config
    inside = names.inward(shown)
    assert schema.canonical(names.outward(inside)) == schema.canonical(shown)
    kinds = {one["name"]: one["config"]["name"] for one in orjson.loads(inside)[INSTANCES]["network-instance"]}
    assert kinds == {"default": "default", "DEFAULT": "DEFAULT"}


def test_everything_that_refers_to_a_renamed_entry_is_renamed_with_it(schema: Schema) -> None:
    server = {"address": "192.0.2.1", "config": {"address": "192.0.2.1", "network-instance": "default"}}
    config = instances(instance("default")) | {
        "openconfig-system:system": {
            "config": {"hostname": "default"},
            "ntp": {"servers": {"server": [server]}},
        }
    }
    tree = schema.canonical(orjson.dumps(config))
    outside = orjson.loads(schema.names(LIKENESS, tree).outward(tree))
    system = outside["openconfig-system:system"]
    assert system["ntp"]["servers"]["server"][0]["config"]["network-instance"] == "DEFAULT"
    assert system["config"]["hostname"] == "default"  # it is no reference
    schema.validate(schema.canonical(orjson.dumps(outside)))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_device_that_is_as_the_specifications_say_is_compared_as_it_is(schema: Schema, dialect: Dialect) -> None:
    device = PeculiarDevice(ports(port("Ethernet1", enabled=True)))
    device.own_defaults = {}
    target = desired(schema, ports(port("Ethernet1")))
    assert make_plan(schema, target, device.fetched(), dialect=dialect).plan.edits == ()
