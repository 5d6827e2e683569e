"""Every decoder that reads bytes from a device or a client: what it may raise, and what must hold of what it returns.

Driven by run.py (coverage-guided) and test_fuzz_decoders.py (hypothesis, and what was found before). Owns the seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path as File

import device_targets
import orjson
import simulator_targets
from google.protobuf.message import DecodeError
from lxml import etree
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import DeviceError, InputError
from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.layers import read_fabric_draft
from fabricd.model import clark
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.fetched import Encoding, Part
from fabricd.model.path import ROOT, Path
from fabricd.schema import Format, ModelSet, Schema
from fabricd.simulator.netconf import framing as simulated_framing
from fabricd.southbound.gnmi import messages
from fabricd.southbound.netconf import operations, reply
from fabricd.southbound.netconf.framing import Framer, FramingError, framed
from fabricd.southbound.netconf.notifications import OwnSessions, read_change
from fabricd.southbound.netconf.paths import read_instance

CONFIG = File(__file__).resolve().parents[2] / "config"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
IF = "http://openconfig.net/yang/interfaces"
DEVICE = Device("leaf1", "192.0.2.1", 830, Protocol.NETCONF, Profile("fuzz"))
LIMIT = 1 << 20
INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
INTERFACE = {
    "openconfig-interfaces:interfaces": {
        "interface": [
            {
                "name": "Ethernet1",
                "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 9000, "enabled": True},
            }
        ]
    }
}
XML = (
    f'<data xmlns="{NC}"><interfaces xmlns="{IF}"><interface><name>Ethernet1</name><config><name>Ethernet1</name>'
    '<type xmlns:x="urn:ietf:params:xml:ns:yang:iana-if-type">x:ethernetCsmacd</type><mtu>9000</mtu></config>'
    "</interface></interfaces></data>"
)


@dataclass(frozen=True, slots=True)
class Target:
    """`read` must raise nothing for any bytes: what the decoder is allowed to raise is caught inside."""

    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


@cache
def _schema() -> Schema:
    return Schema(ModelSet.managed())


@cache
def _fabrics() -> Schema:
    return Schema(ModelSet.fabric())


def _framing(data: bytes) -> None:
    """However the bytes are cut, the messages are the same; both framers of the project understand each other."""
    if not data:
        return
    cut, chunked, stream = data[0] % 7 + 1, bool(data[0] & 8), data[1:]
    whole = _messages(stream, len(stream) or 1, chunked=chunked)
    assert _messages(stream, cut, chunked=chunked) == whole
    assert _messages(b"".join(framed(stream, chunked=True)), cut, chunked=True)[0] == ([stream] if stream else [])
    theirs = simulated_framing.Framer(LIMIT)
    theirs.chunked = chunked
    try:
        for at in range(0, len(stream), cut):
            for _ in theirs.feed(stream[at : at + cut]):
                pass
    except simulated_framing.FramingError:
        pass


def _messages(stream: bytes, size: int, *, chunked: bool) -> tuple[list[bytes], bool]:
    found: list[bytes] = []
    framer = Framer(found.append, LIMIT)
    framer.chunked = chunked
    try:
        for at in range(0, len(stream), size):
            framer.feed(stream[at : at + size])
    except FramingError:
        return found, True
    return found, False


def _hello(data: bytes) -> None:
    try:
        hello = operations.read_hello(data)
    except ValueError:
        return
    hello.has(":candidate")
    hello.uris()
    hello.modules()


def _reply(data: bytes) -> None:
    """Cutting <data> out of a well-formed reply is the same as parsing it."""
    try:
        found = reply.data_element(data, DEVICE, "get-config")
    except DeviceError:
        found = None
    try:
        reply.check(data, DEVICE, "commit")
    except DeviceError:
        return
    if found is None:
        return
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
    root = etree.fromstring(data.lstrip(), parser)
    if any(one.level > etree.ErrorLevels.WARNING for one in parser.error_log):
        return  # with a namespace that is no URI, libxml2 is of two minds about what follows the document
    children = [one for one in root.iterchildren(tag=etree.Element) if clark.local(one.tag) == "data"]
    if len(children) > 1:
        return  # what is cut is then no document, and is refused when it is read
    [whole] = children
    whole.tail = None
    try:
        expected = etree.canonicalize(etree.tostring(whole, encoding="unicode"))
    except etree.XMLSyntaxError:
        return  # names that libxml2 reads, and does not write so that it can read them again
    assert etree.canonicalize(found.decode()) == expected


def _notification(data: bytes) -> None:
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    modules = {IF: "openconfig-interfaces"}
    with suppress(DeviceError):
        read_change(data, DEVICE, modules, [INTERFACES], lambda: clock, OwnSessions())


def _instance(data: bytes) -> None:
    found = read_instance(data.decode("utf-8", "replace"), {"i": IF, None: IF}, {IF: "openconfig-interfaces"})
    if found is not None:
        assert Path.parse(found.text).names == found.names


def _path(data: bytes) -> None:
    """What is read is written so that it reads the same."""
    try:
        found = Path.parse(data.decode("utf-8", "replace"))
    except InputError:
        return
    assert Path.parse(found.text) == found, found.text


def _get_response(data: bytes) -> None:
    try:
        response = gnmi_pb2.GetResponse.FromString(data)
        parts = list(messages.read_parts(response, [INTERFACES], "leaf1"))
        fetched = messages.fetched(parts)
        _schema().read_device(fetched.parts, fetched.encoding)
    except (DecodeError, DeviceError):
        pass


def _subscribe_response(data: bytes) -> None:
    try:
        response = gnmi_pb2.SubscribeResponse.FromString(data)
    except DecodeError:
        return
    messages.changed_paths(response.update, [INTERFACES])


def _device_json(data: bytes) -> None:
    _read_device(data, Encoding.JSON_IETF)


def _device_xml(data: bytes) -> None:
    _read_device(data, Encoding.XML)


def _read_device(data: bytes, encoding: Encoding) -> None:
    """What was read is configuration by the models, and reading it again changes nothing."""
    schema = _schema()
    try:
        tree = schema.read_device([Part(ROOT, data)], encoding)
    except DeviceError:
        return
    try:
        canonical = schema.canonical(tree.config)
    except InputError:
        return  # an entry given twice is refused when it is compared
    again = schema.read_device([Part(ROOT, canonical)], Encoding.JSON_IETF)
    assert again.skipped == ()
    assert schema.canonical(again.config) == canonical


def _config_json(data: bytes) -> None:
    _read_config(data, Format.JSON)


def _config_xml(data: bytes) -> None:
    _read_config(data, Format.XML)


def _read_config(data: bytes, form: Format) -> None:
    schema = _schema()
    try:
        found = schema.read(data, form, limit=LIMIT)
    except InputError:
        return
    assert schema.canonical(found) == found
    try:
        schema.validate(found)
    except InputError:
        return
    assert schema.diff(found, found) == ()


def _documents(data: bytes) -> None:
    try:
        drafts = parse_documents([Document("fuzz", data)], max_bytes=LIMIT)
    except InputError:
        return
    for draft in drafts:
        try:
            if draft.kind is DraftKind.FABRIC:
                read_fabric_draft(_fabrics(), draft)
            else:
                _schema().read(draft.config, source=draft.name, limit=LIMIT)
        except InputError:
            pass


def _get_seed() -> bytes:
    path = gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="interfaces")])
    inside = orjson.dumps(INTERFACE["openconfig-interfaces:interfaces"])
    update = gnmi_pb2.Update(path=path, val=gnmi_pb2.TypedValue(json_ietf_val=inside))
    scalar = gnmi_pb2.Update(
        path=gnmi_pb2.Path(
            elem=[
                *path.elem,
                gnmi_pb2.PathElem(name="interface", key={"name": "Ethernet1"}),
                gnmi_pb2.PathElem(name="config"),
                gnmi_pb2.PathElem(name="mtu"),
            ]
        ),
        val=gnmi_pb2.TypedValue(uint_val=9000),
    )
    notification = gnmi_pb2.Notification(timestamp=1, update=[update, scalar])
    return bytes(gnmi_pb2.GetResponse(notification=[notification]).SerializeToString())


def _subscribe_seed() -> bytes:
    notification = gnmi_pb2.GetResponse.FromString(_get_seed()).notification[0]
    notification.delete.add(elem=[gnmi_pb2.PathElem(name="interfaces")])
    return bytes(gnmi_pb2.SubscribeResponse(update=notification).SerializeToString())


_HELLO = (
    f'<hello xmlns="{NC}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability><capability>{IF}'
    "?module=openconfig-interfaces&amp;revision=2024-01-01</capability></capabilities><session-id>4</session-id></hello>"
).encode()
_REPLY = f'<rpc-reply xmlns="{NC}" message-id="1">{XML}</rpc-reply>'.encode()
_ERROR = (
    f'<rpc-reply xmlns="{NC}" message-id="1"><rpc-error><error-type>application</error-type>'
    "<error-tag>in-use</error-tag><error-severity>error</error-severity><error-path>/a:b</error-path></rpc-error></rpc-reply>"
).encode()
_CHANGED = (
    '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>'
    '<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications">'
    "<datastore>running</datastore>"
    f"<edit><target xmlns:i=\"{IF}\">/i:interfaces/i:interface[i:name='Ethernet1']</target></edit>"
    "</netconf-config-change></notification>"
).encode()
_INTERFACE_XML = XML.partition(">")[2].rpartition("</data>")[0].encode()

TARGETS: dict[str, Target] = {
    "netconf-framing": Target(_framing, (b"\x08\n#3\nabc\n##\n", b"\x00<hello/>]]>]]>\n#1\nx\n##\n")),
    "netconf-hello": Target(_hello, (_HELLO,)),
    "netconf-reply": Target(_reply, (_REPLY, _ERROR, f'<rpc-reply xmlns="{NC}"><ok/></rpc-reply>'.encode())),
    "netconf-notification": Target(_notification, (_CHANGED,)),
    "netconf-instance": Target(_instance, (b"/i:interfaces/i:interface[i:name='Ethernet1']/i:config/i:mtu",)),
    "path": Target(_path, (b"/a:b/c[d='e'][f=\"g\"]/h[.=1]", b"/a/b[c=x\\]y]/d")),
    "gnmi-get": Target(_get_response, (_get_seed(),)),
    "gnmi-subscribe": Target(_subscribe_response, (_subscribe_seed(),)),
    "device-json": Target(_device_json, (orjson.dumps(INTERFACE),)),
    "device-xml": Target(_device_xml, (XML.encode(),)),
    "config-json": Target(_config_json, (orjson.dumps(INTERFACE),)),
    "config-xml": Target(_config_xml, (_INTERFACE_XML,)),
    "documents": Target(
        _documents,
        (
            (CONFIG / "demo" / "fabric" / "fabric.yaml").read_bytes(),
            (CONFIG / "demo" / "fabric" / "banner.yaml").read_bytes(),
            orjson.dumps({"kind": "config", "name": "a", "devices": ["leaf1"], "config": INTERFACE}),
        ),
    ),
    "schema-lists": Target(device_targets.schema_lists, (device_targets.SCHEMAS, device_targets.LIBRARY)),
    "yang-text": Target(device_targets.yang_text, (device_targets.YANG,)),
    "state-json": Target(device_targets.state_json, (orjson.dumps(device_targets.STATE),)),
    "state-xml": Target(device_targets.state_xml, (device_targets.STATE_XML,)),
    "gnmi-leaves": Target(device_targets.gathered, (_get_seed(),)),
    "archive": Target(device_targets.archive, device_targets.ARCHIVES),
    "simulated-netconf": Target(simulator_targets.netconf_operation, simulator_targets.RPCS),
    "simulated-edit": Target(simulator_targets.edit_config, (simulator_targets.EDIT,)),
    "simulated-filter": Target(simulator_targets.subtree_filter, (simulator_targets.FILTER,)),
    "simulated-xpath": Target(simulator_targets.xpath_filter, (simulator_targets.XPATH,)),
    "simulated-set": Target(simulator_targets.gnmi_set, (simulator_targets.SET,)),
    "simulated-get": Target(simulator_targets.gnmi_get, (simulator_targets.GET,)),
    "simulated-subscribe": Target(simulator_targets.gnmi_subscribe, (simulator_targets.SUBSCRIBE,)),
}
