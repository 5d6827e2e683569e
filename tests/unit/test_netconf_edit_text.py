"""What stands in the edit-config on the wire is what was written: prefixes of values keep their meaning."""

from __future__ import annotations

from lxml import etree
from ncclient.capabilities import Capabilities

from fabricd.southbound.netconf import operations

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
ACL = "http://openconfig.net/yang/acl"
CONFIG = (
    f'<nc:config xmlns:nc="{NC}" xmlns:yang="urn:ietf:params:xml:ns:yang:1"><acl xmlns="{ACL}" nc:operation="merge">'
    f'<type xmlns:oc-acl="{ACL}">oc-acl:ACL_IPV4</type>'
    f'<entry xmlns:k="{ACL}" yang:insert="after" yang:key="[k:name=\'a\']"><name>b</name></entry>'
    "<text>\\1 &lt;nc:config/&gt;</text></acl></nc:config>"
)


def _message(config: str, **options: str) -> etree._Element:
    hello = operations.Hello("1", Capabilities(["urn:ietf:params:netconf:capability:candidate:1.0"]))
    element = etree.fromstring(config)
    number, message = operations.request(
        operations.EditConfig, hello, operations.handler("default"), element, target="candidate", **options
    )
    root = etree.fromstring(message)
    assert root.get("message-id") == number
    return root


def test_prefixes_of_the_default_namespace_stay_declared() -> None:
    root = _message(CONFIG, default_operation="none")
    (kind,) = root.iter(f"{{{ACL}}}type")
    (entry,) = root.iter(f"{{{ACL}}}entry")
    assert (kind.text, kind.nsmap["oc-acl"]) == ("oc-acl:ACL_IPV4", ACL)
    assert entry.nsmap["k"] == ACL


def test_the_configuration_is_in_the_place_of_the_request_and_as_it_was() -> None:
    root = _message(CONFIG, default_operation="none")
    (edit,) = root
    assert [etree.QName(child).localname for child in edit] == ["target", "default-operation", "config"]
    assert etree.tostring(edit[-1], method="c14n") == etree.tostring(etree.fromstring(CONFIG), method="c14n")


def test_a_configuration_without_namespace_is_taken_too() -> None:
    (edit,) = _message(f'<config><acl xmlns="{ACL}"/></config>')
    assert edit[-1].tag == "config"
    assert edit[-1][0].tag == f"{{{ACL}}}acl"
