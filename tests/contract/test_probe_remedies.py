"""What helps against a quirk is tried where that leaves no trace; where it cannot be, the finding says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
import pytest_asyncio
from probe_bench import Bench, bench

from fabricd.model.device import Protocol
from fabricd.model.path import Path
from fabricd.model.probe import Certainty, Finding, ProbeReport
from fabricd.schema import SchemaPool
from fabricd.southbound.profiles import load_profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = pytest.mark.parametrize("protocol", Protocol)
LLDP_FIRST = {"feature_first": {"/lldp/config/enabled": "/lldp/interfaces"}}
TIME_FIRST = {"feature_first": {"/system/ntp/config/enabled": "/system/ntp/servers"}}
NTP = "/openconfig-system:system/ntp"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def schemas() -> AsyncIterator[SchemaPool]:
    pool = SchemaPool(1)
    yield pool
    await pool.close()


def finding(report: ProbeReport, name: str) -> Finding:
    (one,) = (one for one in report.findings if one.name == name)
    return one


def why(report: ProbeReport, name: str) -> str:
    (one,) = (one.why for one in report.undecided if one.name == name)
    return one


async def configured(one: Bench, changes: dict[str, Any]) -> None:
    await one.switch.change(changes)
    one.before = one.switch.running


@BOTH
async def test_a_feature_is_switched_on_in_a_request_before(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    """NETCONF adds to a commit that waits for its confirmation; gNMI has one at a time, so that it has to last."""
    async with bench(tmp_path, schemas, protocol, quirks=LLDP_FIRST) as one:
        found = finding(await one.probe(), "feature-first")
        seen = protocol is Protocol.NETCONF
        assert found.certainty is (Certainty.SEEN if seen else Certainty.LIKELY)
        assert ("in a request before: in force" in found.evidence[-1]) is seen
        assert found.keys == ("write.before",)
        await one.is_untouched()
        found = finding(await one.probe(write=True), "feature-first")
        assert (found.certainty, "in a request before: in force" in found.evidence[-1]) == (Certainty.SEEN, True)
        await one.is_untouched()


@BOTH
@pytest.mark.parametrize("how", ["configured", "protected"])
async def test_a_device_whose_lldp_cannot_be_tried_is_looked_at_with_a_time_server(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol, how: str
) -> None:
    async with bench(tmp_path, schemas, protocol, quirks=TIME_FIRST) as one:
        if how == "configured":
            await configured(one, {"/lldp/config/enabled": True})
        else:
            protected = (Path.parse("/openconfig-lldp:lldp"),)
            one.device = replace(one.device, profile=replace(one.device.profile, protected=protected))
        if protocol is Protocol.GNMI:
            # That servers are not in force without their switch says nothing: it is off where nobody says anything.
            report = await one.probe()
            assert "feature-first" not in {found.name for found in report.findings}
            assert "not tried with" in why(report, "feature-first")
            assert "unsupported" not in report.profile
            await one.is_untouched()
        report = await one.probe(write=protocol is Protocol.GNMI)
        found = finding(report, "feature-first")
        assert found.certainty is Certainty.SEEN
        file = tmp_path / "probed.toml"
        file.write_text(report.profile)
        assert load_profile(file).write.before == (Path.parse(f"{NTP}/config/enabled"),)
        await one.is_untouched()


@BOTH
async def test_time_that_is_configured_is_left_alone(tmp_path: File, schemas: SchemaPool, protocol: Protocol) -> None:
    async with bench(tmp_path, schemas, protocol, quirks=TIME_FIRST) as one:
        server = {"address": "192.0.2.1", "config": {"address": "192.0.2.1"}}
        await configured(
            one, {"/lldp/config/enabled": True, "/system/ntp/servers": {"openconfig-system:server": [server]}}
        )
        seen = set()
        one.switch.live.datastore.listeners.append(lambda _: seen.add(one.switch.value("/system/ntp/config/enabled")))
        report = await one.probe()
        assert "LLDP and time are configured already" in why(report, "feature-first")
        assert seen == {None}
        await one.is_untouched()


@BOTH
async def test_a_lag_type_is_tried_with_a_member(tmp_path: File, schemas: SchemaPool, protocol: Protocol) -> None:
    quirks = {"lag_with_members": True}
    async with bench(tmp_path, schemas, protocol, quirks=quirks) as one:
        found = finding(await one.probe(), "lag-with-members")
        assert (found.certainty, found.evidence[-1]) == (Certainty.SEEN, "written with Ethernet1 as its member: kept")
        await one.is_untouched()
        # Nor is a port taken that anything names.
        entry = {"id": "x", "config": {"id": "x", "interface": "Ethernet1", "subinterface": 0}}
        instance = {
            "name": "blue",
            "config": {"name": "blue", "type": "openconfig-network-instance-types:L3VRF"},
            "interfaces": {"interface": [entry]},
        }
        port = {
            "name": "Ethernet1",
            "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"},
            "subinterfaces": {"subinterface": [{"index": 0, "config": {"index": 0}}]},
        }
        await configured(
            one,
            {
                "/interfaces": {"openconfig-interfaces:interface": [port]},
                "/network-instances": {"openconfig-network-instance:network-instance": [instance]},
            },
        )
        found = finding(await one.probe(), "lag-with-members")
        assert (found.certainty, "no port is there" in found.evidence[-1]) == (Certainty.LIKELY, True)
        assert found.keys == ("write.shape",)
        await one.is_untouched()


@BOTH
async def test_membership_is_tried_in_the_default_instance_which_stays_as_it_is(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    quirks = {"explicit_membership": True, "default_instance": "DEFAULT"}
    async with bench(tmp_path, schemas, protocol, quirks=quirks) as one:
        kind = "openconfig-network-instance-types:DEFAULT_INSTANCE"
        instance = {"name": "DEFAULT", "config": {"name": "DEFAULT", "type": kind, "description": "Everybody's."}}
        await configured(one, {"/network-instances": {"openconfig-network-instance:network-instance": [instance]}})
        found = finding(await one.probe(), "explicit-membership")
        assert (found.certainty, found.evidence[-1]) == (Certainty.SEEN, "in the instance DEFAULT: in force")
        await one.is_untouched()
        protected = (Path.parse("/openconfig-network-instance:network-instances/network-instance[name='DEFAULT']"),)
        one.device = replace(one.device, profile=replace(one.device.profile, protected=protected))
        found = finding(await one.probe(), "explicit-membership")
        assert (found.certainty, "protected" in found.evidence[-1]) == (Certainty.LIKELY, True)
        await one.is_untouched()


@BOTH
async def test_the_limit_of_a_message_is_one_that_was_taken(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    """Between two limits that are usual; the larger one would fail every large write."""
    limit = 2 << 20
    async with bench(tmp_path, schemas, protocol, quirks={"message_bytes": limit}) as one:
        report = await one.probe()
        assert finding(report, "message-bytes").certainty is Certainty.SEEN
        file = tmp_path / "probed.toml"
        file.write_text(report.profile)
        assert 1 << 20 <= load_profile(file).max_message_bytes <= limit


@BOTH
async def test_how_long_changes_take_is_measured_at_all_of_them(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with bench(tmp_path, schemas, protocol, quirks={"applies_after": 0.6}) as one:
        report = await one.probe()
        found = finding(report, "settle")
        assert (found.certainty, "more changes were to be seen" in found.evidence[-1]) == (Certainty.SEEN, True)
        await one.is_untouched()
