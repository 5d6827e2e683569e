"""One address is one value, however it is spelled; a text that looks like an address is a text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import DeviceProtocolError
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT, Path
from fabricd.schema import Schema
from fabricd.schema.applied import in_force

PORTS = "openconfig-interfaces:interfaces"
SCOPE = Scope(roots=(), subtrees=(ROOT,))


def port(address: str, mac: str = "00:1c:73:00:00:99", description: str = "fe80::1") -> bytes:
    ipv6 = {"addresses": {"address": [{"ip": address, "config": {"ip": address, "prefix-length": 64}}]}}
    entry = {
        "name": "e",
        "config": {"name": "e", "description": description},
        "openconfig-if-ethernet:ethernet": {"config": {"mac-address": mac}},
        "subinterfaces": {"subinterface": [{"index": 0, "config": {"index": 0}, "openconfig-if-ip:ipv6": ipv6}]},
    }
    return json.dumps({PORTS: {"interface": [entry]}}).encode()


def differences(schema: Schema, wanted: bytes, shown: bytes) -> list[str]:
    found = schema.read_device([Part(ROOT, shown)], Encoding.JSON_IETF)
    return [edit.path.name for edit in schema.compare(schema.read(wanted), found.config, SCOPE).edits]


@pytest.mark.parametrize("spelled", ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::0001", "2001:db8::0:1"])
def test_an_ipv6_address_is_one_however_it_is_spelled(either_schema: Schema, spelled: str) -> None:
    for wanted, shown in ((spelled, "2001:db8::1"), ("2001:db8::1", spelled)):
        assert differences(either_schema, port(wanted), port(shown)) == []
    assert either_schema.read(port(spelled)) == either_schema.read(port("2001:db8::1"))
    assert differences(either_schema, port(spelled), port("2001:db8::2")) == ["address", "address"]


def test_a_mac_address_is_one_in_either_case(either_schema: Schema) -> None:
    assert differences(either_schema, port("::1", "00:1C:73:00:00:99"), port("::1")) == []
    assert differences(either_schema, port("::1", "00:1C:73:00:00:98"), port("::1")) == ["mac-address"]


@pytest.mark.parametrize("other", ["FE80::1", "fe80:0::1", "00:AA:BB:CC:DD:EE"])
def test_a_text_that_looks_like_an_address_is_a_text(either_schema: Schema, other: str) -> None:
    assert differences(either_schema, port("::1"), port("::1", description=other)) == ["description"]
    assert differences(either_schema, port("::1", description=other), port("::1", description=other)) == []


def test_prefixes_and_what_refers_to_an_address_are_spelled_alike(either_schema: Schema) -> None:
    def route(prefix: str) -> bytes:
        kind = {"identifier": "openconfig-policy-types:STATIC", "name": "STATIC"}
        static = {"static": [{"prefix": prefix, "config": {"prefix": prefix}}]}
        entry: dict[str, Any] = {"name": "default", "config": {"name": "default"}}
        entry["config"]["type"] = "openconfig-network-instance-types:DEFAULT_INSTANCE"
        entry["protocols"] = {"protocol": [{**kind, "config": kind, "static-routes": static}]}
        return json.dumps({"openconfig-network-instance:network-instances": {"network-instance": [entry]}}).encode()

    assert differences(either_schema, route("2001:db8:1::/48"), route("2001:DB8:0001::/48")) == []
    assert differences(either_schema, route("2001:db8:1::/48"), route("2001:DB8:1::/47")) == ["static", "static"]
    config = either_schema.read(route("2001:DB8:0001::/48"))
    either_schema.validate(config)
    assert config.count(b'"2001:db8:1::/48"') == 2


def test_one_address_in_two_spellings_is_a_contradiction(either_schema: Schema) -> None:
    twice = json.loads(port("2001:db8::1"))
    (sub,) = twice[PORTS]["interface"][0]["subinterfaces"]["subinterface"]
    sub["openconfig-if-ip:ipv6"]["addresses"]["address"] += [
        {"ip": "2001:DB8::1", "config": {"ip": "2001:DB8::1", "prefix-length": 127}}
    ]
    with pytest.raises(DeviceProtocolError, match="twice"):
        differences(either_schema, port("2001:db8::1"), json.dumps(twice).encode())


@given(address=st.ip_addresses(v=6))
def test_any_address_in_full_is_the_short_one(either_schema: Schema, address: Any) -> None:
    assert differences(either_schema, port(str(address)), port(address.exploded.upper())) == []


def test_state_in_another_spelling_is_in_force(either_schema: Schema) -> None:
    ipv6 = {"ip": "2001:DB8::1", "state": {"ip": "2001:DB8::1", "prefix-length": 64}}
    sub = {"index": 0, "state": {"index": 0}, "openconfig-if-ip:ipv6": {"addresses": {"address": [ipv6]}}}
    ethernet = {"state": {"mac-address": "00:1C:73:00:00:99"}}
    state = {"name": "e", "description": "fe80::1"}
    entry = {"name": "e", "state": state, "openconfig-if-ethernet:ethernet": ethernet}
    entry["subinterfaces"] = {"subinterface": [sub]}
    part = Part(Path.parse(f"/{PORTS}"), json.dumps({"interface": [entry]}).encode())
    fetched = Fetched(Encoding.JSON_IETF, (part,), "", 0)
    found = in_force(either_schema, either_schema.read(port("2001:db8::1")), [fetched], SCOPE)
    assert (found.not_in_force, found.untold) == ((), ())
