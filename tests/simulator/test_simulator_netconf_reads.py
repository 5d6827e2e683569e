"""What a simulated switch shows over NETCONF: filters, default values, NMDA datastores, its own models and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from lxml import etree
from netconf_documents import CANDIDATE, IF, MONITORING, RUNNING, commit, config, interface
from raw_netconf import NC, Client, edit, session, ssh, text

from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.quirks import Quirks

Configure = Callable[..., SimulationConfig]
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"
ORIGIN = "urn:ietf:params:xml:ns:yang:ietf-origin"
SYSTEM = "http://openconfig.net/yang/system"
ENABLED = f"{{{IF}}}interfaces/{{{IF}}}interface/{{{IF}}}config/{{{IF}}}enabled"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        await commit(
            connected,
            interface(config("<mtu>9000</mtu><description>one</description>")),
            interface(config("<mtu>1500</mtu><enabled>true</enabled>", name="Ethernet2"), name="Ethernet2"),
            f'<system xmlns="{SYSTEM}"><config><hostname>left</hostname></config></system>',
        )
        yield connected


def read(mode: str = "", filtered: str = "") -> str:
    asked = f'<with-defaults xmlns="{WITH_DEFAULTS}">{mode}</with-defaults>' if mode else ""
    return f"<get-config><source><running/></source>{filtered}{asked}</get-config>"


def xpath(select: str, namespaces: str = f'xmlns:i="{IF}" xmlns:s="{SYSTEM}"') -> str:
    return f'<filter type="xpath" {namespaces} select="{select}"/>'


def data(reply: etree._Element) -> etree._Element:
    found = reply.find(f"{{{NC}}}data")
    assert found is not None, text(reply)
    return found


def names(reply: etree._Element) -> list[str | None]:
    return [one.text for one in reply.iter(f"{{{IF}}}name")]


@pytest.mark.parametrize(
    ("select", "seen", "unseen"),
    [
        ("/i:interfaces/i:interface[i:name='Ethernet1']", ["Ethernet1", "9000"], ["Ethernet2", "left"]),
        ("//i:mtu[. &lt; 2000]", ["Ethernet2", "1500"], ["9000", "description"]),
        ("/s:system | /i:interfaces/i:interface/i:config/i:description", ["left", "one"], ["9000", "1500"]),
        ("i:interfaces/i:interface/i:config[i:mtu = 9000]", ["Ethernet1", "one"], ["Ethernet2"]),
        ("/i:nothing", [], ["Ethernet1", "left"]),
    ],
)
async def test_xpath_selects_with_ancestors_and_keys(
    client: Client, select: str, seen: list[str], unseen: list[str]
) -> None:
    shown = text(await client.ask(read(filtered=xpath(select))))
    assert all(word in shown for word in seen), shown
    assert not any(f">{word}<" in shown for word in unseen), shown


async def test_keys_come_with_what_xpath_selects_inside_an_entry(client: Client) -> None:
    reply = await client.ask(read(filtered=xpath("//i:mtu")))
    entries = reply.findall(f".//{{{IF}}}interface")
    assert [[etree.QName(one).localname for one in entry] for entry in entries] == [["name", "config"]] * 2
    assert names(reply) == ["Ethernet1", "Ethernet2"]


@pytest.mark.parametrize(
    ("filtered", "tag"),
    [
        (xpath("///"), "invalid-value"),
        (xpath("/x:interfaces"), "invalid-value"),
        (xpath("count(//i:mtu)"), "invalid-value"),
        (xpath("//i:mtu/text()"), "invalid-value"),
        (xpath("//i:mtu[re:test(., '9')]"), "invalid-value"),
        (xpath("/i:interfaces" + "/.." * 1000), "invalid-value"),
        (xpath("//*[.//*[.//*[.//*[.//*[.//*[.//*[.//*[.//*]]]]]]]]"), "invalid-value"),
        ('<filter type="xpath"/>', "missing-attribute"),
        ('<filter type="magic"/>', "bad-attribute"),
    ],
)
async def test_filters_that_cannot_be_evaluated_are_refused(client: Client, filtered: str, tag: str) -> None:
    assert (await client.refused(read(filtered=filtered)))["error-tag"] == tag
    assert names(await client.ask(RUNNING))


async def test_subtree_filters_with_attributes_match_nothing_since_no_data_has_any(client: Client) -> None:
    wanted = f'<filter><interfaces xmlns="{IF}"><interface colour="red"/></interfaces></filter>'
    assert len(data(await client.ask(read(filtered=wanted)))) == 0


async def test_with_defaults_in_every_mode(client: Client) -> None:
    def enabled(reply: etree._Element) -> list[str | None]:
        return [one.text for one in data(reply).findall(ENABLED)]

    assert enabled(await client.ask(read())) == ["true"]
    assert enabled(await client.ask(read("explicit"))) == ["true"]
    assert enabled(await client.ask(read("trim"))) == []
    assert enabled(await client.ask(read("report-all"))) == ["true", "true"]
    tagged = data(await client.ask(read("report-all-tagged"))).findall(ENABLED)
    assert [dict(one.attrib) for one in tagged] == [{"{urn:ietf:params:xml:ns:netconf:default:1.0}default": "true"}, {}]
    assert (await client.refused(read("some")))["error-tag"] == "invalid-value"
    assert "<mtu>9000</mtu>" in text(await client.ask(read("trim")))


async def test_default_values_are_found_by_filters(client: Client) -> None:
    wanted = (
        f'<filter><interfaces xmlns="{IF}"><interface><config><enabled/></config></interface></interfaces></filter>'
    )
    reply = await client.ask(read("report-all", wanted))
    assert names(reply) == ["Ethernet1", "Ethernet2"]
    assert len(data(reply).findall(ENABLED)) == 2
    assert len(names(await client.ask(read("report-all", xpath("//i:interface[i:config/i:enabled='true']"))))) == 4


async def test_get_takes_with_defaults(client: Client) -> None:
    wanted = f'<filter><interfaces xmlns="{IF}"/></filter>'
    asked = f'<get>{wanted}<with-defaults xmlns="{WITH_DEFAULTS}">%s</with-defaults></get>'
    assert "<oper-status>" in text(await client.ask(asked % "report-all"))
    assert len(data(await client.ask(asked % "report-all")).findall(ENABLED)) == 2
    assert len(data(await client.ask(asked % "trim")).findall(ENABLED)) == 0


@pytest.mark.parametrize("basic", ["trim", "report-all", "explicit"])
async def test_quirk_5_the_basic_mode_is_advertised_and_applied(configure: Configure, basic: str) -> None:
    switch = SwitchConfig(name="left", quirks=Quirks.model_validate({"with_defaults": basic}))
    async with Simulation(configure(switches=(switch,), links=())) as simulation:
        left = simulation.switches["left"]
        async with ssh(simulation, left) as connection:
            raw = Client(await connection.create_process(subsystem="netconf", encoding=None))
            hello = await raw.hello("1.1")
        uris = [one.text or "" for one in hello.iter(f"{{{NC}}}capability")]
        [uri] = [one for one in uris if "with-defaults:1.0" in one]
        assert f"basic-mode={basic}&" in uri
        assert set(uri.rpartition("=")[2].split(",")) == (
            {"explicit", "trim", "report-all", "report-all-tagged"} - {basic}
        )
        async with session(simulation, left) as client:
            await commit(client, interface(config("<enabled>true</enabled>")))
            shown = len(data(await client.ask(RUNNING)).findall(ENABLED))
            assert shown == (0 if basic == "trim" else 1)
            delete = interface('<config><enabled nc:operation="delete"/></config>')
            create = interface('<config><enabled nc:operation="create">true</enabled></config>')
            if basic == "trim":
                assert (await client.refused(edit(delete)))["error-tag"] == "data-missing"
                await client.ok(edit(create))
            elif basic == "report-all":
                await client.ok(edit(delete))
                await client.ok(edit(delete))
                assert (await client.refused(edit(create)))["error-tag"] == "data-exists"
            else:
                await client.ok(edit(delete))
                assert (await client.refused(edit(delete)))["error-tag"] == "data-missing"
                await client.ok(edit(create))


async def test_quirk_6_claims_explicit_and_shows_defaults_all_the_same(configure: Configure) -> None:
    switch = SwitchConfig(name="left", quirks=Quirks(claims_explicit=True))
    async with Simulation(configure(switches=(switch,), links=())) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await commit(client, interface(config()))
            for mode in ("", "explicit"):
                assert len(data(await client.ask(read(mode))).findall(ENABLED)) == 1
        assert "claims_explicit" in left.met


async def test_a_leaf_tagged_as_default_goes_back_to_the_switch(client: Client, left: Switch) -> None:
    tag = 'xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true"'
    path = "/interfaces/interface[name=Ethernet2]/config/enabled"
    wrong = edit(interface(f"<config><enabled {tag}>false</enabled></config>", name="Ethernet2"))
    assert (await client.refused(wrong))["error-tag"] == "invalid-value"
    await commit(client, interface(f"<config><enabled {tag}>true</enabled></config>", name="Ethernet2"))
    assert left.value(path) is None


# NMDA (RFC 8526)


def get_data(store: str, more: str = "") -> str:
    return f'<get-data xmlns="{NMDA}" xmlns:ds="{DATASTORES}"><datastore>ds:{store}</datastore>{more}</get-data>'


def nmda(reply: etree._Element) -> etree._Element:
    found = reply.find(f"{{{NMDA}}}data")
    assert found is not None, text(reply)
    return found


async def test_get_data_reads_every_datastore(client: Client) -> None:
    await client.ok(edit(interface(config("<mtu>1600</mtu>"))))
    for store, mtu in (("running", "9000"), ("candidate", "1600"), ("intended", "9000"), ("operational", "9000")):
        shown = text(await client.ask(get_data(store)))
        assert f"<mtu>{mtu}</mtu>" in shown
        assert ("<oper-status>" in shown) is (store == "operational")
    for wrong in ("startup", "factory"):
        assert (await client.refused(get_data(wrong)))["error-tag"] == "invalid-value"
    assert (await client.refused(f'<get-data xmlns="{NMDA}"/>'))["error-tag"] == "missing-element"


async def test_get_data_filters_by_subtree_xpath_config_and_depth(client: Client) -> None:
    entry = "<interface><name>Ethernet2</name></interface>"
    subtree = f'<subtree-filter><interfaces xmlns="{IF}">{entry}</interfaces></subtree-filter>'
    assert names(nmda(await client.ask(get_data("running", subtree))))[0] == "Ethernet2"
    wanted = f"<xpath-filter xmlns:i='{IF}'>//i:interface[i:name='Ethernet1']</xpath-filter>"
    assert names(nmda(await client.ask(get_data("running", wanted)))) == ["Ethernet1", "Ethernet1"]
    shown = text(await client.ask(get_data("operational", "<config-filter>false</config-filter>" + subtree)))
    assert "<oper-status>" in shown
    assert "<config>" not in shown
    shown = text(await client.ask(get_data("operational", "<config-filter>true</config-filter>" + subtree)))
    assert "<config>" in shown
    assert "<state>" not in shown
    one = nmda(await client.ask(get_data("running", "<max-depth>1</max-depth>")))
    assert [len(top) for top in one] == [0, 0]
    two = nmda(await client.ask(get_data("running", wanted + "<max-depth>2</max-depth>")))
    [shallow] = two.iter(f"{{{IF}}}interface")
    assert [(etree.QName(child).localname, len(child)) for child in shallow] == [("name", 0), ("config", 0)]
    both = subtree + wanted
    assert (await client.refused(get_data("running", both)))["error-tag"] == "bad-element"
    assert (await client.refused(get_data("running", "<max-depth>0</max-depth>")))["error-tag"] == "invalid-value"


async def test_operational_tells_where_values_come_from(client: Client) -> None:
    wanted = f'<subtree-filter><interfaces xmlns="{IF}"/></subtree-filter>'
    reply = nmda(await client.ask(get_data("operational", wanted + "<with-origin/>")))
    origin = f"{{{ORIGIN}}}origin"
    assert reply[0].get(origin) == "or:intended"
    assert [one.get(origin) for one in reply.findall(ENABLED)] == ["or:default", None]
    assert (await client.refused(get_data("running", "<with-origin/>")))["error-tag"] == "invalid-value"


async def test_get_data_filters_by_origin(client: Client) -> None:
    def asked(filters: str, store: str = "operational") -> str:
        wanted = f'<subtree-filter><interfaces xmlns="{IF}"/></subtree-filter>'
        return get_data(store, wanted + filters.replace("filter>or:", f'filter xmlns:or="{ORIGIN}">or:'))

    configured = nmda(await client.ask(asked("<origin-filter>or:intended</origin-filter>")))
    assert [one.text for one in configured.iter(f"{{{IF}}}mtu")] == ["9000", "1500"]
    assert configured.find(f".//{{{IF}}}state") is None
    defaults = nmda(await client.ask(asked("<origin-filter>or:default</origin-filter>")))
    assert defaults.findall(ENABLED)
    assert defaults.find(f".//{{{IF}}}mtu") is None
    both = "<origin-filter>or:default</origin-filter><origin-filter>or:intended</origin-filter>"
    together = text(await client.ask(asked(both)))
    assert "<mtu>9000</mtu>" in together
    negated = "<negated-origin-filter>or:default</negated-origin-filter>"
    assert "<mtu>9000</mtu>" in text(await client.ask(asked(negated)))
    for wrong in ("or:somewhere", "intended"):
        refused = await client.refused(asked(f"<origin-filter>{wrong}</origin-filter>"))
        assert (refused["error-tag"], refused["info"]["bad-element"]) == ("invalid-value", "origin-filter")
    assert (await client.refused(asked(both + negated)))["error-tag"] == "bad-element"
    assert (await client.refused(asked(both, "running")))["error-tag"] == "invalid-value"


async def test_get_data_has_a_with_defaults_of_its_own(client: Client) -> None:
    """In the namespace of the operation (RFC 8526 section 3.1.1.2)."""
    every = nmda(await client.ask(get_data("running", "<with-defaults>report-all</with-defaults>")))
    explicit = nmda(await client.ask(get_data("running")))
    assert (len(every.findall(ENABLED)), len(explicit.findall(ENABLED))) == (2, 1)
    other = f'<with-defaults xmlns="{WITH_DEFAULTS}">trim</with-defaults>'
    assert (await client.refused(get_data("running", other)))["error-tag"] == "unknown-element"


async def test_edit_data_writes_the_candidate_as_a_whole_or_not_at_all(client: Client, left: Switch) -> None:
    def edit_data(content: str, store: str = "candidate") -> str:
        return (
            f'<edit-data xmlns="{NMDA}" xmlns:ds="{DATASTORES}" xmlns:nc="{NC}"><datastore>ds:{store}</datastore>'
            f"<config>{content}</config></edit-data>"
        )

    await client.ok(edit_data(interface(config("<mtu>1700</mtu>"))))
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 1700
    bad = interface(config("<mtu>1800</mtu>")) + interface(config("<mtu>big</mtu>"))
    assert (await client.refused(edit_data(bad)))["error-tag"] == "invalid-value"
    assert "1800" not in text(await client.ask(CANDIDATE))
    for store in ("running", "operational", "intended"):
        assert (await client.refused(edit_data(interface(config()), store)))["error-tag"] == "invalid-value"


# What the server says of itself


async def test_the_yang_library_and_the_hello_agree(simulation: Simulation, left: Switch, client: Client) -> None:
    async with ssh(simulation, left) as connection:
        hello = await Client(await connection.create_process(subsystem="netconf", encoding=None)).hello("1.1")
    uris = [one.text or "" for one in hello.iter(f"{{{NC}}}capability")]
    wanted = f'<get><filter><yang-library xmlns="{LIBRARY}"/><modules-state xmlns="{LIBRARY}"/></filter></get>'
    reply = data(await client.ask(wanted))
    identifier = reply.findtext(f"{{{LIBRARY}}}yang-library/{{{LIBRARY}}}content-id")
    assert reply.findtext(f"{{{LIBRARY}}}modules-state/{{{LIBRARY}}}module-set-id") == identifier
    assert any(uri.endswith(f"yang-library:1.1?revision=2019-01-04&content-id={identifier}") for uri in uris)
    assert any(uri.endswith(f"yang-library:1.0?revision=2016-06-21&module-set-id={identifier}") for uri in uris)
    modules = reply.findall(f"{{{LIBRARY}}}yang-library/{{{LIBRARY}}}module-set/{{{LIBRARY}}}module")
    listed = {one.findtext(f"{{{LIBRARY}}}name") for one in modules}
    assert {"openconfig-interfaces", "ietf-netconf", "ietf-netconf-nmda"} <= listed
    stores = [one.text for one in reply.iterfind(f".//{{{LIBRARY}}}datastore/{{{LIBRARY}}}name")]
    assert stores == ["ds:running", "ds:candidate", "ds:intended", "ds:operational"]
    by_xpath = f'<get><filter type="xpath" xmlns:y="{LIBRARY}" select="/y:yang-library/y:content-id"/></get>'
    assert identifier in text(await client.ask(by_xpath))


async def test_monitoring_tells_locks_sessions_and_counts(simulation: Simulation, left: Switch, client: Client) -> None:
    def state(name: str) -> str:
        return f'<get><filter><netconf-state xmlns="{MONITORING}"><{name}/></netconf-state></filter></get>'

    async with session(simulation, left) as other:
        await other.ok("<lock><target><candidate/></target></lock>")
        stores = data(await client.ask(state("datastores")))
        held = {
            one.findtext(f"{{{MONITORING}}}name"): one.findtext(f".//{{{MONITORING}}}locked-by-session")
            for one in stores.iter(f"{{{MONITORING}}}datastore")
        }
        sessions = data(await client.ask(state("sessions")))
        ids = [one.text for one in sessions.iter(f"{{{MONITORING}}}session-id")]
        assert held == {"running": None, "candidate": ids[-1]}
        assert [one.text for one in sessions.iter(f"{{{MONITORING}}}username")] == ["operator"] * 2
    statistics = data(await client.ask(state("statistics")))
    assert int(statistics.findtext(f".//{{{MONITORING}}}in-sessions") or 0) == 2
    assert int(statistics.findtext(f".//{{{MONITORING}}}in-rpcs") or 0) > 3
    await client.refused("<nonsense/>")
    again = data(await client.ask(state("statistics")))
    assert again.findtext(f".//{{{MONITORING}}}out-rpc-errors") == "1"
    one = "schemas><schema><identifier>openconfig-interfaces</identifier></schema></schemas"
    [schema] = data(await client.ask(state(one).replace("</schemas/>", "</schemas>"))).iter(f"{{{MONITORING}}}schema")
    assert schema.findtext(f"{{{MONITORING}}}namespace") == IF
