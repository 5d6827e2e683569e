"""Devices with defaults, names and secrets of their own are brought in line, and then left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.model.device import Alias, Likeness
from fabricd.model.edit import Dialect
from fabricd.model.intent import Desired, Scope
from fabricd.model.path import ROOT, Path
from fabricd.model.plan import Plan
from fabricd.model.secret import WrittenSecrets
from fabricd.plan import Memory, Planned, hidden_value, make_plan
from fabricd.schema import ModelSet, Schema, digest
from tests.unit.peculiar_device import PeculiarDevice

INTERFACES = "openconfig-interfaces:interfaces"
INSTANCES = "openconfig-network-instance:network-instances"
ROOTS = (Path.parse(f"/{INTERFACES}"), Path.parse(f"/{INSTANCES}"))
PORT = f"/{INTERFACES}/interface/config"
PASSWORD = Path.parse(f"/{INSTANCES}/network-instance/protocols/protocol/bgp/neighbors/neighbor/config/auth-password")
LIKENESS = Likeness(
    defaults=((Path.parse(f"{PORT}/mtu"), "9100"), (Path.parse(f"{PORT}/enabled"), "false")),
    secrets=(PASSWORD,),
    aliases=(Alias(Path.parse("/network-instances/network-instance"), "name", "default", "DEFAULT"),),
    interface_refs=True,
)
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


def port(name: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}


def ports(*entries: dict[str, Any]) -> dict[str, Any]:
    return {INTERFACES: {"interface": list(entries)}}


def member(name: str, interface: str, index: int | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"id": name, "interface": interface}
    if index is not None:
        config["subinterface"] = index
    return {"id": name, "config": config}


def instance(name: str, *members: dict[str, Any], password: str | None = None) -> dict[str, Any]:
    kind = "DEFAULT_INSTANCE" if name in ("default", "DEFAULT") else "L3VRF"
    entry: dict[str, Any] = {
        "name": name,
        "config": {"name": name, "type": f"openconfig-network-instance-types:{kind}"},
    }
    if members:
        entry["interfaces"] = {"interface": list(members)}
    if password is not None:
        identity = {"identifier": "openconfig-policy-types:BGP", "name": "bgp"}
        peer = {"neighbor-address": "10.0.0.1", "auth-password": password, "peer-as": 65002}
        entry["protocols"] = {
            "protocol": [
                {
                    **identity,
                    "config": identity,
                    "bgp": {
                        "global": {"config": {"as": 65001}},
                        "neighbors": {"neighbor": [{"neighbor-address": "10.0.0.1", "config": peer}]},
                    },
                }
            ]
        }
    return entry


def instances(*entries: dict[str, Any]) -> dict[str, Any]:
    return {INSTANCES: {"network-instance": list(entries)}}


def desired(schema: Schema, config: dict[str, Any], **scope: tuple[Path, ...]) -> Desired:
    data = schema.canonical(orjson.dumps(config))
    return Desired("leaf1", 7, data, digest(data), Scope(ROOTS, **{"subtrees": ROOTS, **scope}))


class Bench:
    """One device and what is remembered of its secrets, kept in line as the reconciler does it."""

    def __init__(self, schema: Schema, device: PeculiarDevice, likeness: Likeness = LIKENESS) -> None:
        self.schema, self.device, self.likeness = schema, device, likeness
        self.written: WrittenSecrets = {}

    def plan(self, target: Desired, dialect: Dialect | None = Dialect.GNMI) -> Planned:
        memory = Memory("leaf1", KEY, self.written)
        return make_plan(
            self.schema, target, self.device.fetched(), dialect=dialect, likeness=self.likeness, memory=memory
        )

    def converge(self, target: Desired) -> Plan:
        """Carry a plan out; then, and again, there is nothing to do."""
        planned = self.plan(target)
        self.written = planned.secrets
        if planned.payload is not None:
            self.device.carry_out(planned.payload)
            self.written = planned.secrets_after
        for _ in range(2):
            left = self.plan(target)
            assert left.plan.edits == ()
            self.written = left.secrets
        return planned.plan


def edits(plan: Plan) -> list[tuple[str, str, str | None]]:
    return [(edit.edit.operation.value, edit.edit.path.text, edit.edit.new) for edit in plan.edits]


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


def test_a_secret_is_written_when_it_changes_and_when_somebody_else_changed_it(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("DEFAULT", password="somebody's")))
    bench = Bench(schema, device)
    first = desired(schema, instances(instance("default", password="one")))
    second = desired(schema, instances(instance("default", password="two")))

    def password() -> str:
        (peer,) = device.neighbors()
        return str(peer["config"]["auth-password"])

    for target, secret in ((first, "one"), (second, "two"), (first, "one")):
        found = bench.converge(target)
        assert [edit.edit.path.name for edit in found.edits] == ["auth-password"]
        assert password() == secret
    for peer in device.neighbors():
        peer["config"]["auth-password"] = "behind our back"
    assert [new for _, _, new in edits(bench.converge(first))] == ['"(secret)"']
    assert password() == "one"
    for peer in device.neighbors():
        del peer["config"]["auth-password"]
    bench.converge(first)
    assert password() == "one"
    remembered = repr(bench.written)
    assert "one" not in remembered.replace("None", "")
    assert len(bench.written) == 1


def test_where_every_read_shows_another_hash_only_what_was_written_counts(schema: Schema) -> None:
    likeness = Likeness(secrets_anew=(PASSWORD,), aliases=LIKENESS.aliases)
    device = PeculiarDevice(instances(instance("DEFAULT", password="one")), anew=True)
    bench = Bench(schema, device, likeness)
    target = desired(schema, instances(instance("default", password="one")))
    assert bench.converge(target).edits != ()  # nobody knows what was there
    for peer in device.neighbors():
        peer["config"]["auth-password"] = "behind our back"
    assert bench.plan(target).plan.edits == ()
    bench.written = {}
    assert bench.converge(target).edits != ()


def test_no_plan_shows_a_secret_and_every_payload_carries_it(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("DEFAULT", password="old-secret")))
    bench = Bench(schema, device)
    for target in (
        desired(schema, instances(instance("default", password="new-secret"))),
        desired(schema, instances(instance("default", password="new-secret"), instance("red", password="new-secret"))),
    ):
        planned = bench.plan(target)
        assert "secret" in repr(planned.payload)
        assert "new-secret" not in repr(planned.plan)
        assert "old-secret" not in repr(planned.plan)
        assert "(secret)" in repr(planned.plan)
        assert planned.payload is not None
        device.carry_out(planned.payload)
        bench.written = planned.secrets_after


def test_a_value_is_shown_without_the_secrets_in_it() -> None:
    config = orjson.dumps(instances(instance("default", password="mine"), instance("red"))).decode()
    assert "mine" not in hidden_value(ROOT, config, LIKENESS.secrets)
    assert hidden_value(ROOT, config, LIKENESS.secrets).count("(secret)") == 1
    assert hidden_value(ROOT, config, ()) == config
    keyed = Path.parse(str(PASSWORD).replace("/neighbor/", "/neighbor[neighbor-address='10.0.0.1']/"))
    assert hidden_value(keyed, '"mine"', LIKENESS.secrets) == '"(secret)"'
    assert hidden_value(keyed.parent, "", LIKENESS.secrets) == ""


def test_an_unstable_secret_that_is_left_alone_does_not_count_as_written(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("default", password="somebody's")), instance="default")
    target = desired(schema, instances(instance("default", password="mine")))
    likeness = Likeness(secrets=(PASSWORD,))
    found = make_plan(
        schema,
        target,
        device.fetched(),
        dialect=None,
        avoid=(PASSWORD,),
        likeness=likeness,
        memory=Memory("leaf1", KEY),
    )
    assert found.plan.edits == ()
    assert found.secrets == {}


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
