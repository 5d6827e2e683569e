"""The narrow raw interface that experiments stand on: try a change, look at what runs, give the change up.

Implemented by gnmi_ground and netconf_ground, used by experiments. Must not know what is tried, nor why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from fabricd.errors import DeviceError
from fabricd.model.device import Device
from fabricd.model.fetched import Fetched
from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.schema_work import Document, Work


class NoNetError(DeviceError):
    """What was to be tried cannot be taken back by the device itself, and nobody allowed to write without that."""

    code = "NO_NET"


class StuckError(DeviceError):
    """What was tried cannot be taken back now. The device does so by itself when its time is over; until then nothing
    else can be tried."""

    code = "PROBE_STUCK"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A change: deletes, replaces, then documents that are merged one after the other, all in one transaction. One
    document is one update for each top-level container (gNMI), or one edit-config (NETCONF). `replaces` and
    `updates` (gNMI) are of objects at a path. `within` is where it makes something, where that is less than the entries
    that the documents name: entries that are there already stay."""

    documents: tuple[Document, ...] = ()
    deletes: tuple[Path, ...] = ()
    replaces: tuple[tuple[Path, Document], ...] = ()
    updates: tuple[tuple[Path, Document], ...] = ()
    within: tuple[Path, ...] = ()

    @property
    def made(self) -> tuple[Path, ...]:
        """What has to be deleted to undo what it writes."""
        entries = (scratch.entry_of(path) for path, _ in (*self.replaces, *self.updates))
        return self.within or (*scratch.paths_of(self.documents), *entries)


Write = Callable[[Attempt], Awaitable[None]]
"""Makes a change last. Raises DeviceRefusedError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a ground needs besides the device. `note` writes into the journal and returns when that is durable: it is
    told of writes that last before they are sent. `commit` is the id under which changes are tried; `deadline`: seconds
    until the device takes them back by itself. `write`: where there is no such net, changes are made and put back."""

    device: Device
    note: Callable[[str], Awaitable[None]]
    work: Work
    deadline: float
    write: bool
    commit: str


class Ground(Protocol):
    """One device over one protocol. Every method raises DeviceError; a refusal that is looked for is a value."""

    before: bytes
    """The configuration as it was found, canonical."""
    settle: float
    """Seconds that a change may take to show."""
    hindrance: str
    """Why nothing can be tried at the moment, whatever is allowed; "" where it can."""

    @property
    def has_net(self) -> bool:
        """The device takes back by itself what is not confirmed."""
        ...

    @property
    def tries(self) -> bool:
        """`refusal` can be asked: a change can be tried without lasting."""
        ...

    async def fetch(self) -> Fetched:
        """The running configuration in the device's own bytes."""
        ...

    async def config(self) -> bytes:
        """The same, canonical, of what the models have."""
        ...

    async def state(self, roots: tuple[Path, ...]) -> Fetched:
        """Configuration and state below `roots`."""
        ...

    async def recover(self) -> None:
        """Go on after a session broke: over a new one, with what was tried taken back. Raises StuckError."""
        ...

    async def tidy(self) -> None:
        """Put back what the device may have kept of what it refused. Raises StuckError."""
        ...

    async def refusal(self, attempt: Attempt) -> str:
        """How the device refuses this change, twice: its error-tag or status, "" when it would take it. Nothing lasts.
        Raises NoNetError where that cannot be had."""
        ...

    def in_force(self, *attempts: Attempt) -> AbstractAsyncContextManager[None]:
        """The change runs while the block does; several are requests of their own, one after the other. Raises
        DeviceRefusedError, NoNetError; takes all back on every way out, over a new session if it must."""
        ...

    def lasting(self) -> AbstractAsyncContextManager[Write]:
        """Writes that last, and are put back when the block ends. Raises NoNetError unless writing is allowed."""
        ...
