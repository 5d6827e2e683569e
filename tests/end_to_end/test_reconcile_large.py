"""Changes that are larger than what a switch takes in one message: in pieces if nothing is at stake, else refused."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import INTERFACES, Fabric, document, fabric, ports_config, requests

from fabricd.intent import Document
from fabricd.model.device import Protocol
from fabricd.model.outcome import OutcomeKind
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.quirks import Quirks

LIMIT = 1 << 16
BOTH = pytest.mark.parametrize("protocol", list(Protocol))
INSTANCES = "openconfig-network-instance:network-instances"
SMALL = Quirks(message_bytes=LIMIT)


def wide(ports: int, vlans: int = 0) -> Document:
    """So many loopbacks and VLANs, about 300 bytes each in any encoding."""
    text = "about two hundred bytes " * 8
    config: dict[str, Any] = ports_config(**{f"Loopback{at}": {"description": text} for at in range(ports)})
    if vlans:
        entries = [{"vlan-id": at, "config": {"vlan-id": at, "name": f"{at} {text}"}} for at in range(1, vlans + 1)]
        kind = "openconfig-network-instance-types:DEFAULT_INSTANCE"
        instance = {"name": "default", "config": {"name": "default", "type": kind}, "vlans": {"vlan": entries}}
        config[INSTANCES] = {"network-instance": [instance]}
    return document("base", ["leaf1"], config, replace=True)


async def refused(made: Fabric) -> str:
    view = await made.outcome("leaf1", OutcomeKind.FAILED)
    assert view.status.error_code == "DEVICE_TOO_LARGE"
    assert await made.store.open_transactions() == []
    return view.status.error_message


@BOTH
@pytest.mark.parametrize("net", [30.0, 0.0])
async def test_a_change_that_is_too_large_is_not_sent_and_told_with_its_size(
    tmp_path: File, protocol: Protocol, net: float
) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=SMALL, max_message_bytes=LIMIT, confirm_within=net) as made:
        await made.submit(wide(10))
        await made.in_sync("leaf1")
        await made.submit(wide(300))
        told = await refused(made)
        assert f"more than the {LIMIT} that leaf1 takes" in told
        assert "max_message_bytes of the profile 'test'" in told
        assert "nothing was sent" in told
        assert "message_bytes" not in made.switch("leaf1").met
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback11']/name") is None
        await made.submit(wide(11))
        await made.in_sync("leaf1")


@BOTH
async def test_a_switch_that_takes_less_than_its_profile_says_is_told_of(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=SMALL, confirm_within=30.0) as made:
        await made.submit(wide(10))
        await made.in_sync("leaf1")
        await made.submit(wide(300))
        told = await refused(made)
        assert "the request had" in told
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback11']/name") is None
        assert made.switch("leaf1")._datastore.pending is None


@pytest.mark.parametrize("net", [30.0, 0.0])
async def test_a_candidate_is_filled_in_pieces_and_committed_as_one(tmp_path: File, net: float) -> None:
    """The VLANs alone are invalid: what their instance needs to name comes in the other piece."""
    async with fabric(
        tmp_path, {"leaf1": Protocol.NETCONF}, quirks=SMALL, max_message_bytes=LIMIT, confirm_within=net
    ) as made:
        await made.submit(wide(10))
        await made.in_sync("leaf1")
        with requests(made) as heard:
            await made.submit(wide(120, 120))
            await made.in_sync("leaf1")
        written = [rpc for rpc in heard if rpc not in (Rpc.GET, Rpc.LOCK, Rpc.UNLOCK, Rpc.DISCARD)]
        last = [Rpc.COMMIT, Rpc.CONFIRM] if net else [Rpc.COMMIT]
        assert written == [Rpc.SET, Rpc.SET, Rpc.VALIDATE, *last]
        assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_a_piece_that_is_refused_takes_the_others_along(tmp_path: File) -> None:
    async with fabric(
        tmp_path, {"leaf1": Protocol.NETCONF}, quirks=SMALL, max_message_bytes=LIMIT, confirm_within=30.0
    ) as made:
        await made.submit(wide(10))
        await made.in_sync("leaf1")
        refusing = [Fault(rpc=Rpc.SET, kind=Kind.DELAY, seconds=0.0), Fault(rpc=Rpc.SET, kind=Kind.REFUSE)]
        made.switch("leaf1").faults.add(*refusing)
        with requests(made) as heard:
            await made.submit(wide(120, 120))
            await made.in_sync("leaf1")
        (failed,) = [record for record in await made.records("leaf1") if record.error_code]
        assert failed.error_code == "DEVICE_REFUSED"
        written = [rpc for rpc in heard if rpc not in (Rpc.GET, Rpc.LOCK, Rpc.UNLOCK, Rpc.CANCEL)]
        emptied = [Rpc.DISCARD, Rpc.SET, Rpc.SET]
        assert written == [*emptied, Rpc.DISCARD, *emptied, Rpc.VALIDATE, Rpc.COMMIT, Rpc.CONFIRM]


async def test_without_a_candidate_nothing_is_sent_in_pieces(tmp_path: File) -> None:
    """The first piece would last whatever became of the second."""
    async with fabric(
        tmp_path, {"leaf1": Protocol.NETCONF}, quirks=SMALL, max_message_bytes=LIMIT, candidate=False
    ) as made:
        await made.submit(wide(120, 120))
        await refused(made)
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback11']/name") is None
