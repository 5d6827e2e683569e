"""Switches with defaults, names, secrets and gaps of their own, over the wire: in sync, kept so, and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path as File
from typing import Any

import pytest
from example_fabrics import document as example_document
from example_fabrics import read
from reconcile_fabric import INTERFACES, PORT, Fabric, document, fabric, ports_config, without

from fabricd.errors import InputError
from fabricd.intent import Document
from fabricd.model.device import Alias, Likeness, Profile, Protocol
from fabricd.model.outcome import OutcomeKind
from fabricd.model.path import Path
from fabricd.reconcile.explanations import Explanations
from fabricd.settings import data_folder
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.kinds import kind_called
from fabricd.simulator.quirks import Quirks
from fabricd.southbound.profiles import load_profile

BOTH = pytest.mark.parametrize("protocol", list(Protocol))
INSTANCES = "openconfig-network-instance:network-instances"
ACL = "openconfig-acl:acl"
PASSWORD = "/network-instances/network-instance/protocols/protocol/bgp/neighbors/neighbor/config/auth-password"
AGING = "/network-instances/network-instance/fdb/config/mac-aging-time"
ACL_TEXT = "/acl/acl-sets/acl-set/acl-entries/acl-entry/config/description"
UNIT = "/interfaces/interface/subinterfaces/subinterface"

QUIRKS = Quirks(
    off_by_default=("/interfaces/interface/config/enabled", f"{UNIT}/config/enabled"),
    unsupported=(f"{UNIT}/config/description",),
    adds_values={AGING: 1800},
    rewrites_secrets={PASSWORD: "same"},
    own_defaults={"/interfaces/interface/config/mtu": 9100},
    default_instance="DEFAULT",
    static_protocol="static",
    dotted_interface_refs=True,
    phantom_interfaces=("Phantom12",),
    acl_priority=True,
    shuffles_lists=True,
)


OF_THE_FABRIC = ("name", "models", "timeouts")


def path(text: str) -> Path:
    return Path.parse(text)


LIKENESS = Likeness(
    defaults=(
        (path("/interfaces/interface/config/enabled"), "false"),
        (path(f"{UNIT}/config/enabled"), "false"),
        (path("/interfaces/interface/config/mtu"), "9100"),
        (path(AGING), "1800"),
    ),
    unsupported=(path(f"{UNIT}/config/description"),),
    omitted=(path(ACL_TEXT), path("/acl/acl-sets/acl-set/acl-entries/acl-entry[sequence-id='65535']")),
    secrets=(path(PASSWORD),),
    aliases=(
        Alias(path("/network-instances/network-instance"), "name", "default", "DEFAULT"),
        Alias(path("/network-instances/network-instance/protocols/protocol"), "name", "STATIC", "static"),
    ),
    interface_refs=True,
)
SYSTEM_ENTRIES = (path("/interfaces/interface[name='Phantom*']"),)


def everything(password: str = "first-secret", **unit: Any) -> dict[str, Any]:
    """Something of all that the switch has its own ideas about."""
    address = {"ip": "192.0.2.0", "config": {"ip": "192.0.2.0", "prefix-length": 31}}
    config = ports_config(Ethernet1={"description": "to spine1"}, Ethernet2={"enabled": False, "mtu": 9100})
    config[INTERFACES]["interface"][0]["subinterfaces"] = {
        "subinterface": [
            {
                "index": 0,
                "config": {"index": 0, **unit},
                "openconfig-if-ip:ipv4": {"addresses": {"address": [address]}},
            }
        ]
    }
    bgp = {"identifier": "openconfig-policy-types:BGP", "name": "bgp"}
    static = {"identifier": "openconfig-policy-types:STATIC", "name": "STATIC"}
    peer = {"neighbor-address": "192.0.2.1", "peer-as": 65002, "auth-password": password}
    hop = {"index": "0", "config": {"index": "0", "next-hop": "192.0.2.1"}}
    route = {"prefix": "0.0.0.0/0", "config": {"prefix": "0.0.0.0/0"}, "next-hops": {"next-hop": [hop]}}
    member = {"id": "uplink", "config": {"id": "uplink", "interface": "Ethernet1", "subinterface": 0}}
    instance = {
        "name": "default",
        "config": {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"},
        "interfaces": {"interface": [member]},
        "protocols": {
            "protocol": [
                {
                    **bgp,
                    "config": bgp,
                    "bgp": {
                        "global": {"config": {"as": 65001}},
                        "neighbors": {"neighbor": [{"neighbor-address": "192.0.2.1", "config": peer}]},
                    },
                },
                {**static, "config": static, "static-routes": {"static": [route]}},
            ]
        },
    }
    entry = {
        "sequence-id": 10,
        "config": {"sequence-id": 10, "description": "let it in"},
        "actions": {"config": {"forwarding-action": "openconfig-acl:ACCEPT"}},
    }
    key = {"name": "edge", "type": "openconfig-acl:ACL_IPV4"}
    acl = {"acl-sets": {"acl-set": [{**key, "config": key, "acl-entries": {"acl-entry": [entry]}}]}}
    return config | {INSTANCES: {"network-instance": [instance]}, ACL: acl}


def base(password: str = "first-secret", **unit: Any) -> Document:
    return document("base", ["leaf1"], everything(password, **unit), replace=True)


@pytest.fixture(params=list(Protocol))
async def odd(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[Fabric]:
    """One switch of that kind, in sync with everything."""
    async with fabric(
        tmp_path, {"leaf1": request.param}, quirks=QUIRKS, likeness=LIKENESS, system_entries=SYSTEM_ENTRIES
    ) as made:
        await made.submit(base())
        await made.in_sync("leaf1")
        yield made


def password_of(made: Fabric) -> Any:
    instance = f"/{INSTANCES}/network-instance[name='DEFAULT']"
    protocol = f"{instance}/protocols/protocol[identifier='openconfig-policy-types:BGP'][name='bgp']"
    return made.switch("leaf1").value(
        f"{protocol}/bgp/neighbors/neighbor[neighbor-address='192.0.2.1']/config/auth-password"
    )


async def test_a_switch_with_ideas_of_its_own_comes_in_sync_and_stays_so(odd: Fabric) -> None:
    for _ in range(5):
        assert (await odd.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
    switch = odd.switch("leaf1")
    assert switch.value(f"{PORT}/config/enabled") is True
    assert switch.value(f"/{INSTANCES}/network-instance[name='DEFAULT']/interfaces/interface[id='Ethernet1.0']/id")
    _, (found,) = await odd.submissions.plan(["leaf1"])
    assert found.plan.edits == ()
    entry = (
        f"/{ACL}/acl-sets/acl-set[name='edge'][type='openconfig-acl:ACL_IPV4']/acl-entries/acl-entry[sequence-id='10']"
    )
    assert found.plan.omitted == (f"{entry}/config/description",)


async def test_drift_is_found_under_the_names_of_the_intent(odd: Fabric) -> None:
    member = f"/{INSTANCES}/network-instance[name='DEFAULT']/interfaces/interface[id='Ethernet1.0']"
    await odd.switch("leaf1").change({f"{PORT}/config/enabled": False}, delete=[member])
    record = await odd.checked("leaf1")
    assert record.outcome is OutcomeKind.APPLIED
    assert "uplink" in repr(record.edits)
    assert {edit.edit.path.text for edit in record.edits} == {
        f"{PORT}/config/enabled",
        f"/{INSTANCES}/network-instance[name='default']/interfaces",
    }
    assert (await odd.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_a_changed_secret_is_written_and_shown_nowhere(odd: Fabric) -> None:
    assert password_of(odd) == "first-secret"
    await odd.submit(base("second-secret"))
    await odd.in_sync("leaf1")
    assert password_of(odd) == "second-secret"
    _, _, plans = await odd.submissions.diff()
    told = Explanations(store=odd.store, schemas=odd.schemas, fleet=odd.controller.fleet, submissions=odd.submissions)
    leaf = PASSWORD.replace("network-instance/", "network-instance[name=default]/").replace(
        "protocol/", "protocol[identifier=BGP][name=bgp]/"
    ).replace("neighbor/", "neighbor[neighbor-address='192.0.2.1']/")  # fmt: skip
    explained = [await told.explain("leaf1", place) for place in (leaf, "/network-instances")]
    described = f"/{ACL}/acl-sets/acl-set[name=edge][type=ACL_IPV4]/acl-entries/acl-entry[sequence-id=10]/config"
    assert [
        (await told.explain("leaf1", f"{described}/{name}")).explanation.left_out
        for name in ("description", "sequence-id")
    ] == [True, False]
    for shown in (repr(plans), repr(explained), repr(await odd.records())):
        assert "(secret)" in shown
        assert "first-secret" not in shown
        assert "second-secret" not in shown


async def test_a_secret_that_the_switch_quotes_in_its_refusal_is_told_nobody(odd: Fabric) -> None:
    said = "the password 'second-secret' is too simple"
    odd.switch("leaf1").faults.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, message=said))
    await odd.submit(base("second-secret"))
    await odd.in_sync("leaf1")
    (refused,) = [record for record in await odd.records("leaf1") if record.error_code == "DEVICE_REFUSED"]
    assert "the password '(secret)' is too simple" in refused.message
    assert "second-secret" not in repr(await odd.records())


async def test_a_secret_that_somebody_changed_on_the_switch_is_written_again(odd: Fabric) -> None:
    instance = f"/{INSTANCES}/network-instance[name='DEFAULT']"
    protocol = f"{instance}/protocols/protocol[identifier='openconfig-policy-types:BGP'][name='bgp']"
    leaf = f"{protocol}/bgp/neighbors/neighbor[neighbor-address='192.0.2.1']/config/auth-password"
    await odd.switch("leaf1").change({leaf: "somebody's"})
    assert (await odd.checked("leaf1")).outcome is OutcomeKind.APPLIED
    assert password_of(odd) == "first-secret"
    await odd.controller.stop(grace=2.0)  # a daemon that starts anew remembers what it wrote
    await odd.sessions.close()
    odd.start_over()
    await odd.controller.start()
    assert (await odd.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_what_it_cannot_take_is_refused_and_changes_nothing(odd: Fabric) -> None:
    with pytest.raises(InputError) as caught:
        await odd.submit(base(description="no such leaf"))
    (problem,) = caught.value.problems
    assert (problem.device, problem.intent) == ("leaf1", "base.json: base")
    assert problem.path == f"{PORT}/subinterfaces/subinterface[index='0']/config/description"
    assert (await odd.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_it_is_let_go_as_it_was(odd: Fabric) -> None:
    await odd.submit(document("base", ["leaf1"], {"openconfig-lldp:lldp": {"config": {"enabled": True}}}))
    await odd.outcome("leaf1", OutcomeKind.HELD)  # most of what is there goes
    assert (await odd.checked("leaf1", approve=True)).outcome is OutcomeKind.APPLIED
    assert (await odd.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
    switch = odd.switch("leaf1")
    assert switch.value(f"/{INSTANCES}/network-instance[name='DEFAULT']/name") is None
    assert [switch.value(f"{port}/name") for port in (PORT, PORT.replace("1", "2"))] == [None, None]


@BOTH
async def test_a_profile_that_learns_better_holds_without_a_new_revision(tmp_path: File, protocol: Protocol) -> None:
    quirks = Quirks(own_defaults={"/interfaces/interface/config/mtu": 9100})
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=quirks) as made:
        await made.submit(document("base", ["leaf1"], ports_config(Ethernet1={}), replace=True))
        await made.outcome("leaf1", OutcomeKind.FAILED)  # what it assumes cannot be deleted
        device = made.devices["leaf1"]
        likeness = Likeness(defaults=((path("/interfaces/interface/config/mtu"), "9100"),))
        devices = without(made.devices, "leaf1", profile=replace(device.profile, likeness=likeness))
        await made.controller.update(devices, {made.models.name: made.models}, made.settings)
        await made.in_sync("leaf1")


@BOTH
async def test_hashes_that_change_with_every_read_and_hidden_defaults_are_no_drift(
    tmp_path: File, protocol: Protocol
) -> None:
    quirks = QUIRKS.model_copy(update={"rewrites_secrets": {PASSWORD: "anew"}, "omits_defaults": True})
    likeness = replace(LIKENESS, secrets=(), secrets_anew=LIKENESS.secrets, omits_defaults=True)
    async with fabric(
        tmp_path, {"leaf1": protocol}, quirks=quirks, likeness=likeness, system_entries=SYSTEM_ENTRIES
    ) as made:
        for password in ("first-secret", "second-secret"):
            await made.submit(base(password))
            await made.in_sync("leaf1")
            assert password_of(made) == password
            for _ in range(3):
                assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
        await made.switch("leaf1").change({f"{PORT}/config/enabled": False})
        assert (await made.checked("leaf1")).outcome is OutcomeKind.APPLIED
        assert made.switch("leaf1").value(f"{PORT}/config/enabled") is True


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [
        ("eos", Protocol.GNMI),
        ("srlinux", Protocol.NETCONF),
        ("sonic", Protocol.GNMI),
        ("iosxr", Protocol.NETCONF),
        ("all-quirks", Protocol.GNMI),
        ("all-quirks", Protocol.NETCONF),
    ],
)
async def test_every_kind_of_switch_comes_in_sync_by_its_shipped_profile(
    tmp_path: File, kind: str, protocol: Protocol
) -> None:
    profile = load_profile(data_folder("config") / "profiles" / f"{kind}.toml")
    said = {one.name: getattr(profile, one.name) for one in fields(Profile) if one.name not in OF_THE_FABRIC}
    quirks = Quirks.model_validate(kind_called(kind).quirks)
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=quirks, **said) as made:
        await made.submit(base())
        await made.in_sync("leaf1")
        for _ in range(3):
            assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


DEVIATIONS = """module odd-deviations {
  namespace "urn:odd-deviations";
  prefix odd;
  import openconfig-interfaces { prefix oc-if; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:mtu" { deviate not-supported; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:enabled" { deviate not-supported; }
}
"""
WRITTEN = """kind: config
name: base
devices: [leaf1]
replace: true
config:
  openconfig-interfaces:interfaces:
    interface:
      - name: Ethernet1
        config:
          name: Ethernet1
          type: iana-if-type:ethernetCsmacd
          enabled: true
          mtu: 9000
"""


@BOTH
async def test_what_deviations_take_away_is_refused_with_its_line_unless_it_is_the_default(
    tmp_path: File, protocol: Protocol
) -> None:
    file = tmp_path / "odd-deviations.yang"
    file.write_text(DEVIATIONS)
    async with fabric(tmp_path, {"leaf1": protocol}, deviations=(str(file),)) as made:
        with pytest.raises(InputError) as caught:
            await made.submit(Document("base.yaml", WRITTEN.encode()))
        (problem,) = caught.value.problems
        assert (problem.device, problem.intent, problem.line) == ("leaf1", "base.yaml: base", 13)
        assert problem.path == f"{PORT}/config/mtu"
        await made.submit(Document("base.yaml", WRITTEN.replace("          mtu: 9000\n", "").encode()))
        await made.in_sync("leaf1")
        assert made.switch("leaf1").value(f"{PORT}/config/enabled") is None
        # The tree that is stored fits the models; without the deviations all of it is written.
        devices = without(made.devices, "leaf1", profile=replace(made.devices["leaf1"].profile, deviations=()))
        await made.controller.update(devices, {made.models.name: made.models}, made.settings)
        assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_what_a_fabric_wants_in_vain_is_told_where_it_names_the_device(tmp_path: File) -> None:
    names = [device.name for device in read("routed").devices]
    likeness = Likeness(unsupported=(path("/interfaces/interface/config/mtu"),))
    async with fabric(tmp_path, dict.fromkeys(names, Protocol.GNMI), start=False, likeness=likeness) as made:
        example = example_document("routed")
        with pytest.raises(InputError) as caught:
            await made.submit(example)
    lines = example.content.decode().splitlines()
    for problem in caught.value.problems:
        assert problem.intent == "fabric.yaml: hall1"
        assert problem.path.startswith(f"/{INTERFACES}/interface[name=")
        assert problem.device in lines[problem.line - 1]
    assert {problem.device for problem in caught.value.problems} == set(names)
