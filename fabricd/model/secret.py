"""Secrets that fabricd has written to devices, as it remembers them: by digest, never the secret.

Made by plan, kept by store. Pure values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HIDDEN = "(secret)"
"""What stands in the place of a secret."""


@dataclass(frozen=True, slots=True)
class WrittenSecret:
    """What was written to one leaf, and what the device showed there afterwards, both as keyed digests in hex.

    `shown` is empty until the device was read, and where every read shows something else.
    """

    digest: str
    shown: str = ""


WrittenSecrets = Mapping[str, WrittenSecret]
"""What is remembered of one device, by the text of the leaf's path."""
