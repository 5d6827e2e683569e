"""How large a message to a device may be, by its profile.

Used by both adapters before they send. Must not know any wire library.
"""

from __future__ import annotations

from fabricd.errors import DeviceTooLargeError
from fabricd.model.device import Device


def must_fit(device: Device, what: str, size: int, *, tag: str) -> None:
    """Raise DeviceTooLargeError, which nothing but another change or profile mends, for a request of more bytes than
    Profile.max_message_bytes. `tag` is what the device itself would say."""
    profile = device.profile
    if size > profile.max_message_bytes:
        error = DeviceTooLargeError(
            f"{what} has {size} bytes, more than the {profile.max_message_bytes} that {device.name} takes "
            f"(max_message_bytes of the profile {profile.name!r}); nothing was sent",
            device=device.name,
            tag=tag,
            transient=False,
        )
        error.without_effect = True
        raise error
