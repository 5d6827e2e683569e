"""Replies of NETCONF servers: <data> is cut out with its namespaces, errors are judged by tag and severity."""

from __future__ import annotations

import logging

import pytest
from lxml import etree

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, DeviceTrustError
from fabricd.model.device import Device, Profile, Protocol
from fabricd.southbound.netconf import reply

DEVICE = Device("leaf3", "192.0.2.3", 830, Protocol.NETCONF, Profile("test"))
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
BODY = (
    '<system xmlns="http://openconfig.net/yang/system"><config><hostname>é &lt;/data&gt;</hostname></config></system>'
)

PLAIN = f'<rpc-reply xmlns="{NC}" message-id="1"><data>{BODY}</data></rpc-reply>'


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f'<?xml version="1.0" encoding="UTF-8"?>\n{PLAIN}\n',
        f"<nc:rpc-reply message-id='a>b' xmlns:nc='{NC}' xmlns:x='u:x'><nc:data>{BODY}</nc:data >\n</nc:rpc-reply>",
        f'<rpc-reply message-id="1" xmlns="{NC}" xmlns:x="u:x"><data xmlns:x="u:y" x:a="">{BODY}</data></rpc-reply>',
        f'<rpc-reply message-id="1" xmlns="urn:other"><data xmlns="{NC}">{BODY}<!-- </data> --></data></rpc-reply>',
        f'<!-- first --><rpc-reply message-id="1" xmlns="{NC}"><data>{BODY}</data></rpc-reply>',
        f'<rpc-reply message-id="1" xmlns="{NC}"><data>{BODY}</data><!-- </data></rpc-reply> --></rpc-reply>',
        f'<rpc-reply message-id="1" xmlns="{NC}"><data/></rpc-reply>',
        f'<nc:rpc-reply message-id="1" xmlns:nc="{NC}"><nc:data xmlns:y="urn:y" /></nc:rpc-reply>',
        f'<rpc-reply message-id="1" xmlns="{NC}"><data><data-x xmlns="urn:x"/></data></rpc-reply>',
    ],
)
def test_data_keeps_its_content_and_namespaces(text: str) -> None:
    whole = etree.fromstring(text.encode())
    expected = whole.find(f"{{{NC}}}data")
    expected.tail = None
    cut = etree.fromstring(reply.data_element(text.encode(), DEVICE, "get-config"))
    assert etree.tostring(cut, method="c14n", exclusive=True, with_comments=True) == etree.tostring(
        expected, method="c14n", exclusive=True, with_comments=True
    )


def test_bytes_of_data_do_not_depend_on_the_message_id() -> None:
    other = PLAIN.replace('message-id="1"', 'message-id="urn:uuid:2"')
    assert reply.data_element(PLAIN.encode(), DEVICE, "get") == reply.data_element(other.encode(), DEVICE, "get")


def test_another_encoding_is_read_all_the_same() -> None:
    text = f"<?xml version='1.0' encoding='iso-8859-1'?>{PLAIN}".encode("iso-8859-1")
    cut = etree.fromstring(reply.data_element(text, DEVICE, "get"))
    assert cut.findtext(".//{*}hostname") == "é </data>"


@pytest.mark.parametrize(
    "text",
    [
        f'<rpc-reply xmlns="{NC}" message-id="1"><data><a xmlns="urn:x"></data',
        f'<rpc-reply xmlns="{NC}" message-id="1"><ok/></rpc-reply>',
        f'<rpc xmlns="{NC}" message-id="1"><data/></rpc>',
        f'<rpc-reply xmlns="{NC}" message-id="1"><data></database></rpc-reply>',
    ],
)
def test_a_reply_without_data_is_a_protocol_error(text: str) -> None:
    with pytest.raises(DeviceProtocolError):
        reply.data_element(text.encode(), DEVICE, "get-config")


def error(tag: str, severity: str = "error", extra: str = "") -> str:
    return (
        f"<rpc-error><error-type>application</error-type><error-tag>{tag}</error-tag>"
        f"<error-severity>{severity}</error-severity>{extra}</rpc-error>"
    )


def answer(*parts: str) -> bytes:
    return f'<rpc-reply xmlns="{NC}" message-id="1">{"".join(parts)}</rpc-reply>'.encode()


def test_ok_is_ok() -> None:
    reply.check(answer("<ok/>"), DEVICE, "commit")


def test_warnings_are_logged_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    reply.check(answer(error("data-missing", "warning"), "<ok/>"), DEVICE, "edit-config")
    assert "data-missing" in caplog.text


def test_an_error_beside_ok_is_an_error() -> None:
    with pytest.raises(DeviceRefusedError) as caught:
        reply.check(answer("<ok/>", error("invalid-value")), DEVICE, "commit")
    assert (caught.value.tag, caught.value.transient) == ("invalid-value", False)


def test_an_error_behind_a_warning_is_an_error_with_its_path() -> None:
    where = "<error-path>/a:b</error-path><error-message>too\n  small</error-message>"
    with pytest.raises(DeviceRefusedError) as caught:
        reply.check(answer(error("data-missing", "warning"), error("bad-element", "error", where)), DEVICE, "validate")
    assert caught.value.path == "/a:b"
    assert "too small" in caught.value.message


@pytest.mark.parametrize("namespace", ["", ' xmlns=""', ' xmlns="urn:own"'])
def test_errors_count_whatever_their_namespace(namespace: str) -> None:
    text = error("too-big", " error ", "<error-message/>").replace("<rpc-error>", f"<rpc-error{namespace}>")
    with pytest.raises(DeviceRefusedError, match=r"commit was refused: too-big$") as caught:
        reply.check(answer(text, "<ok/>"), DEVICE, "commit")
    assert caught.value.tag == "too-big"


def test_an_error_without_words_is_an_error() -> None:
    with pytest.raises(DeviceRefusedError, match="no error-tag") as caught:
        reply.check(answer("<rpc-error/>"), DEVICE, "commit")
    assert caught.value.tag == "operation-failed"


@pytest.mark.parametrize(("holder", "words"), [("7", "by session 7"), ("0", "by something other than NETCONF")])
def test_who_holds_a_lock_is_told(holder: str, words: str) -> None:
    info = f"<error-info><session-id>{holder}</session-id></error-info>"
    with pytest.raises(DeviceRefusedError, match=words):
        reply.check(answer(error("lock-denied", extra=info)), DEVICE, "lock")


@pytest.mark.parametrize("tag", ["lock-denied", "in-use", "resource-denied", "operation-failed"])
def test_what_may_pass_is_transient(tag: str) -> None:
    with pytest.raises(DeviceRefusedError) as caught:
        reply.check(answer(error(tag)), DEVICE, "lock")
    assert caught.value.transient
    assert caught.value.tag == tag


def test_access_denied_is_a_matter_of_trust() -> None:
    with pytest.raises(DeviceTrustError):
        reply.check(answer(error("data-missing"), error("access-denied")), DEVICE, "commit")


def test_an_error_beside_data_is_an_error() -> None:
    with pytest.raises(DeviceRefusedError):
        reply.data_element(answer(f"<data>{BODY}</data>", error("operation-failed")), DEVICE, "get")


def test_a_warning_beside_data_leaves_the_data() -> None:
    cut = reply.data_element(answer(f"<data>{BODY}</data>", error("data-missing", "warning")), DEVICE, "get")
    assert b"rpc-error" not in cut
    assert b"hostname" in cut


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + answer("<ok>&b;</ok>").decode()
    root = reply.parse(bomb.encode(), DEVICE)
    assert "aaaa" not in "".join(root.itertext())


def test_an_empty_line_before_the_declaration_is_passed_over() -> None:
    message = f'\n<?xml version="1.0" encoding="UTF-8"?><rpc-reply xmlns="{NC}"><ok/></rpc-reply>'
    reply.check(message.encode(), DEVICE, "commit")
