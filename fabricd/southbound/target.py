"""The one interface through which a device is read and written.

Implemented by southbound/gnmi and southbound/netconf, used by reconcile. Must not know any wire library.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from fabricd.model.edit import Dialect, Payload
from fabricd.model.fetched import Capabilities, Change, Fetched
from fabricd.model.path import Path

ALWAYS_THERE = (Path.parse("/openconfig-system:system"), Path.parse("/openconfig-interfaces:interfaces"))
"""Every switch has state here, whatever is configured: one that seems to have no configuration at all shows by it that
it understands what it is asked for, and is up."""

AboutTo = Callable[[], Awaitable[None]]
"""Asked right before something happens; what it raises keeps it from happening."""


async def unasked() -> None:
    """Nobody wants to know."""


@runtime_checkable
class Target(Protocol):
    """One device over one protocol. Not safe for concurrent writes: the caller holds the device while it stages.

    Every method has its own deadline (Profile.timeouts) and raises only DeviceError and its children:
    DeviceUnreachableError (nothing was sent), DeviceTimeoutError (the effect is unknown), DeviceTrustError,
    DeviceRefusedError (with the device's error tag and path), DeviceProtocolError. Cancellation is always safe:
    a session with a request under way is closed, locks die with it.
    """

    @property
    def name(self) -> str:
        """The device's name in the inventory."""
        ...

    @property
    def dialect(self) -> Dialect:
        """Which payload `stage` takes."""
        ...

    @property
    def closed(self) -> bool:
        """True once the session is known to be gone; every other method then raises DeviceUnreachableError."""
        ...

    async def capabilities(self) -> Capabilities:
        """What the device says it can do (gNMI section 3.2; RFC 6241 section 8.1)."""
        ...

    async def fetch(self, roots: Sequence[Path]) -> Fetched:
        """Running configuration below `roots` (gNMI Get of type CONFIG; get-config). An absent root is empty,
        not an error. The bytes are not parsed."""
        ...

    async def state(self, paths: Sequence[Path]) -> Fetched:
        """Configuration and state below `paths` (gNMI Get of type ALL; NETCONF get)."""
        ...

    @property
    def reverts(self) -> bool:
        """True when the device takes a change back by itself that is not confirmed: NETCONF confirmed commit with
        persist (RFC 6241 section 8.4), gNMI Commit extension. May have to be found out first (`prepare`)."""
        ...

    async def prepare(self) -> None:
        """Find out what `reverts` depends on, changing nothing. Asked once a session at most."""
        ...

    async def stage(self, payload: Payload, commit: str = "", about_to: AboutTo = unasked) -> None:
        """Hand the change to the device so far that nothing lasts unless `confirm` follows.

        Without `commit`: NETCONF with :candidate does lock, discard-changes, edit-config, validate; where a device has
        no such thing (gNMI, writable-running) the change waits here and nothing is sent yet.

        With `commit`, only where `reverts`: an id that the caller has stored. `about_to` is asked right before the
        change is put in force, which may be minutes later; when it raises, nothing was, and `cancel` gives the rest up.
        When this returns the change is in force, and the device takes it back by itself after Profile.confirm_within
        seconds unless `confirm` follows. A DeviceTimeoutError then means: unknown, and `resolve` with the id, on a new
        session, makes it known; unless nothing was asked yet, or the error is `without_effect`.
        """
        ...

    async def confirm(self) -> None:
        """Make the staged change last (commit and unlock; the confirming commit; or the Set itself). A
        DeviceTimeoutError means: unknown."""
        ...

    async def cancel(self) -> None:
        """Give the staged change up, take back what is in force unconfirmed, release every lock. Never raises for a
        session that is gone."""
        ...

    async def resolve(self, commit: str, *, late: bool = False) -> bool:
        """Have the device take back what an earlier session put in force under this id. False when it knows nothing of
        it (any more): it was confirmed, taken back or never made, and has to be read to know which.

        `late`: the time of that change may be over. What is pending on the device then may be somebody else's, and
        nothing is sent that could hit it. Raises DeviceRefusedError where the device cannot be asked by id, or has no
        such commits (any more) by its profile or its hello: it takes the change back by itself."""
        ...

    async def save(self) -> None:
        """Have what runs outlast a restart of the device, where that is a step of its own (NETCONF :startup, RFC 6241
        section 8.7); nothing elsewhere. `confirm` does so itself: this is for when it could not."""
        ...

    def changes(self, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """Notifications of changed configuration below `roots`, until the session ends (then DeviceError). Close the
        generator (contextlib.aclosing) to end the subscription.

        The first item comes once the subscription stands (gNMI sync_response), with no paths: whatever happened
        before it must be read. A device that cannot notify raises DeviceRefusedError at once.

        Dedicates the session: without :interleave a NETCONF session with a subscription takes no other request
        (RFC 5277 section 6), so this is called on a target of its own (Sessions.watch).
        """
        ...

    async def close(self) -> None:
        """Close the session. Never raises."""
        ...
