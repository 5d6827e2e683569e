"""What a leaf of an EVPN fabric is configured with is accepted by yang/openconfig and by the official release alike.

Called by pytest; the release's half skips without the release (see conftest). The documents were written by hand.
Knows nothing of the compiler that makes such documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fabricd.errors import InputError
from fabricd.schema import ModelSet, Schema

DOCUMENTS = Path(__file__).parent / "documents"
Json = dict[str, Any]


@pytest.fixture(scope="module", params=["managed", "release"])
def schema(request: pytest.FixtureRequest) -> Iterator[Schema]:
    if request.param == "managed":
        models = ModelSet.managed()
    else:
        models = ModelSet.from_directory("release", request.getfixturevalue("openconfig_release"))
    opened = Schema(models)
    yield opened
    opened.close()


def document(name: str) -> Json:
    loaded: Json = json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def check(schema: Schema, content: Json) -> bytes:
    config = schema.read(json.dumps(content).encode())
    schema.validate(config)
    return config


def instance(content: Json, name: str) -> Json:
    instances: list[Json] = content["openconfig-network-instance:network-instances"]["network-instance"]
    return next(each for each in instances if each["name"] == name)


def policy_actions(content: Json) -> Json:
    policies = content["openconfig-routing-policy:routing-policy"]["policy-definitions"]["policy-definition"]
    actions: Json = policies[0]["statements"]["statement"][0]["actions"]["openconfig-bgp-policy:bgp-actions"]["config"]
    return actions


@pytest.mark.parametrize("name", ["evpn_leaf", "bgp_policies"])
def test_the_document_is_valid_and_nothing_of_it_is_lost(schema: Schema, name: str) -> None:
    config = check(schema, document(name))
    assert sorted(leaves(json.loads(config))) == sorted(leaves(document(name)))


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from (f"{key.rpartition(':')[2]}/{rest}" for rest in leaves(below))
    elif isinstance(value, list):
        for below in value:
            yield from leaves(below)
    else:
        yield str(value)


def evpn_in_the_global_table(content: Json) -> None:
    instance(content, "DEFAULT")["evpn"] = instance(content, "VLAN10")["evpn"]


def bridging_table_in_a_vrf(content: Json) -> None:
    instance(content, "RED")["fdb"] = {"config": {"mac-learning": True}}


def vni_without_service_type(content: Json) -> None:
    del instance(content, "RED")["evpn"]["evpn-instances"]["evpn-instance"][0]["config"]["service-type"]


def tunnel_endpoint_that_is_not_there(content: Json) -> None:
    vxlan = instance(content, "VLAN10")["evpn"]["evpn-instances"]["evpn-instance"][0]["vxlan"]["config"]
    vxlan["overlay-endpoint"] = "nothing"


def colons_in_a_segment_identifier(content: Json) -> None:
    segments = content["openconfig-ethernet-segments:ethernet-segments"]["ethernet-segment"]
    segments[0]["config"]["esi"] = "00:00:00:00:00:00:00:01:00:01"


def member_of_a_bundle_that_is_not_there(content: Json) -> None:
    port = content["openconfig-interfaces:interfaces"]["interface"][0]
    port["openconfig-if-ethernet:ethernet"]["config"]["openconfig-if-aggregate:aggregate-id"] = "Port-Channel9"


def ipv6_header_in_an_ipv4_list(content: Json) -> None:
    entries = content["openconfig-acl:acl"]["acl-sets"]["acl-set"][0]["acl-entries"]["acl-entry"]
    entries[0]["ipv6"] = {"config": {"dscp": 0}}


def access_list_bound_as_another_type(content: Json) -> None:
    binding = content["openconfig-acl:acl"]["interfaces"]["interface"][0]["ingress-acl-sets"]["ingress-acl-set"][0]
    binding["type"] = binding["config"]["type"] = "openconfig-acl:ACL_IPV6"


def forwarding_policy_that_is_not_there(content: Json) -> None:
    bound = instance(content, "RED")["policy-forwarding"]["interfaces"]["interface"][0]
    bound["config"]["apply-forwarding-policy"] = "nothing"


@pytest.mark.parametrize(
    "spoil",
    [
        evpn_in_the_global_table,
        bridging_table_in_a_vrf,
        vni_without_service_type,
        tunnel_endpoint_that_is_not_there,
        colons_in_a_segment_identifier,
        member_of_a_bundle_that_is_not_there,
        ipv6_header_in_an_ipv4_list,
        access_list_bound_as_another_type,
        forwarding_policy_that_is_not_there,
    ],
)
def test_what_the_release_forbids_is_refused(schema: Schema, spoil: Callable[[Json], None]) -> None:
    content = document("evpn_leaf")
    spoil(content)
    with pytest.raises(InputError):
        check(schema, content)


@pytest.mark.parametrize(
    ("med", "valid"),
    [
        ({}, True),
        ({"set-med": 50, "set-med-action": "ADD"}, True),
        ({"set-med": "IGP", "set-med-action": "SET"}, True),
        ({"set-med": 50}, False),
        ({"set-med": "IGP", "set-med-action": "ADD"}, False),
    ],
    ids=str,
)
def test_a_statement_needs_a_med_action_only_to_set_the_med(schema: Schema, med: Json, valid: bool) -> None:
    content = document("bgp_policies")
    policy_actions(content).update(med)
    if valid:
        check(schema, content)
    else:
        with pytest.raises(InputError):
            check(schema, content)
