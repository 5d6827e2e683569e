"""Notifications of a simulated switch over NETCONF: subscriptions (RFC 5277) and what is told (RFC 6470)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from manual_time import ManualTime
from netconf_documents import IF, RUNNING, commit, config, interface
from raw_gnmi import connected, update
from raw_netconf import Client, edit, session, text

from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig

Configure = Callable[..., SimulationConfig]
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
EVENTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
STREAMS = "urn:ietf:params:xml:ns:netmod:notification"
HOSTNAME = "/system/config/hostname"


def subscribe(content: str = "") -> str:
    return f'<create-subscription xmlns="{NOTIFICATION}">{content}</create-subscription>'


async def told(client: Client) -> etree._Element:
    """The content of the next message, which has to be a notification."""
    message = await client.reply()
    assert message.tag == f"{{{NOTIFICATION}}}notification", text(message)
    time, content = message
    assert datetime.fromisoformat(time.text or "").tzinfo is not None
    return content


async def told_of(client: Client, name: str) -> etree._Element:
    """The next notification of this name."""
    while (content := await told(client)).tag.rpartition("}")[2] != name:
        pass
    return content


def field(content: etree._Element, name: str) -> str | None:
    return content.findtext(f".//{{{EVENTS}}}{name}")


def edits(content: etree._Element) -> dict[str, str | None]:
    """Operation by target, prefixes left out."""
    found = {}
    for one in content.iterfind(f"{{{EVENTS}}}edit"):
        target = one.find(f"{{{EVENTS}}}target")
        assert target is not None
        words = target.text or ""
        for prefix in target.nsmap:
            words = words.replace(f"{prefix}:", "")
        found[words] = one.findtext(f"{{{EVENTS}}}operation")
    return found


@pytest.fixture
async def listener(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as client:
        await client.ok(subscribe())
        yield client


async def test_a_change_is_told_with_its_author_and_its_edits(
    simulation: Simulation, left: Switch, listener: Client
) -> None:
    async with session(simulation, left) as client:
        started = await told_of(listener, "netconf-session-start")
        identifier = field(started, "session-id")
        await commit(client, interface(config("<mtu>9000</mtu>")), interface(config("<mtu>9000</mtu>", "E2"), "E2"))
        change = await told_of(listener, "netconf-config-change")
        assert (field(change, "username"), field(change, "session-id")) == ("operator", identifier)
        assert (field(change, "source-host"), field(change, "datastore")) == ("127.0.0.1", "running")
        assert edits(change) == {"/interfaces": "create"}
        await commit(
            client, interface('<config><mtu>1500</mtu><description>new</description></config>'),
            interface("", "E2", "delete"),
        )  # fmt: skip
        assert edits(await told_of(listener, "netconf-config-change")) == {
            "/interfaces/interface[name='E2']": "delete",
            "/interfaces/interface[name='Ethernet1']/config/mtu": "replace",
            "/interfaces/interface[name='Ethernet1']/config/description": "create",
        }
    ended = await told_of(listener, "netconf-session-end")
    assert (field(ended, "session-id"), field(ended, "termination-reason")) == (identifier, "dropped")


async def test_targets_have_a_declared_prefix_for_every_name(
    simulation: Simulation, left: Switch, listener: Client
) -> None:
    await left.change({"/interfaces/interface[name=Ethernet1]/config/type": "iana-if-type:ethernetCsmacd"})
    await left.change({"/interfaces/interface[name=Ethernet1]/config/mtu": 1500})
    await told(listener)
    target = (await told(listener)).find(f".//{{{EVENTS}}}target")
    assert target is not None
    assert target.text == (
        "/openconfig-interfaces:interfaces/openconfig-interfaces:interface[openconfig-interfaces:name='Ethernet1']"
        "/openconfig-interfaces:config/openconfig-interfaces:mtu"
    )
    assert target.nsmap["openconfig-interfaces"] == IF


async def test_changes_by_others_are_told_and_nothing_when_nothing_changed(
    simulation: Simulation, left: Switch, listener: Client
) -> None:
    async with connected(simulation, left) as gnmi:
        await gnmi.set(update=[update(HOSTNAME, "by-gnmi")])
        await gnmi.set(update=[update(HOSTNAME, "by-gnmi")])
    await left.change({HOSTNAME: "by-hand"})
    first, second = await told(listener), await told(listener)
    assert field(first, "session-id") == "0"
    assert edits(second) == {"/system/config/hostname": "replace"}


async def test_every_step_of_a_confirmed_commit_is_told(configure: Configure, time: ManualTime) -> None:
    seen = []
    async with Simulation(configure(), time, time.sleep) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as listener, session(simulation, left) as client:
            await listener.ok(subscribe())
            await client.ok(edit(interface(config())))
            await client.ok("<commit><confirmed/><confirm-timeout>100</confirm-timeout></commit>")
            await client.ok("<commit><confirmed/><confirm-timeout>200</confirm-timeout></commit>")
            await client.ok("<commit/>")
            await client.ok("<commit><confirmed/></commit>")
            await client.ok("<cancel-commit/>")
            await client.ok("<commit><confirmed/><confirm-timeout>1</confirm-timeout></commit>")
            time.advance(1)
            while len(seen) < 7:
                step = await told_of(listener, "netconf-confirmed-commit")
                seen.append((field(step, "confirm-event"), field(step, "timeout"), field(step, "username")))
    assert seen == [
        ("start", "100", "operator"), ("extend", "200", "operator"), ("complete", None, "operator"),
        ("start", "600", "operator"), ("cancel", None, "operator"),
        ("start", "1", "operator"), ("timeout", None, None),
    ]  # fmt: skip


async def test_a_killed_session_ends_with_its_killer(simulation: Simulation, left: Switch, listener: Client) -> None:
    async with session(simulation, left):
        victim = field(await told_of(listener, "netconf-session-start"), "session-id")
        await listener.ok(f"<kill-session><session-id>{victim}</session-id></kill-session>")
        ended = await told_of(listener, "netconf-session-end")
        assert field(ended, "termination-reason") == "killed"
        assert int(field(ended, "killed-by") or 0) == int(victim or 0) - 1


async def test_startup_is_told_as_a_datastore_of_its_own(configure: Configure) -> None:
    switch = SwitchConfig(name="left", startup=True)
    async with Simulation(configure(switches=(switch,), links=())) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await client.ok(subscribe())
            await left.change({HOSTNAME: "one"})
            assert field(await told(client), "datastore") == "running"
            await client.ok("<copy-config><target><startup/></target><source><running/></source></copy-config>")
            assert field(await told(client), "datastore") == "startup"


@pytest.mark.parametrize(
    ("content", "tag", "element"),
    [
        ("<stream>SYSLOG</stream>", "invalid-value", "stream"),
        ("<stopTime>2030-01-01T00:00:00Z</stopTime>", "missing-element", "startTime"),
        ("<startTime>2999-01-01T00:00:00Z</startTime>", "bad-element", "startTime"),
        ("<startTime>yesterday</startTime>", "bad-element", "startTime"),
        ("<startTime>2020-01-01T00:00:00</startTime>", "bad-element", "startTime"),
        (
            "<startTime>2020-01-02T00:00:00Z</startTime><stopTime>2020-01-01T00:00:00Z</stopTime>",
            "bad-element",
            "stopTime",
        ),
        ("<startTime>2020-01-01T00:00:00Z</startTime>", "operation-failed", None),
        ('<filter type="xpath" select="///"/>', "invalid-value", "filter"),
    ],
)
async def test_subscriptions_that_make_no_sense(
    simulation: Simulation, left: Switch, content: str, tag: str, element: str | None
) -> None:
    async with session(simulation, left) as client:
        error = await client.refused(subscribe(content))
        assert (error["error-tag"], error["info"].get("bad-element")) == (tag, element)
        await client.ok(subscribe())
        assert (await client.refused(subscribe()))["error-tag"] == "operation-failed"


async def test_filters_let_whole_notifications_pass(simulation: Simulation, left: Switch) -> None:
    by_xpath = (
        f'<filter type="xpath" xmlns:n="{EVENTS}" select="/n:netconf-config-change[n:edit/n:operation=\'delete\']"/>'
    )
    by_name = f'<filter><netconf-session-start xmlns="{EVENTS}"/></filter>'
    async with session(simulation, left) as first, session(simulation, left) as second:
        await first.ok(subscribe(by_xpath))
        await second.ok(subscribe(by_name))
        await left.change({HOSTNAME: "one"})
        await left.change(delete=[HOSTNAME])
        change = await told(first)
        assert field(change, "username") == "operator"
        assert list(edits(change).values()) == ["delete"]
        async with session(simulation, left):
            assert (await told(second)).tag.endswith("netconf-session-start")


async def test_with_interleave_a_subscribed_session_goes_on_asking(listener: Client, left: Switch) -> None:
    await left.change({HOSTNAME: "one"})
    await told(listener)
    await listener.ask(RUNNING)


async def test_without_interleave_a_subscribed_session_only_closes(configure: Configure) -> None:
    switch = SwitchConfig(name="left", interleave=False)
    async with (
        Simulation(configure(switches=(switch,), links=())) as simulation,
        session(simulation, simulation.switches["left"]) as client,
    ):
        await client.ask(RUNNING)
        await client.ok(subscribe())
        assert (await client.refused(RUNNING))["error-tag"] == "operation-failed"
        await client.ok("<close-session/>")
        await client.closed()


async def test_a_switch_without_notifications_says_so(configure: Configure) -> None:
    switch = SwitchConfig(name="left", notifications=False)
    async with (
        Simulation(configure(switches=(switch,), links=())) as simulation,
        session(simulation, simulation.switches["left"]) as client,
    ):
        assert (await client.refused(subscribe()))["error-tag"] == "operation-not-supported"


async def test_replay_tells_what_is_kept_and_says_where_it_ends(configure: Configure) -> None:
    switch = SwitchConfig(name="left", replay=2)
    before = datetime.now(UTC) - timedelta(seconds=5)
    async with Simulation(configure(switches=(switch,), links=())) as simulation:
        left = simulation.switches["left"]
        for name in ("one", "two", "three"):
            await left.change({HOSTNAME: name})
        async with session(simulation, left) as client:
            streams = f'<get><filter><netconf xmlns="{STREAMS}"/></filter></get>'
            assert "<replaySupport>true</replaySupport>" in text(await client.ask(streams))
            await client.ok(subscribe(f"<startTime>{before.isoformat()}</startTime>"))
            names = []
            while not names or names[-1] != "replayComplete":
                names.append(etree.QName(await told(client)).localname)
            assert names == ["netconf-config-change", "netconf-session-start", "replayComplete"]
            await left.change({HOSTNAME: "four"})
            assert edits(await told(client))
        async with session(simulation, left) as client:
            stop = datetime.now(UTC)
            await client.ok(subscribe(
                f"<startTime>{before.isoformat()}</startTime><stopTime>{stop.isoformat()}</stopTime>"
            ))  # fmt: skip
            names = []
            while not names or names[-1] != "notificationComplete":
                names.append(etree.QName(await told(client)).localname)
            assert names[-2:] == ["replayComplete", "notificationComplete"]
            await client.ok(subscribe())


async def test_the_log_says_when_it_began_and_what_it_holds_no_more(configure: Configure, time: ManualTime) -> None:
    """RFC 5277 section 3.2.5.1."""
    switch = SwitchConfig(name="left", replay=1)
    names = ("replayLogCreationTime", "replayLogAgedTime")

    async def log(client: Client) -> list[datetime | None]:
        shown = await client.ask(f'<get><filter><netconf xmlns="{STREAMS}"/></filter></get>')
        found = [shown.findtext(f".//{{{STREAMS}}}{name}") for name in names]
        return [datetime.fromisoformat(one) if one else None for one in found]

    def now() -> datetime:
        return datetime.fromtimestamp(time() / 1e9, UTC)

    async with Simulation(configure(switches=(switch,), links=()), time, time.sleep) as simulation:
        left, began = simulation.switches["left"], now()
        time.advance(10)
        async with session(simulation, left) as client:  # this is told of, and kept
            first = now()
            assert await log(client) == [began, None]
            time.advance(10)
            await left.change({HOSTNAME: "one"})
            async with asyncio.timeout(20):
                while (held := await log(client))[1] is None:
                    await asyncio.sleep(0.005)
            assert held == [began, first]
        time.advance(10)
        await left.restart()
        async with session(simulation, left) as client:
            assert await log(client) == [now(), None]


async def test_a_subscription_ends_by_the_clock_of_the_simulation(configure: Configure) -> None:
    switch, time = SwitchConfig(name="left", replay=2), ManualTime()
    async with Simulation(configure(switches=(switch,), links=()), time, time.sleep) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            now = datetime.fromtimestamp(time() / 1e9, UTC)
            stop = now + timedelta(hours=1)
            window = f"<startTime>{now.isoformat()}</startTime><stopTime>{stop.isoformat()}</stopTime>"
            await client.ok(subscribe(window))
            await told_of(client, "replayComplete")
            await left.change({HOSTNAME: "one"})
            assert edits(await told_of(client, "netconf-config-change"))
            time.advance(3601)
            await told_of(client, "notificationComplete")
            await client.ok(subscribe())


async def test_a_slow_reader_is_cut_instead_of_being_waited_for(
    simulation: Simulation, left: Switch, listener: Client
) -> None:
    left.faults.add(Fault(rpc=Rpc.NOTIFY, kind=Kind.STALL))
    for number in range(258):
        await left.change({HOSTNAME: f"h{number}"})
    await listener.closed()


async def test_a_flood_is_that_many_notifications(left: Switch, listener: Client) -> None:
    left.faults.add(Fault(rpc=Rpc.NOTIFY, kind=Kind.FLOOD, count=500))
    await left.change({HOSTNAME: "one"})
    for _ in range(500):
        assert edits(await told(listener))
    await listener.ask(RUNNING)


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.CUT_INSIDE])
async def test_a_notification_can_cut_the_session(left: Switch, listener: Client, kind: Kind) -> None:
    left.faults.add(Fault(rpc=Rpc.NOTIFY, kind=kind))
    await left.change({HOSTNAME: "one"})
    await listener.closed()


async def test_a_refused_notification_is_lost(left: Switch, listener: Client) -> None:
    left.faults.add(Fault(rpc=Rpc.NOTIFY, kind=Kind.REFUSE))
    await left.change({HOSTNAME: "one"})
    await left.change(delete=[HOSTNAME])
    assert list(edits(await told(listener)).values()) == ["delete"]
