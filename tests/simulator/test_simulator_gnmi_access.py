"""Who may speak gNMI to a simulated switch, what subscribers hear, and how much they may ask for."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from client_certificates import ClientAuthority
from gnmi_documents import ETHERNET1, INSTANCE, TYPE, interface
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import LOGIN, SECONDS, Client, connected, path, refused, update

from fabricd.errors import InputError
from fabricd.simulator import Simulation, SimulationConfig, Switch

STATUS = grpc.StatusCode
Configure = Callable[..., SimulationConfig]


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        yield connected_client


@pytest.fixture
async def either(either_simulation: Simulation) -> AsyncIterator[Client]:
    async with connected(either_simulation, either_simulation.switches["left"]) as connected_client:
        yield connected_client


@pytest.mark.parametrize(
    "metadata",
    [(), (("username", "operator"), ("password", "wrong")), (("username", "x"), ("password", "secret")),
     (("authorization", "Bearer wrong"),)],
)  # fmt: skip
async def test_wrong_credentials_are_unauthenticated(client: Client, metadata: tuple[tuple[str, str], ...]) -> None:
    client.metadata = metadata
    assert (await refused(client.get("/")))[0] is STATUS.UNAUTHENTICATED
    assert (await refused(client.set()))[0] is STATUS.UNAUTHENTICATED
    assert (await refused(client.capabilities()))[0] is STATUS.UNAUTHENTICATED
    assert (await refused(anext(aiter(client.subscribe("ONCE", "/")))))[0] is STATUS.UNAUTHENTICATED


async def test_a_bearer_token_is_enough(client: Client) -> None:
    client.metadata = (("authorization", "Bearer a-token"),)
    assert (await client.capabilities()).supported_models


async def test_plain_text_and_strangers_authorities_get_nowhere(
    simulation: Simulation, left: Switch, tmp_path: Any
) -> None:
    address = f"{left.host}:{left.gnmi_port}"
    async with grpc.aio.insecure_channel(address) as channel:
        call = Client(channel).stub.Capabilities(gnmi_pb2.CapabilityRequest(), metadata=LOGIN, timeout=SECONDS)
        assert (await refused(call))[0] is STATUS.UNAVAILABLE
    from fabricd.simulator.trust import Trust, now

    stranger = Trust(tmp_path / "stranger", "127.0.0.1", now()).ca_file.read_bytes()
    async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(stranger)) as channel:
        call = Client(channel).stub.Capabilities(gnmi_pb2.CapabilityRequest(), metadata=LOGIN, timeout=SECONDS)
        assert (await refused(call))[0] is STATUS.UNAVAILABLE


async def test_mutual_tls_lets_in_whom_its_authority_knows(configure: Configure, tmp_path: Path) -> None:
    authority, stranger = ClientAuthority(), ClientAuthority()
    file = tmp_path / "clients.pem"
    file.write_bytes(authority.certificate)
    async with Simulation(configure(client_ca=file)) as simulation:
        left = simulation.switches["left"]

        async def ask(*pair: bytes, metadata: Any = LOGIN) -> str:
            credentials = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes(), *pair)
            async with grpc.aio.secure_channel(f"{left.host}:{left.gnmi_port}", credentials) as channel:
                request = gnmi_pb2.CapabilityRequest()
                call = Client(channel).stub.Capabilities(request, metadata=metadata, timeout=SECONDS)
                return (await call.code()).name

        known = authority.issue("daemon")
        assert await ask(*known) == "OK"
        assert await ask(*known, metadata=()) == "UNAUTHENTICATED"
        assert await ask() == "UNAVAILABLE"
        assert await ask(*stranger.issue("daemon")) == "UNAVAILABLE"


async def test_an_authority_that_is_none_is_told_with_its_file(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "clients.pem"
    for content in (None, b"no certificate"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(str(file))):
            await Simulation(configure(client_ca=file)).start()


async def test_once_gives_every_leaf_then_ends(either: Client) -> None:
    await either.set(update=[update(ETHERNET1, interface(mtu=9000))])
    replies = [one async for one in either.subscribe("ONCE", f"{ETHERNET1}/config")]
    assert replies[-1].sync_response
    leaves = {one.path.elem[-1].name: json.loads(one.val.json_ietf_val) for one in replies[0].update.update}
    assert leaves == {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 9000}


async def test_on_change_tells_updates_and_deletes(either: Client) -> None:
    await either.set(update=[update(ETHERNET1, interface(mtu=9000))])
    stream = either.subscribe("STREAM", "/interfaces", prefix=gnmi_pb2.Path(target="left"))
    first = await stream.read()
    assert first.update.prefix.target == "left"
    assert (await stream.read()).sync_response
    await either.set(update=[update(f"{ETHERNET1}/config/mtu", 1500)])
    told = (await stream.read()).update
    found = {f"{one.path.elem[-2].name}/{one.path.elem[-1].name}": one.val.json_ietf_val for one in told.update}
    assert found == {"config/mtu": b"1500", "state/mtu": b"1500"}
    assert told.timestamp
    await either.set(delete=[path(f"{ETHERNET1}/config/mtu")])
    told = (await stream.read()).update
    gone = {f"{one.elem[-2].name}/{one.elem[-1].name}" for one in told.delete}
    assert gone == {"config/mtu", "state/mtu"}
    stream.cancel()


async def test_on_change_tells_what_happens_at_the_neighbour(client: Client, right: Switch) -> None:
    stream = client.subscribe("STREAM", f"{ETHERNET1}/state/oper-status")
    assert (await stream.read()).update.update[0].val.json_ietf_val == b'"UP"'
    assert (await stream.read()).sync_response
    await right.change({"/interfaces/interface[name=Ethernet1]/config": {"type": TYPE, "enabled": False}})
    assert (await stream.read()).update.update[0].val.json_ietf_val == b'"DOWN"'
    stream.cancel()


async def test_a_subscription_to_nothing_yet_stays_open(client: Client) -> None:
    stream = client.subscribe("STREAM", "/network-instances", updates_only=True)
    assert (await stream.read()).sync_response
    await client.set(update=[update("/network-instances/network-instance[name=default]", {"config": INSTANCE})])
    assert (await stream.read()).update.update
    stream.cancel()


async def test_replies_over_four_megabytes_pass(client: Client) -> None:
    interfaces = [
        {"name": name, "config": {"name": name, "type": TYPE, "description": name * 250}}
        for name in (f"Loopback{number:04}" for number in range(2000))
    ]
    await client.set(replace=[update("/interfaces", {"interface": interfaces})])
    reply = await client.get("/interfaces", kind="CONFIG")
    assert reply.ByteSize() > 4 << 20
    again = await client.get("/interfaces", kind="CONFIG")
    assert again == reply


async def test_endless_wildcards_and_endless_values_get_a_short_answer(client: Client) -> None:
    assert (await refused(client.get("/.../.../.../mtu")))[0] is STATUS.INVALID_ARGUMENT
    code, details = await refused(client.set(update=[update(f"{ETHERNET1}/config/mtu", "x" * 100_000)]))
    assert code is STATUS.INVALID_ARGUMENT
    assert len(details) <= 2_000
