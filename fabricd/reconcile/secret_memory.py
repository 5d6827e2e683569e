"""What the store remembers of a device's secrets, for plans to be made with.

Used by inspection, attempt and live_plans. Devices whose profile names no secrets cost nothing.
"""

from __future__ import annotations

from fabricd.model.device import Device
from fabricd.model.secret import WrittenSecrets
from fabricd.plan import NOTHING, Memory
from fabricd.store import Store


async def memory_of(store: Store, device: Device, written: WrittenSecrets | None = None) -> Memory:
    """`written` is what was just sent and is not stored yet, None to go by the store."""
    if not _has_secrets(device):
        return NOTHING
    return Memory(device.name, store.secret_key, await store.secrets(device.name) if written is None else written)


async def remember(store: Store, device: Device, found: WrittenSecrets) -> None:
    """Keep what is now known of the device's secrets, if it is anything new."""
    if _has_secrets(device) and await store.secrets(device.name) != found:
        await store.keep_secrets(device.name, found)


def _has_secrets(device: Device) -> bool:
    return bool(device.profile.likeness.secrets or device.profile.likeness.secrets_anew)
