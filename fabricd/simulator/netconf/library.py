"""The YANG library of a simulated switch: modules and datastores (RFC 8525), and the older list of modules (RFC 7895).

Called by the reading operations and by the hello. Reads the outline, changes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from xml.sax.saxutils import escape

import xxhash

from fabricd.schema.outline import ModuleFacts, Outline
from fabricd.simulator.netconf.offer import DATASTORES, LIBRARY, PROTOCOL_MODULES, Offer

_SCHEMA = "all"


def content_id(outline: Outline, offer: Offer) -> str:
    """Another one whenever the library differs."""
    return xxhash.xxh3_64_hexdigest(_body(outline, offer).encode())


@lru_cache(maxsize=16)
def library_state(outline: Outline, offer: Offer) -> str:
    """/yang-library and /modules-state as XML."""
    identifier = content_id(outline, offer)
    old = "".join(
        f"<module>{_named(one)}{_features(one, offer)}"
        + "".join(f"<deviation><name>{name}</name><revision/></deviation>" for name in one.deviated_by)
        + f"<conformance-type>{'implement' if one.implemented else 'import'}</conformance-type></module>"
        for one in _modules(outline)
    )
    return (
        f'<yang-library xmlns="{LIBRARY}">{_body(outline, offer)}<content-id>{identifier}</content-id></yang-library>'
        f'<modules-state xmlns="{LIBRARY}"><module-set-id>{identifier}</module-set-id>{old}</modules-state>'
    )


def _modules(outline: Outline) -> list[ModuleFacts]:
    known = {module.name for module in outline.modules}
    own = (ModuleFacts(one.name, one.namespace, one.revision, "", "", True, None) for one in PROTOCOL_MODULES)
    return [*outline.modules, *(one for one in own if one.name not in known)]


def _named(one: ModuleFacts, *, dated: bool = True) -> str:
    """The older list has an empty revision for none, the newer one leaves it out."""
    revision = f"<revision>{one.revision}</revision>" if one.revision or dated else ""
    return f"<name>{one.name}</name>{revision}<namespace>{escape(one.namespace)}</namespace>"


def _features(one: ModuleFacts, offer: Offer) -> str:
    if one.name == "ietf-netconf-nmda":
        return "<feature>origin</feature><feature>with-defaults</feature>"
    if one.name != "ietf-netconf":
        return "".join(f"<feature>{feature}</feature>" for feature in one.features)
    features = (
        ("writable-running", offer.writable_running),
        ("candidate", offer.candidate),
        ("confirmed-commit", offer.confirmed_commit),
        ("rollback-on-error", True),
        ("validate", True),
        ("startup", offer.startup),
        ("xpath", True),
    )
    return "".join(f"<feature>{feature}</feature>" for feature, offered in features if offered)


@lru_cache(maxsize=16)
def _body(outline: Outline, offer: Offer) -> str:
    implemented, imported = [], []
    for one in _modules(outline):
        named = _named(one, dated=False)
        if one.implemented:
            deviations = "".join(f"<deviation>{name}</deviation>" for name in one.deviated_by)
            implemented.append(f"<module>{named}{_features(one, offer)}{deviations}</module>")
        elif one.revision:
            imported.append(f"<import-only-module>{named}</import-only-module>")
    stores = "".join(
        f'<datastore><name xmlns:ds="{DATASTORES}">ds:{store}</name><schema>{_SCHEMA}</schema></datastore>'
        for store in (*offer.stores, "intended", "operational")
    )
    return (
        f"<module-set><name>{_SCHEMA}</name>{''.join(implemented)}{''.join(imported)}</module-set>"
        f"<schema><name>{_SCHEMA}</name><module-set>{_SCHEMA}</module-set></schema>{stores}"
    )
