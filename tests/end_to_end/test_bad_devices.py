"""One device after the other cannot be reached, trusted or heard out: it is told why, no other device waits for it, and
once it is well again it converges without a restart of the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio
from bad_bench import BOTH, SECONDS, VICTIMS, Bench, around, benched, suffers
from bad_switches import Manners, gnmi_front, netconf_front

from fabricd.simulator.trust import Trust, now

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIDDLE = 1500  # bytes: less than any answer to a read of everything, and than a handshake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with benched(tmp_path_factory.mktemp("bad")) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(shared: Bench) -> AsyncIterator[Bench]:
    async with around(shared) as bench:
        yield bench


@BOTH
async def test_a_device_that_refuses_connections(bench: Bench, protocol: str) -> None:
    victim = VICTIMS[protocol]
    gateway = bench.gateways[victim]
    await gateway.close()
    says = f"no connection to 127.0.0.1 port {gateway.port}: "
    await suffers(bench, victim, "DEVICE_UNREACHABLE", says, mend=gateway.open)


@BOTH
async def test_a_device_that_is_switched_off(bench: Bench, protocol: str) -> None:
    """Its neighbours see their links go, and its gateway has nobody to hand connections to."""
    victim = VICTIMS[protocol]
    switch, gateway = bench.switch(victim), bench.gateways[victim]
    await switch.stop()
    await gateway.close()

    async def mend() -> None:
        await switch.start()
        await gateway.open()

    await suffers(bench, victim, "DEVICE_UNREACHABLE", str(gateway.port), mend=mend)


@BOTH
@pytest.mark.parametrize("way", ["black hole", "silence"])
async def test_a_device_that_does_not_answer(bench: Bench, protocol: str, way: str) -> None:
    victim = VICTIMS[protocol]
    gateway = bench.gateways[victim]
    await (gateway.black_hole() if way == "black hole" else gateway.silence())
    await suffers(bench, victim, "DEVICE_UNREACHABLE", f"within {SECONDS} s", mend=gateway.open)


@BOTH
async def test_wrong_credentials(bench: Bench, protocol: str) -> None:
    victim = VICTIMS[protocol]
    async with bench.logged_out(victim):
        (bench.folder / "password").write_text("guess")

    def mend() -> None:
        (bench.folder / "password").write_text("secret")

    says = "wrong user name" if protocol == "gnmi" else "refused user name, password or key"
    await suffers(bench, victim, "DEVICE_TRUST", says, mend=mend, by_itself=False)
    assert "guess" not in bench.installation.log


async def test_a_certificate_of_another_authority(bench: Bench, tmp_path: Path) -> None:
    async with bench.logged_out("leaf1"):
        (bench.folder / "ca.pem").write_bytes(Trust(tmp_path, "127.0.0.1", now()).ca_file.read_bytes())

    def mend() -> None:
        (bench.folder / "ca.pem").write_bytes(bench.installation.simulation.ca_file.read_bytes())

    says = f"the certificate of 127.0.0.1 port {bench.gateways['leaf1'].port} is not accepted"
    await suffers(bench, "leaf1", "DEVICE_TRUST", says, mend=mend, by_itself=False)


async def test_a_certificate_for_another_name(bench: Bench, tmp_path: Path) -> None:
    """The right authority signed it, for another switch."""
    (tmp_path / "tls").mkdir()
    for name in ("ca.pem", "ca.key"):
        (tmp_path / "tls" / name).write_bytes(bench.installation.simulation.ca_file.with_name(name).read_bytes())
    other = Trust(tmp_path, "192.0.2.1", now()).identity("elsewhere")
    gateway = bench.gateways["leaf1"]
    simulation = bench.installation.simulation
    async with gnmi_front(simulation, bench.switch("leaf1"), Manners(), (other.key, other.certificate)) as port:
        await gateway.divert(port)

        async def mend() -> None:
            await gateway.open()
            await gateway.cut()

        says = "IP address mismatch"
        await suffers(bench, "leaf1", "DEVICE_TRUST", says, mend=mend, by_itself=False)


@pytest.mark.parametrize("whose", ["theirs", "ours"])
async def test_a_wrong_host_key(bench: Bench, whose: str) -> None:
    """`theirs`: somebody else answers at the address. `ours`: the file of known hosts is wrong."""
    gateway = bench.gateways["leaf3"]
    says = f"the host key of 127.0.0.1 port {gateway.port} is not the one that is trusted"
    key = asyncssh.generate_private_key("ssh-ed25519")
    if whose == "ours":
        bench.know_hosts({"leaf3": " ".join(key.export_public_key().decode().split()[:2])})
        await gateway.cut()

        def mend() -> None:
            bench.know_hosts({"leaf3": bench.switch("leaf3").identity.host_key_public})

        await suffers(bench, "leaf3", "DEVICE_TRUST", says, mend=mend, by_itself=False)
        return
    manners = Manners()
    async with netconf_front(bench.installation.simulation, bench.switch("leaf3"), manners, key) as port:
        await gateway.divert(port)
        await suffers(bench, "leaf3", "DEVICE_TRUST", says, mend=gateway.open, by_itself=False)


@BOTH
async def test_a_device_that_stalls_in_the_middle_of_an_answer(bench: Bench, protocol: str) -> None:
    victim = VICTIMS[protocol]
    gateway = bench.gateways[victim]
    gateway.stall_after(MIDDLE)
    says = f"no answer to {'Get' if protocol == 'gnmi' else 'get-config'} within {SECONDS} s"
    await suffers(bench, victim, "DEVICE_TIMEOUT", says, mend=gateway.open)


@BOTH
async def test_a_device_that_cuts_the_connection_in_the_middle_of_an_answer(bench: Bench, protocol: str) -> None:
    victim = VICTIMS[protocol]
    gateway = bench.gateways[victim]
    gateway.cut_after(MIDDLE)
    says = f"the connection broke during {'Get' if protocol == 'gnmi' else 'get-config'}"
    await suffers(bench, victim, "DEVICE_TIMEOUT", says, mend=gateway.open, by_itself=False)
