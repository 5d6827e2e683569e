"""What users submit: documents, the intents in them, and the one tree per device that they add up to.

Used by reconcile/submission. Pure: does no I/O, knows no adapter and no store.
"""

from fabricd.intent.compile import (
    compile_device,
    current_scope,
    read_draft,
    scope_of,
    touched_devices,
    unknown_devices,
)
from fabricd.intent.documents import Document, DocumentFormat, Draft, parse_documents

__all__ = [
    "Document",
    "DocumentFormat",
    "Draft",
    "compile_device",
    "current_scope",
    "parse_documents",
    "read_draft",
    "scope_of",
    "touched_devices",
    "unknown_devices",
]
