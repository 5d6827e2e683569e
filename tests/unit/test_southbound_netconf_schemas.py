"""What a device says of its models: YANG libraries, lists of schemas and their text, against a scripted SSH server."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import pytest
from lxml import etree
from netconf_scripts import scripted
from southbound_servers import CANDIDATE, NetconfServer, NetconfSessionSide, netconf_device, netconf_server, rpc_error

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.southbound import netconf
from fabricd.southbound.netconf import schemas
from fabricd.southbound.netconf.schemas import Module, SchemaEntry

MONITORING = f'<data><netconf-state xmlns="{schemas.MONITORING}"><schemas>%s</schemas></netconf-state></data>'
ENTRY = (
    "<schema><identifier>{name}</identifier><version>2024-01-01</version><format>yang</format>"
    "<namespace>urn:a</namespace><location>NETCONF</location></schema>"
)
STATE = f"""<data><modules-state xmlns="{schemas.LIBRARY}"><module-set-id>1</module-set-id>
<module><name>a</name><revision>2024-01-01</revision><namespace>urn:a</namespace><feature>f</feature>
<deviation><name>a-dev</name><revision/></deviation><conformance-type>implement</conformance-type>
<submodule><name>a-sub</name><revision>2023-01-01</revision></submodule></module>
<module><name>types</name><revision/><namespace>urn:t</namespace><conformance-type>import</conformance-type></module>
</modules-state></data>"""
LIBRARY = f"""<data><yang-library xmlns="{schemas.LIBRARY}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">
<module-set><name>state</name><module><name>only-state</name><namespace>urn:o</namespace></module></module-set>
<module-set><name>config</name>
<module><name>a</name><revision>2024-01-01</revision><namespace>urn:a</namespace><feature>f</feature>
<deviation>a-dev</deviation><submodule><name>a-sub</name><revision>2023-01-01</revision></submodule></module>
<import-only-module><name>types</name><revision/><namespace>urn:t</namespace></import-only-module></module-set>
<schema><name>one</name><module-set>config</module-set></schema>
<schema><name>all</name><module-set>config</module-set><module-set>state</module-set></schema>
<datastore><name>ds:operational</name><schema>all</schema></datastore>
<datastore><name>ds:running</name><schema>one</schema></datastore></yang-library></data>"""
MODULES = (
    Module("a", "2024-01-01", "urn:a", True, ("f",), ("a-dev",), (("a-sub", "2023-01-01"),)),
    Module("types", "", "urn:t", False),
)


def by_root(**answers: str | bytes) -> Any:
    """Answers a get by the first element of its filter, `modules_state` for example."""

    async def get(side: NetconfSessionSide, rpc: etree._Element) -> None:
        asked = etree.QName(rpc.find("{*}get/{*}filter")[0]).localname.replace("-", "_")
        body = answers.get(asked, "<data/>")
        await side.reply(rpc, body.encode() if isinstance(body, str) else body)

    return scripted(get=get)


async def ask(server: NetconfServer, tmp_path: FilePath, what: Any, *arguments: str) -> Any:
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path))
        try:
            return await what(target.rpc, *arguments)
        finally:
            await target.close()


@pytest.mark.parametrize(
    "answers",
    [
        {"yang_library": LIBRARY},
        {"modules_state": STATE},
        {"yang_library": rpc_error("unknown-element"), "modules_state": STATE},
    ],
)
async def test_modules_are_those_of_the_yang_library(answers: dict[str, Any], tmp_path: FilePath) -> None:
    assert await ask(NetconfServer(by_root(**answers)), tmp_path, schemas.modules) == MODULES


async def test_without_a_library_the_hello_counts(tmp_path: FilePath) -> None:
    uri = "urn:b?module=b&revision=2020-01-01&features=x,y&deviations=b-dev"
    server = NetconfServer(capabilities=(*CANDIDATE[:3], uri))
    assert await ask(server, tmp_path, schemas.modules) == (
        Module("b", "2020-01-01", "urn:b", True, ("x", "y"), ("b-dev",)),
    )


async def test_a_library_that_is_refused_for_another_reason_is_an_error(tmp_path: FilePath) -> None:
    with pytest.raises(DeviceRefusedError):
        await ask(NetconfServer(by_root(yang_library=rpc_error("resource-denied"))), tmp_path, schemas.modules)


async def test_schemas_that_are_somewhere_else_are_not_listed(tmp_path: FilePath) -> None:
    elsewhere = ENTRY.format(name="b").replace(">NETCONF<", ">http://192.0.2.1/b.yang<")
    mirrored = ENTRY.format(name="c").replace("<location>", "<location>http://192.0.2.1/c.yang</location><location>")
    both = (
        mirrored
        + ENTRY.format(name="a")
        + elsewhere
        + ENTRY.format(name="a").replace(">yang<", " xmlns:n='urn:n'>n:yin<")
    )
    found = await ask(NetconfServer(by_root(netconf_state=MONITORING % both)), tmp_path, schemas.schemas)
    assert found == (
        SchemaEntry("c", "2024-01-01", "yang", "urn:a"),
        SchemaEntry("a", "2024-01-01", "yang", "urn:a"),
        SchemaEntry("a", "2024-01-01", "yin", "urn:a"),
    )


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", "a b", "x" * 300, "\u00e9"])
async def test_a_name_that_is_none_is_a_protocol_error(name: str, tmp_path: FilePath) -> None:
    server = NetconfServer(by_root(netconf_state=MONITORING % ENTRY.format(name=name)))
    with pytest.raises(DeviceProtocolError):
        await ask(server, tmp_path, schemas.schemas)


async def test_a_list_without_end_is_a_protocol_error(tmp_path: FilePath) -> None:
    listed = "".join(f"<schema><identifier>a{number}</identifier></schema>" for number in range(20_001))
    with pytest.raises(DeviceProtocolError):
        await ask(NetconfServer(by_root(netconf_state=MONITORING % listed)), tmp_path, schemas.schemas)


@pytest.mark.parametrize(
    "body",
    [
        f'<data xmlns="{schemas.MONITORING}">module a {{ description "&lt;/data&gt;"; }}</data>',
        f'<x:data xmlns:x="{schemas.MONITORING}"><![CDATA[module a {{ description "</data>"; }}]]></x:data>',
        '<data>module a { description "&lt;/data>"; }</data>',
    ],
)
async def test_the_text_of_a_schema_is_its_text(body: str, tmp_path: FilePath) -> None:
    server = NetconfServer(scripted(get_schema=body.encode()))
    text = await ask(server, tmp_path, schemas.schema_text, "a", "2024-01-01")
    assert text == 'module a { description "</data>"; }'
    asked = server.received[0]
    assert [asked.findtext(f"{{*}}{name}") for name in ("identifier", "version", "format")] == [
        "a",
        "2024-01-01",
        "yang",
    ]


@pytest.mark.parametrize(("body", "error"), [("<data/>", DeviceProtocolError), ("invalid-value", DeviceRefusedError)])
async def test_a_schema_that_the_device_does_not_have(body: str, error: type[Exception], tmp_path: FilePath) -> None:
    answer = body.encode() if body.startswith("<") else rpc_error(body)
    with pytest.raises(error):
        await ask(NetconfServer(scripted(get_schema=answer)), tmp_path, schemas.schema_text, "a")
