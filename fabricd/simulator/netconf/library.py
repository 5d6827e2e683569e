"""The YANG library of a simulated switch: modules and datastores (RFC 8525), and the older list of modules (RFC 7895).

Called by the reading operations and by the hello. Reads the outline, changes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from xml.sax.saxutils import escape

import xxhash

from fabricd.schema.outline import Outline
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
        f"<module><name>{name}</name><revision>{revision}</revision><namespace>{escape(namespace)}</namespace>"
        f"{_features(name, offer)}<conformance-type>{'implement' if implemented else 'import'}</conformance-type>"
        "</module>"
        for name, revision, namespace, implemented in _modules(outline)
    )
    return (
        f'<yang-library xmlns="{LIBRARY}">{_body(outline, offer)}<content-id>{identifier}</content-id></yang-library>'
        f'<modules-state xmlns="{LIBRARY}"><module-set-id>{identifier}</module-set-id>{old}</modules-state>'
    )


def _modules(outline: Outline) -> list[tuple[str, str, str, bool]]:
    known = {module.name for module in outline.modules}
    found = [(one.name, one.revision, one.namespace, one.implemented) for one in outline.modules]
    return found + [(one.name, one.revision, one.namespace, True) for one in PROTOCOL_MODULES if one.name not in known]


def _features(name: str, offer: Offer) -> str:
    if name == "ietf-netconf-nmda":
        return "<feature>origin</feature><feature>with-defaults</feature>"
    if name != "ietf-netconf":
        return ""
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
    for name, revision, namespace, whole in _modules(outline):
        dated = f"<revision>{revision}</revision>" if revision else ""
        named = f"<name>{name}</name>{dated}<namespace>{escape(namespace)}</namespace>"
        if whole:
            implemented.append(f"<module>{named}{_features(name, offer)}</module>")
        elif revision:
            imported.append(f"<import-only-module>{named}</import-only-module>")
    stores = "".join(
        f'<datastore><name xmlns:ds="{DATASTORES}">ds:{store}</name><schema>{_SCHEMA}</schema></datastore>'
        for store in (*offer.stores, "intended", "operational")
    )
    return (
        f"<module-set><name>{_SCHEMA}</name>{''.join(implemented)}{''.join(imported)}</module-set>"
        f"<schema><name>{_SCHEMA}</name><module-set>{_SCHEMA}</module-set></schema>{stores}"
    )
