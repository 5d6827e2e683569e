"""What goes wrong with NETCONF on a simulated switch when it is told to: faults of every request, quirks, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncssh
import pytest
from lxml import etree
from netconf_documents import CANDIDATE, RUNNING, commit, config, interface
from raw_netconf import END, NC, Client, chunked, edit, errors, session, ssh, text

from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.quirks import Quirks

Configure = Callable[..., SimulationConfig]
MTU = "/interfaces/interface[name=Ethernet1]/config/mtu"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
SYSTEM = "http://openconfig.net/yang/system"
EDIT = edit(interface(config("<mtu>9000</mtu>")))
CONFIRMED = "<commit><confirmed/></commit>"
# Each request, with what has to come before it.
REQUESTS = {
    Rpc.GET: ((), RUNNING),
    Rpc.SET: ((), EDIT),
    Rpc.VALIDATE: ((), "<validate><source><candidate/></source></validate>"),
    Rpc.COMMIT: ((EDIT,), "<commit/>"),
    Rpc.CONFIRM: ((EDIT, CONFIRMED), "<commit/>"),
    Rpc.CANCEL: ((EDIT, CONFIRMED), "<cancel-commit/>"),
    Rpc.LOCK: ((), "<lock><target><running/></target></lock>"),
    Rpc.UNLOCK: (("<lock><target><running/></target></lock>",), "<unlock><target><running/></target></unlock>"),
    Rpc.DISCARD: ((EDIT,), "<discard-changes/>"),
    Rpc.SUBSCRIBE: ((), f'<create-subscription xmlns="{NOTIFICATION}"/>'),
    Rpc.CLOSE: ((), "<close-session/>"),
}


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.005)


async def prepared(client: Client, rpc: Rpc) -> str:
    before, request = REQUESTS[rpc]
    for one in before:
        await client.ok(one)
    return request


def of_switch(quirks: Quirks, **changes: object) -> dict[str, object]:
    return {"switches": (SwitchConfig.model_validate({"name": "left", "quirks": quirks} | changes),), "links": ()}


# Faults


@pytest.mark.parametrize("rpc", REQUESTS)
async def test_every_request_can_be_refused_once(client: Client, left: Switch, rpc: Rpc) -> None:
    request = await prepared(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.REFUSE, message="not now"))
    error = await client.refused(request)
    assert (error["error-tag"], error["error-message"]) == ("operation-failed", "not now")
    assert not errors(await client.ask(request))


@pytest.mark.parametrize("rpc", REQUESTS)
async def test_every_request_can_be_held_and_let_go(client: Client, left: Switch, rpc: Rpc) -> None:
    request = await prepared(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.STALL, after=True))
    client.send(client.framed(client.rpc(request)))
    await until(lambda: left.faults.stalled == 1)
    left.faults.release()
    assert not errors(await client.reply())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("rpc", [Rpc.GET, Rpc.SET, Rpc.COMMIT, Rpc.CONFIRM, Rpc.CANCEL])
async def test_a_dropped_connection_leaves_what_was_done_before(
    client: Client, left: Switch, rpc: Rpc, after: bool
) -> None:
    request = await prepared(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.DROP, after=after))
    client.send(client.framed(client.rpc(request)))
    await client.closed()
    expected = {
        (Rpc.COMMIT, True): 9000,
        (Rpc.CONFIRM, True): 9000,
        # The end of the session reverts what was not confirmed.
        (Rpc.CONFIRM, False): None,
    }.get((rpc, after))
    await until(lambda: left.value(MTU) == expected and left._datastore.pending is None)


async def test_an_answer_stops_inside_a_chunk_until_it_is_let_go(client: Client, left: Switch) -> None:
    await commit(client, interface(config()))
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.STALL_INSIDE))
    client.send(client.framed(client.rpc(RUNNING)))
    await until(lambda: left.faults.stalled == 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.reply()
    left.faults.release()


async def test_the_rest_of_a_stalled_answer_comes_when_it_is_let_go(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.STALL_INSIDE))
    client.send(client.framed(client.rpc(RUNNING)))
    await until(lambda: left.faults.stalled == 1)
    left.faults.release()
    assert (await client.reply()).find(f"{{{NC}}}data") is not None


@pytest.mark.parametrize("rpc", [Rpc.GET, Rpc.COMMIT])
async def test_an_answer_can_be_cut_in_its_middle(client: Client, left: Switch, rpc: Rpc) -> None:
    request = await prepared(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.CUT_INSIDE))
    client.send(client.framed(client.rpc(request)))
    with pytest.raises((ConnectionError, asyncssh.Error)):
        await client.reply()
    await until(lambda: left.value(MTU) == (9000 if rpc is Rpc.COMMIT else None))


async def test_a_wrong_answer_has_another_message_id(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.WRONG))
    client.send(client.framed(client.rpc(RUNNING)))
    assert (await client.reply()).get("message-id") == "not-1"
    await client.ask(RUNNING)


async def test_garbage_is_no_protocol_at_all(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.GARBAGE))
    client.send(client.framed(client.rpc(RUNNING)))
    reading = asyncio.ensure_future(client.reply())
    await until(lambda: client._pending.startswith(b"\x00\xff"))
    assert not (await asyncio.wait({reading}, timeout=0.05))[0]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize(("kind", "severity"), [(Kind.WARNS, "warning"), (Kind.CONTRADICTS, "error")])
async def test_something_else_can_stand_beside_ok(client: Client, left: Switch, kind: Kind, severity: str) -> None:
    left.faults.add(Fault(rpc=Rpc.SET, kind=kind))
    reply = await client.ask(EDIT)
    assert reply.find(f"{{{NC}}}ok") is not None
    assert [error["error-severity"] for error in errors(reply)] == [severity]
    assert "<mtu>9000</mtu>" in text(await client.ask(CANDIDATE))


async def test_a_commit_can_take_effect_in_part_and_be_refused(client: Client, left: Switch) -> None:
    await client.ok(edit(interface(config("<mtu>9000</mtu>"))))
    await client.ok(edit(f'<system xmlns="{SYSTEM}"><config><hostname>half</hostname></config></system>'))
    left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.PARTIAL, message="only half"))
    assert (await client.refused("<commit/>"))["error-message"] == "only half"
    done = [left.value(MTU) == 9000, left.value("/system/config/hostname") == "half"]
    assert sorted(done) == [False, True]


async def test_an_edit_of_the_candidate_can_take_effect_in_part_and_be_refused(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL, message="only half"))
    two = (
        interface(config(name="E1"), "E1")
        + f'<system xmlns="{SYSTEM}"><config><hostname>x</hostname></config></system>'
    )
    assert (await client.refused(edit(two)))["error-message"] == "only half"
    shown = text(await client.ask(CANDIDATE))
    assert ("E1" in shown, "hostname" in shown) in {(True, False), (False, True)}
    assert left.running == b"{}"
    await client.ok(edit(two))


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.CUT_INSIDE, Kind.REFUSE])
async def test_a_hello_that_ends_the_session(simulation: Simulation, left: Switch, kind: Kind) -> None:
    left.faults.add(Fault(rpc=Rpc.HELLO, kind=kind))
    with pytest.raises((ConnectionError, asyncssh.Error, AssertionError)):
        async with session(simulation, left) as client:
            assert (await client.ask(RUNNING)).find(f"{{{NC}}}data") is not None
    async with session(simulation, left) as client:
        await client.ask(RUNNING)


async def test_a_hello_can_be_late_or_something_else(simulation: Simulation, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.HELLO, kind=Kind.STALL))
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        await until(lambda: left.faults.stalled == 1)
        left.faults.release()
        await client.hello("1.1")
        await client.ask(RUNNING)
    left.faults.add(Fault(rpc=Rpc.HELLO, kind=Kind.WRONG))
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        assert (await client.hello("1.1")).tag == f"{{{NC}}}rpc-reply"


# error-option


async def test_what_an_edit_keeps_after_a_mistake_depends_on_its_error_option(client: Client, left: Switch) -> None:
    good = [interface(config(name=name), name) for name in ("E1", "E2")]
    bad = interface(config("<mtu>big</mtu>", name="E9"), "E9")
    kept = {"stop-on-error": ["E1"], "continue-on-error": ["E1", "E2"], "rollback-on-error": [], "": ["E1"]}
    for option, names in kept.items():
        await client.ok("<discard-changes/>")
        asked = f"<error-option>{option}</error-option>" if option else ""
        found = errors(await client.ask(edit(good[0] + bad + good[1], asked)))
        assert [error["error-tag"] for error in found] == ["invalid-value"]
        shown = text(await client.ask(CANDIDATE))
        assert [name for name in ("E1", "E2", "E9") if f"<name>{name}</name>" in shown] == names, option
    await client.ok("<discard-changes/>")
    two = edit(bad + bad.replace("big", "huge") + good[0], "<error-option>continue-on-error</error-option>")
    assert len(errors(await client.ask(two))) == 2
    nothing = edit(good[0], "<error-option>whatever</error-option>")
    assert (await client.refused(nothing))["error-tag"] == "invalid-value"


# Quirks


async def test_quirk_38_messages_over_the_limit_are_too_big_either_way(configure: Configure) -> None:
    async with Simulation(configure(**of_switch(Quirks(message_bytes=2_000)))) as simulation:
        left = simulation.switches["left"]
        await left.change({"/system/config/motd-banner": "x" * 3_000})
        async with session(simulation, left) as client:
            error = await client.refused(RUNNING)
            assert (error["error-type"], error["error-tag"]) == ("rpc", "too-big")
            await client.ok(EDIT)
            client.send(b"\n#2500\n" + b"x" * 100)
            assert errors(await client.reply())[0]["error-tag"] == "too-big"
            await client.closed()
        assert "message_bytes" in left.met


@pytest.mark.parametrize("silent", [False, True])
async def test_quirk_40_a_session_too_many_is_refused_or_met_with_silence(configure: Configure, silent: bool) -> None:
    quirks = Quirks(sessions=1, silent_when_full=silent)
    async with Simulation(configure(**of_switch(quirks))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left), ssh(simulation, left) as connection:
            if silent:
                process = await connection.create_process(subsystem="netconf", encoding=None)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await process.stdout.read(1)
            else:
                with pytest.raises(asyncssh.ChannelOpenError):
                    await connection.create_process(subsystem="netconf", encoding=None)
        assert "sessions" in left.met
        await until(lambda: not left._netconf.sessions)
        async with session(simulation, left) as client:
            await client.ask(RUNNING)


async def test_quirk_41_the_lock_of_running_is_stuck_for_a_while(configure: Configure) -> None:
    lock = "<lock><target><running/></target></lock>"
    async with Simulation(configure(**of_switch(Quirks(stuck_lock=2)))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await client.ok(lock.replace("running", "candidate"))
            for _ in range(2):
                error = await client.refused(lock)
                assert (error["error-tag"], error.get("error-message")) == ("lock-denied", None)
            await client.ok(lock)
        await left.restart()
        async with session(simulation, left) as client:
            assert (await client.refused(lock))["error-tag"] == "lock-denied"


async def test_quirk_43_an_error_comes_before_the_hello(configure: Configure) -> None:
    async with Simulation(configure(**of_switch(Quirks(error_before_hello=True)))) as simulation:
        left = simulation.switches["left"]
        async with ssh(simulation, left) as connection:
            client = Client(await connection.create_process(subsystem="netconf", encoding=None))
            assert etree.fromstring(await client._read(rb"(.*?)\]\]>\]\]>")).tag == f"{{{NC}}}rpc-error"
            assert (await client.hello("1.1")).tag == f"{{{NC}}}hello"
            await client.ask(RUNNING)


async def test_quirk_44_deleting_what_is_not_there_is_a_warning_beside_ok(configure: Configure) -> None:
    async with Simulation(configure(**of_switch(Quirks(delete_missing="warning")))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            gone = interface("", "E9", "delete")
            for option in ("set", "test-then-set"):
                reply = await client.ask(edit(gone + interface(config("<mtu>9000</mtu>")),
                                              f"<test-option>{option}</test-option>"))  # fmt: skip
                assert reply.find(f"{{{NC}}}ok") is not None
                [warning] = errors(reply)
                assert (warning["error-tag"], warning["error-severity"]) == ("data-missing", "warning")
            await client.ok("<commit/>")
            assert left.value(MTU) == 9000
        assert "delete_missing" in left.met


async def test_quirk_45_replace_is_unknown(configure: Configure) -> None:
    async with Simulation(configure(**of_switch(Quirks(no_replace=True)))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            error = await client.refused(edit(interface(config(), operation="replace")))
            assert (error["error-tag"], error["info"]["bad-attribute"]) == ("bad-attribute", "operation")
            default = "<default-operation>replace</default-operation>"
            assert (await client.refused(edit(interface(config()), default)))["error-tag"] == "invalid-value"
        assert "no_replace" in left.met


# Limits


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_xml_without_end_is_refused(simulation: Simulation, left: Switch, version: str) -> None:
    deep = f'<rpc xmlns="{NC}" message-id="1">{"<a>" * 1000}{"</a>" * 1000}</rpc>'.encode()
    async with session(simulation, left, version) as client:
        client.send(chunked(deep) if version == "1.1" else deep + END)
        if version == "1.1":
            assert errors(await client.reply())[0]["error-tag"] == "malformed-message"
            await client.ask(RUNNING)
        else:
            await client.closed()


async def test_a_client_that_reads_nothing_stops_being_served_and_nobody_else_does(
    simulation: Simulation, left: Switch, client: Client
) -> None:
    await left.change({"/system/config/motd-banner": "x" * 200_000})
    async with ssh(simulation, left) as connection:
        process = await connection.create_process(subsystem="netconf", encoding=None, bufsize=1)
        lazy = Client(process)
        await lazy.hello("1.1")
        for _ in range(100):
            lazy.send(lazy.framed(lazy.rpc(RUNNING)))
        assert len(text(await client.ask(RUNNING))) > 200_000
        counters = [one.counters.in_rpcs for one in left._netconf.open()]
        assert max(counters) < 100
