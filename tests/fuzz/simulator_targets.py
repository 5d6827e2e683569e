"""What clients send to a simulated switch, carried out whole: NETCONF operations, gNMI Get, Set and Subscribe.

Targets of targets.py. Owns one switch for the life of the process, without ports: a request either gets an answer that
can be written down, or an error that the protocol has.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from lxml import etree
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import FabricdError, InputError
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.confirmed import CommitError
from fabricd.simulator.datastore import LockedError
from fabricd.simulator.gnmi.counters import LateCounters
from fabricd.simulator.gnmi.get import Reader
from fabricd.simulator.gnmi.paths import GnmiError, Paths
from fabricd.simulator.gnmi.set import Writer
from fabricd.simulator.gnmi.subscribe import Subscriber
from fabricd.simulator.gnmi.values import read
from fabricd.simulator.netconf.errors import BASE, RpcError, SeveralError, errors_of, written
from fabricd.simulator.netconf.server import NetconfServer
from fabricd.simulator.netconf.session import NetconfSession
from fabricd.simulator.netconf.xml import MalformedError, parsed

CONFIGURED = {
    "openconfig-interfaces:interfaces": {
        "interface": [
            {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", "mtu": 9000}}
            for name in ("Ethernet1", "Ethernet2")
        ]
    }
}
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class _Bench:
    loop: asyncio.AbstractEventLoop
    switch: Switch
    server: NetconfServer
    paths: Paths

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))


@cache
def _bench() -> _Bench:
    """One switch that runs for as long as the process does."""
    folder = Path(tempfile.mkdtemp())
    config = SimulationConfig(
        state_directory=folder,
        username="operator",
        password="secret",
        switches=(SwitchConfig(name="leaf1", ports=("Ethernet1",), writable_running=True, startup=True),),
    )
    loop = asyncio.new_event_loop()
    simulation = Simulation(config)
    loop.run_until_complete(simulation.start())
    switch = simulation.switches["leaf1"]

    def end() -> None:
        loop.run_until_complete(simulation.stop())
        loop.close()
        shutil.rmtree(folder)

    atexit.register(end)
    loop.run_until_complete(switch.change(replace={"/": CONFIGURED}))
    return _Bench(loop, switch, NetconfServer(switch.live, config, switch.identity), Paths(switch.live))


def netconf_operation(data: bytes) -> None:
    """Any <rpc>; what is answered is well-formed."""
    try:
        rpc = parsed(data)
    except MalformedError:
        return
    bench = _bench()
    content = bench.run(_carried_out(bench, rpc))
    etree.fromstring(f'<rpc-reply xmlns="{BASE}">{content}</rpc-reply>'.encode())


async def _carried_out(bench: _Bench, rpc: etree._Element) -> str:
    session = NetconfSession(bench.server)
    bench.server.opened(session)
    try:
        return (await bench.server.operations.answer(session, rpc)).content
    except (RpcError, SeveralError, InputError, LockedError, CommitError) as error:
        return "".join(written(one, bench.switch.live.outline.namespaces) for one in errors_of(error))
    finally:
        session.cut("other")
        with suppress(FabricdError):
            bench.switch.live.datastore.discard(0)


def edit_config(data: bytes) -> None:
    """Any content of an edit-config."""
    netconf_operation(_EDIT % data)


def subtree_filter(data: bytes) -> None:
    """Any subtree filter of a get."""
    netconf_operation(b'<rpc xmlns="%s" message-id="1"><get><filter>%s</filter></get></rpc>' % (BASE.encode(), data))


def xpath_filter(data: bytes) -> None:
    """Any expression of a get."""
    rpc = etree.Element(f"{{{BASE}}}rpc", nsmap={None: BASE, "i": "http://openconfig.net/yang/interfaces"})
    wanted = etree.SubElement(etree.SubElement(rpc, f"{{{BASE}}}get"), f"{{{BASE}}}filter", type="xpath")
    try:
        wanted.set("select", data.decode())
    except ValueError:  # what XML cannot hold
        return
    netconf_operation(etree.tostring(rpc))


def gnmi_set(data: bytes) -> None:
    """Any SetRequest."""
    _gnmi(lambda bench: Writer(bench.switch.live, bench.paths).set(read(gnmi_pb2.SetRequest, data)))


def gnmi_get(data: bytes) -> None:
    """Any GetRequest."""

    async def get(bench: _Bench) -> None:
        reader = Reader(bench.switch.live, bench.paths, LateCounters(bench.switch.live), _LIMIT)
        gnmi_pb2.GetResponse.FromString(await reader.get(data))

    _gnmi(get)


def gnmi_subscribe(data: bytes) -> None:
    """Any first message of a Subscribe call, and what is told at once."""

    async def requests() -> Any:
        yield data
        await asyncio.Event().wait()

    async def subscribe(bench: _Bench) -> None:
        subscriber = Subscriber(bench.switch.live, bench.paths, LateCounters(bench.switch.live))
        async with aclosing(subscriber.replies(requests())) as replies:
            async for reply in replies:
                if gnmi_pb2.SubscribeResponse.FromString(reply.data).sync_response:
                    return

    _gnmi(subscribe)


def _gnmi(work: Callable[[_Bench], Awaitable[Any]]) -> None:
    bench = _bench()
    with suppress(GnmiError, InputError, LockedError, CommitError):
        bench.run(work(bench))


_IF = b"http://openconfig.net/yang/interfaces"
EDIT = (
    b'<interfaces xmlns="%s"><interface xmlns:nc="%s" nc:operation="replace"><name>Ethernet1</name><config>'
    b'<name>Ethernet1</name><type xmlns:x="urn:ietf:params:xml:ns:yang:iana-if-type">x:ethernetCsmacd</type>'
    b"<mtu>1500</mtu></config></interface></interfaces>" % (_IF, BASE.encode())
)
_EDIT = (
    b'<rpc xmlns="%s" message-id="1"><edit-config><target><candidate/></target><config>%%s</config></edit-config></rpc>'
    % BASE.encode()
)
FILTER = b'<interfaces xmlns="%s"><interface><name>Ethernet1</name><config/></interface></interfaces>' % _IF
XPATH = b"/i:interfaces/i:interface[i:name='Ethernet1']/i:config"
_OPERATIONS = (
    "<get-config><source><running/></source></get-config>",
    "<commit><confirmed/><confirm-timeout>60</confirm-timeout><persist>a</persist></commit>",
    "<lock><target><candidate/></target></lock>",
    "<kill-session><session-id>9</session-id></kill-session>",
    "<copy-config><target><startup/></target><source><running/></source></copy-config>",
    '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" '
    'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore><with-origin/>'
    "<max-depth>2</max-depth></get-data>",
    '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">'
    "<startTime>2026-01-01T00:00:00Z</startTime></create-subscription>",
    '<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><identifier>iana-if-type</identifier>'
    "</get-schema>",
)
RPCS = (
    *(f'<rpc xmlns="{BASE}" message-id="1">{operation}</rpc>'.encode() for operation in _OPERATIONS),
    _EDIT % EDIT,
)


def _path() -> gnmi_pb2.Path:
    interface = gnmi_pb2.PathElem(name="interface", key={"name": "Ethernet1"})
    return gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="interfaces"), interface, gnmi_pb2.PathElem(name="config")])


def _set_seed() -> bytes:
    value = gnmi_pb2.TypedValue(json_ietf_val=orjson.dumps({"mtu": 1500, "description": "a"}))
    leaf = _path()
    leaf.elem.add(name="mtu")
    scalar = gnmi_pb2.Update(path=leaf, val=gnmi_pb2.TypedValue(uint_val=9000))
    request = gnmi_pb2.SetRequest(delete=[leaf], replace=[gnmi_pb2.Update(path=_path(), val=value)], update=[scalar])
    return bytes(request.SerializeToString())


SET = _set_seed()
GET = bytes(gnmi_pb2.GetRequest(path=[_path()], encoding=gnmi_pb2.JSON_IETF).SerializeToString())
SUBSCRIBE = bytes(
    gnmi_pb2.SubscribeRequest(
        subscribe=gnmi_pb2.SubscriptionList(
            subscription=[gnmi_pb2.Subscription(path=_path(), mode=gnmi_pb2.ON_CHANGE)], encoding=gnmi_pb2.PROTO
        )
    ).SerializeToString()
)
