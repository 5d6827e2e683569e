"""What the NETCONF server of one switch offers, and how it says so: capability URIs and hello (RFC 6241 section 8).

Made from the switch's settings and quirks, asked by every operation. Carries out nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote
from xml.sax.saxutils import escape

from fabricd.schema.outline import Outline
from fabricd.simulator.config import SwitchConfig
from fabricd.simulator.datastore import Store
from fabricd.simulator.netconf.errors import BASE
from fabricd.simulator.quirks import Quirks

BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"
ORIGIN = "urn:ietf:params:xml:ns:yang:ietf-origin"
EVENTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
STREAMS = "urn:ietf:params:xml:ns:netmod:notification"
OWN = "urn:fabricd:simulator"
_CAPABILITY = "urn:ietf:params:netconf:capability:"


class Mode(StrEnum):
    """How leaves that have their default value are reported (RFC 6243 section 3)."""

    REPORT_ALL = "report-all"
    TAGGED = "report-all-tagged"
    TRIM = "trim"
    EXPLICIT = "explicit"


@dataclass(frozen=True, slots=True)
class ProtocolModule:
    """A module of the protocol itself, whose text the switch does not hold."""

    name: str
    revision: str
    namespace: str


PROTOCOL_MODULES = (
    ProtocolModule("ietf-netconf", "2011-06-01", BASE),
    ProtocolModule("ietf-netconf-monitoring", "2010-10-04", MONITORING),
    ProtocolModule("ietf-netconf-with-defaults", "2011-06-01", WITH_DEFAULTS),
    ProtocolModule("ietf-netconf-notifications", "2012-02-06", EVENTS),
    ProtocolModule("notifications", "2008-07-14", NOTIFICATION),
    ProtocolModule("nc-notifications", "2008-07-14", STREAMS),
    ProtocolModule("ietf-netconf-nmda", "2019-01-07", NMDA),
)
"""Those that are listed although the models of the simulation do not have them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is. `basic` is the basic mode that is advertised; `untrimmed`: defaults are shown whatever was asked
    (quirk 6); `own_confirmed_commit` is quirk 42; `replay` the notifications that are kept."""

    candidate: bool
    writable_running: bool
    startup: bool
    confirmed_commit: bool
    notifications: bool
    interleave: bool
    basic: Mode
    untrimmed: bool
    own_confirmed_commit: bool
    replay: int

    @property
    def stores(self) -> tuple[Store, ...]:
        """The datastores that can be read, locked and validated."""
        found = [Store.RUNNING]
        if self.candidate:
            found.append(Store.CANDIDATE)
        if self.startup:
            found.append(Store.STARTUP)
        return tuple(found)

    @property
    def writable(self) -> tuple[Store, ...]:
        """The datastores that edit-config takes."""
        found = [Store.CANDIDATE] if self.candidate else []
        return (Store.RUNNING, *found) if self.writable_running else tuple(found)


def offer_of(config: SwitchConfig, quirks: Quirks) -> Offer:
    """What a switch with these settings and quirks offers."""
    return Offer(
        candidate=config.candidate,
        writable_running=config.writable_running,
        startup=config.startup,
        confirmed_commit=config.candidate and config.confirmed_commit,
        notifications=config.notifications,
        interleave=config.notifications and config.interleave,
        basic=Mode.EXPLICIT if quirks.claims_explicit else Mode(quirks.with_defaults),
        untrimmed=quirks.claims_explicit,
        own_confirmed_commit=quirks.own_confirmed_commit,
        replay=config.replay,
    )


def capabilities(outline: Outline, offer: Offer, content_id: str) -> tuple[str, ...]:
    """Capability URIs for the hello: protocol first, then a line for every implemented module (RFC 6020 section
    5.6.4). `content_id` is that of the YANG library (RFC 8525 section 2)."""
    also = ",".join(mode for mode in Mode if mode is not offer.basic)
    names = (
        ("writable-running:1.0", offer.writable_running),
        ("candidate:1.0", offer.candidate),
        ("confirmed-commit:1.0", offer.confirmed_commit),
        ("confirmed-commit:1.1", offer.confirmed_commit),
        ("rollback-on-error:1.0", True),
        ("validate:1.1", True),
        ("startup:1.0", offer.startup),
        ("xpath:1.0", True),
        ("notification:1.0", offer.notifications),
        ("interleave:1.0", offer.interleave),
        (f"with-defaults:1.0?basic-mode={offer.basic}&also-supported={also}", True),
        (f"yang-library:1.0?revision=2016-06-21&module-set-id={content_id}", True),
        (f"yang-library:1.1?revision=2019-01-04&content-id={content_id}", True),
    )
    protocol = [f"{_CAPABILITY}{name}" for name, offered in names if offered]
    own = [
        f"{module.namespace}?module={module.name}&revision={module.revision}"
        for module in PROTOCOL_MODULES
        if module.namespace != BASE
    ]
    modules = []
    for one in outline.modules:
        if one.implemented and one.file is not None:
            said = {
                "revision": one.revision,
                "features": ",".join(one.features),
                "deviations": ",".join(one.deviated_by),
            }
            more = "".join(f"&{key}={value}" for key, value in said.items() if value)
            modules.append(f"{one.namespace}?module={quote(one.name)}{more}")
    return (BASE_1_0, BASE_1_1, *protocol, *own, *modules)


def hello(uris: tuple[str, ...], session: int) -> bytes:
    """The server's <hello>."""
    listed = "".join(f"<capability>{escape(uri)}</capability>" for uri in uris)
    body = f"<capabilities>{listed}</capabilities><session-id>{session}</session-id>"
    return f'<?xml version="1.0" encoding="UTF-8"?><hello xmlns="{BASE}">{body}</hello>'.encode()
