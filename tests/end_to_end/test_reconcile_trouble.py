"""Switches that refuse, lie, hurry and forget: what is written is read before and after, and nothing is left behind."""

from __future__ import annotations

import gc
import logging
from itertools import product
from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import PORT, Fabric, document, fabric, ports_config, requests, with_settings

from fabricd.intent import Document
from fabricd.model.device import GnmiTraits, Protocol, WriteTraits
from fabricd.model.edit import Operation
from fabricd.model.outcome import Event, OutcomeKind
from fabricd.model.path import Path
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.datastore import Store
from fabricd.simulator.quirks import Quirks

BOTH = pytest.mark.parametrize("protocol", list(Protocol))
LLDP = "openconfig-lldp:lldp"


def base(mtu: int) -> Document:
    config = ports_config(Ethernet1={"mtu": mtu, "description": "to spine1"})
    return document("base", ["leaf1"], config, replace=True)


def mtu_of(made: Fabric) -> Any:
    return made.switch("leaf1").value(f"{PORT}/config/mtu")


async def nothing_is_left(made: Fabric) -> None:
    """No lock, no change that waits, no transaction, no session but the one that is kept, on neither side."""
    switch = made.switch("leaf1")

    async def clean() -> bool:
        at_switch = switch.gnmi_connections + len(switch._netconf.sessions)
        locks = [store for store in Store if switch._datastore.locked(store) is not None]
        return (at_switch, made.sessions.count, locks) == (len(made.sessions.live), len(made.sessions.live), [])

    await made.until(clean, "nothing is left behind")
    assert switch._datastore.pending is None
    assert await made.store.open_transactions() == []


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("net", [True, False])
async def test_no_write_goes_out_without_a_read_before_it(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, protocol: Protocol, net: bool
) -> None:
    """Whatever goes wrong, between two requests that may change it the switch is read, and afterwards it is clean."""
    # The test session keeps log records; gRPC's of an answer that is none holds the call, and that its connection.
    monkeypatch.setattr(logging.getLogger("grpc._common"), "disabled", True)
    traits = {"confirm_within": 30.0 if net else 0.0, "gnmi": GnmiTraits(commit="yes" if net else "no")}
    write = Rpc.SET if protocol is Protocol.GNMI and not net else Rpc.COMMIT
    async with fabric(tmp_path, {"leaf1": protocol}, read_timeout=0.3, write_timeout=0.3, **traits) as made:
        with requests(made) as heard:
            await made.submit(base(9000))
            await made.in_sync("leaf1")
            faults = made.switch("leaf1").faults
            rpcs = [Rpc.SET, Rpc.GET, Rpc.COMMIT, Rpc.CONFIRM]
            if protocol is Protocol.NETCONF:
                rpcs += [Rpc.LOCK, Rpc.UNLOCK]
            kinds = [
                (Kind.REFUSE, False),
                (Kind.DROP, False),
                (Kind.DROP, True),
                (Kind.STALL, True),
                (Kind.GARBAGE, True),
            ]
            for number, (rpc, (kind, after)) in enumerate(product(rpcs, kinds)):
                faults.add(Fault(rpc=rpc, kind=kind, after=after))
                await made.submit(base(8000 + number))
                # What is against the protocol is only tried again after a minute, unless somebody asks.
                await made.outcome("leaf1", OutcomeKind.APPLIED, OutcomeKind.IN_SYNC, OutcomeKind.FAILED)
                made.controller.reconcile_now()
                await made.in_sync("leaf1")
                faults.release()
                assert mtu_of(made) == 8000 + number
                await nothing_is_left(made)
        read = False
        for rpc in heard:
            if rpc is write:
                assert read, heard
                read = False
            elif rpc is Rpc.GET:
                read = True


@pytest.mark.parametrize("moment", [Rpc.GET, Rpc.SET])
async def test_a_connection_that_is_given_up_is_not_kept_until_memory_is_tidied_up(tmp_path: File, moment: Rpc) -> None:
    """An error in a circle of references would hold session and connection until then, and a switch bears few."""
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, read_timeout=0.5, write_timeout=0.5) as made:
        switch = made.switch("leaf1")
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        gc.disable()
        try:
            # The read before the write is answered, the one after it is not.
            reads = [Fault(rpc=Rpc.GET, kind=Kind.DELAY)] * (moment is Rpc.GET)
            switch.faults.add(*reads, *[Fault(rpc=moment, kind=Kind.STALL)] * 2)
            await made.submit(base(9100))
            await made.in_sync("leaf1")

            async def one() -> bool:
                return switch.gnmi_connections == 1

            await made.until(one, "only the live connection is left")
        finally:
            gc.enable()


async def test_a_set_that_was_half_carried_out_is_looked_at_at_once(tmp_path: File) -> None:
    """What a refused Set has changed all the same counts: it is read before anybody decides anything."""
    later = with_settings(retry_first=30)
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=later) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        more = ports_config(Ethernet1={"mtu": 9100, "description": "to spine2"}, Ethernet2={"mtu": 9100})
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL))
        with requests(made) as heard:
            await made.submit(document("base", ["leaf1"], more, replace=True))
            view = await made.outcome("leaf1", OutcomeKind.FAILED)
        assert heard == [Rpc.GET, Rpc.SET, Rpc.GET]
        record = (await made.records("leaf1", Event.RECONCILE))[-1]
        assert (view.in_sync, view.status.in_sync_digest, view.status.error_code) == (False, "", "DEVICE_REFUSED")
        assert 0 < view.status.drift < len(record.edits)
        assert f"read again, {view.status.drift} edits are needed" in view.status.error_message
        assert (await made.checked("leaf1")).outcome is OutcomeKind.APPLIED
        await nothing_is_left(made)


async def test_a_set_that_the_switch_knows_nothing_of_is_not_made_again(tmp_path: File) -> None:
    quirks = Quirks(unknown_after_set=1)
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, quirks=quirks) as made:
        with requests(made) as heard:
            await made.submit(base(9000))
            await made.in_sync("leaf1")
        assert heard.count(Rpc.SET) == 1
        record = (await made.records("leaf1", Event.RECONCILE))[-1]
        assert (record.outcome, record.error_code) == (OutcomeKind.APPLIED, "DEVICE_TIMEOUT")
        await nothing_is_left(made)


@BOTH
@pytest.mark.parametrize("net", [True, False])
async def test_a_feature_is_in_force_before_what_depends_on_it_comes(
    tmp_path: File, protocol: Protocol, net: bool
) -> None:
    body = {
        **ports_config(Ethernet1={"mtu": 9000}),
        LLDP: {
            "config": {"enabled": False, "hello-timer": "30"},
            "interfaces": {"interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1", "enabled": False}}]},
        },
    }
    quirks = Quirks(feature_first={"/lldp/config/enabled": "/lldp/interfaces"})
    feature = Path.parse(f"/{LLDP}/config/enabled")
    for number, before in enumerate([(), (feature,)]):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        traits = {"write": WriteTraits(before=before), "confirm_within": 30.0 if net else 0.0}
        async with fabric(folder, {"leaf1": protocol}, quirks=quirks, **traits) as made:
            await made.submit(document("base", ["leaf1"], body, replace=True))
            await made.in_sync("leaf1")
            await made.switch("leaf1").state()
            assert ("feature_first" in made.switch("leaf1").met) is (before == ())
            applied = await made.records("leaf1", Event.APPLY)
            assert len(applied) == 1 + len(before)
            assert len({record.decision for record in applied}) == 1
            if before:
                assert applied[0].message.startswith(f"{feature} before the rest")
                assert [edit.edit.path for edit in applied[0].edits] == [feature]
            await nothing_is_left(made)


@BOTH
@pytest.mark.parametrize("timer", [{"hello-timer": "20"}, {}], ids=["a leaf goes", "its container goes"])
async def test_a_feature_that_goes_back_to_on_is_in_force_before_what_depends_on_it_comes(
    tmp_path: File, protocol: Protocol, timer: dict[str, str]
) -> None:
    """Nobody says any more that it is off: what is deleted then switches it on."""

    def lldp(port: str, **feature: bool) -> Document:
        body: dict[str, Any] = {"interfaces": {"interface": [{"name": port, "config": {"name": port}}]}}
        if timer or feature:
            body["config"] = {**timer, **feature}
        return document("base", ["leaf1"], {**ports_config(Ethernet1={}, Ethernet2={}), LLDP: body}, replace=True)

    feature = Path.parse(f"/{LLDP}/config/enabled")
    quirks = Quirks(feature_first={"/lldp/config/enabled": "/lldp/interfaces"})
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=quirks, write=WriteTraits(before=(feature,))) as made:
        await made.submit(lldp("Ethernet1", enabled=False))
        await made.in_sync("leaf1")
        before = len(await made.records("leaf1", Event.APPLY))
        await made.submit(lldp("Ethernet2"))
        await made.in_sync("leaf1")
        first, rest = (await made.records("leaf1", Event.APPLY))[before:]
        assert [(one.edit.operation, one.edit.path) for one in first.edits] == [(Operation.DELETE, feature)]
        assert feature not in [one.edit.path for one in rest.edits]
        await made.switch("leaf1").state()
        assert "feature_first" not in made.switch("leaf1").met


@pytest.mark.parametrize("net", [True, False])
async def test_what_could_not_be_saved_is_saved_later(tmp_path: File, net: bool) -> None:
    """Somebody holds the lock of startup: the change is in force, and would be gone with the power."""
    traits = {"startup": True, "confirm_within": 30.0 if net else 0.0}
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, **traits) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        datastore = made.switch("leaf1")._datastore
        datastore.lock(Store.STARTUP, 4711)
        await made.submit(base(9100))
        view = await made.outcome("leaf1", OutcomeKind.FAILED)
        assert view.status.error_code == "DEVICE_REFUSED"
        assert "copy-config" in view.status.error_message
        assert mtu_of(made) == 9100
        assert len(await made.store.open_transactions()) == 1
        assert not (await made.view("leaf1")).in_sync
        assert datastore.unlock(Store.STARTUP, 4711)
        await made.in_sync("leaf1")
        assert await made.store.open_transactions() == []
        await made.switch("leaf1").restart()
        assert mtu_of(made) == 9100
