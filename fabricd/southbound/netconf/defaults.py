"""Which defaults a device is asked to show (RFC 6243).

Called by the adapter. Must not know what any leaf's default is.
"""

from __future__ import annotations

from fabricd.southbound.netconf.operations import Hello

_WANTED = "explicit"


def defaults_mode(hello: Hello) -> str | None:
    """What to ask for with every get-config: `explicit` where the device can, else nothing, so that its basic mode
    counts.

    `explicit` shows what was set, and so what we set, whatever the device thinks of it. With `trim` a leaf that we set
    would be missing where the device's default is that value and the models' is another; with `report-all` leaves
    would be there that nobody set. A device that advertises one mode and follows another loses nothing by being asked.
    """
    said = hello.parameters(":with-defaults")
    modes = {said.get("basic-mode", "").strip(), *(mode.strip() for mode in said.get("also-supported", "").split(","))}
    # Without a basic mode the capability says nothing that can be relied upon (RFC 6243 section 4.3).
    return _WANTED if said.get("basic-mode") and _WANTED in modes else None
