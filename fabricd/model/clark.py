"""Names of XML elements and attributes as lxml gives them, `{namespace}name` (Clark notation).

Used wherever a peer's XML is read. lxml's own QName refuses namespaces that are no URIs, and peers send what they like.
"""

from __future__ import annotations


def split(tag: object) -> tuple[str, str]:
    """(namespace, local name); the namespace is empty when there is none. Never raises."""
    text = str(tag)
    if not text.startswith("{"):
        return "", text
    namespace, _, name = text[1:].rpartition("}")
    return namespace, name


def local(tag: object) -> str:
    """The local name."""
    return split(tag)[1]
