"""The names of ncclient's device handlers.

Read by profiles, to refuse a name that does not exist. Must not know what a handler does.
"""

from __future__ import annotations

from ncclient.devices import supported_devices_cfg

HANDLERS: frozenset[str] = frozenset(supported_devices_cfg)
