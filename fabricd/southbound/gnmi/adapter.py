"""The gNMI adapter: one device over one gRPC channel, every RPC with a deadline of its own.

Implements Target; made by `connect`, used by reconcile through Sessions. Must not know schemas or revisions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime

import grpc.aio
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import DeviceError, DeviceRefusedError, DeviceTimeoutError, DeviceUnreachableError
from fabricd.model.device import Device
from fabricd.model.edit import Dialect, GnmiSet, Payload
from fabricd.model.fetched import Capabilities, Change, Fetched
from fabricd.model.path import Path
from fabricd.southbound.gnmi import messages
from fabricd.southbound.gnmi.calls import Calls
from fabricd.southbound.gnmi.channel import Metadata, metadata, open_channel, wait_ready
from fabricd.southbound.gnmi.commits import Commits
from fabricd.southbound.gnmi.reading import Reading
from fabricd.southbound.gnmi.requests import Requests
from fabricd.southbound.secrets import credentials
from fabricd.southbound.target import AboutTo, unasked

_LOG = logging.getLogger(__name__)


Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def connect(device: Device, *, clock: Clock = _utc_now) -> GnmiTarget:
    """A session that has proved itself by answering Capabilities, within Profile.timeouts.connect.

    Raises DeviceUnreachableError, DeviceTrustError (certificate or credentials), DeviceRefusedError or
    DeviceProtocolError; nothing stays open then.
    """
    timeout = device.profile.timeouts.connect
    login = await credentials(device)
    channel = await open_channel(device)
    try:
        target = GnmiTarget(device, channel, metadata(device, login), clock)
        async with asyncio.timeout(timeout):
            await wait_ready(channel, device, timeout)
            await target.capabilities()
    except (TimeoutError, DeviceTimeoutError) as error:
        # Nothing was asked that could change the device, so its effect is known: none.
        await channel.close(None)
        raise DeviceUnreachableError(f"no gNMI session within {timeout:g} s", device=device.name) from error
    except BaseException:
        await channel.close(None)
        raise
    return target


class GnmiTarget:
    """Target over gNMI. Owns what is staged: kept here until `confirm`, or pending on the device as a commit."""

    def __init__(self, device: Device, channel: grpc.aio.Channel, login: Metadata, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._calls = Calls(device, channel, login)
        self._requests = Requests(device.profile.gnmi, device.name)
        self._reading = Reading(self._calls, self._requests)
        self._commits = Commits(self._calls, self._requests)
        self._staged: GnmiSet | None = None
        self._capabilities: Capabilities | None = None

    @property
    def name(self) -> str:
        return self._device.name

    @property
    def dialect(self) -> Dialect:
        return Dialect.GNMI

    @property
    def closed(self) -> bool:
        return self._calls.closed

    async def capabilities(self) -> Capabilities:
        """gNMI section 3.2. Asked once a session."""
        if self._capabilities is None:
            reply = await self._calls.ask("Capabilities", gnmi_pb2.CapabilityRequest())
            encodings = [f"encoding:{_encoding(number)}" for number in reply.supported_encodings]
            self._capabilities = Capabilities(
                models=tuple((model.name, model.version) for model in reply.supported_models),
                features=(f"gNMI:{reply.gNMI_version}", *encodings),
                notifies=True,  # Subscribe is not optional in gNMI
            )
        return self._capabilities

    async def fetch(self, roots: Sequence[Path]) -> Fetched:
        """As Profile.gnmi.read has it; see Target.fetch and Reading.config."""
        return await self._reading.config(roots)

    async def state(self, paths: Sequence[Path]) -> Fetched:
        """The same for configuration and state; see Target.state."""
        return await self._reading.all(paths)

    @property
    def reverts(self) -> bool:
        """By the Commit extension; see Target.reverts."""
        return self._commits.there

    async def prepare(self) -> None:
        """See Target.prepare and Commits.find_out."""
        await self._commits.find_out()

    async def stage(self, payload: Payload, commit: str = "", about_to: AboutTo = unasked) -> None:
        """Without `commit` keep the Set until `confirm`: nothing that is sent could be taken back."""
        if not isinstance(payload, GnmiSet):
            raise TypeError(f"a gNMI target takes a GnmiSet, not {type(payload).__name__}")
        if self._staged is not None or self._commits.pending:
            raise RuntimeError(f"{self.name}: a change is already staged")
        if not commit:
            self._staged = payload
        elif self.reverts:
            await about_to()
            await self._commits.commit(payload, commit)
        else:
            raise RuntimeError(f"{self.name}: the device takes nothing back by itself")

    async def confirm(self) -> None:
        """One Set with all of it (gNMI section 3.4: deletes, replaces, updates, all or nothing), or the confirmation of
        the pending commit."""
        if self._commits.pending:
            await self._commits.confirm()
            return
        payload, self._staged = self._staged, None
        if payload is None:
            raise RuntimeError(f"{self.name}: nothing is staged")
        if payload.deletes or payload.replaces or payload.updates:
            await self._calls.ask("Set", self._requests.set(payload), changes=True)

    async def cancel(self) -> None:
        """Forget what is staged; have the device take back what is pending. Where that fails the device does it by
        itself when the time is over."""
        self._staged = None
        if self._commits.pending:
            try:
                await self._commits.cancel()
            except DeviceError as error:
                _LOG.warning("%s: a change could not be taken back now, and ends by itself: %s", self.name, error)

    async def resolve(self, commit: str, *, late: bool = False) -> bool:
        """By cancelling it, which hits no other commit; see Target.resolve."""
        if self._device.profile.gnmi.commit == "no":
            raise DeviceRefusedError(
                "by its profile the device has no commits that could be cancelled",
                device=self.name,
                tag="UNIMPLEMENTED",
            )
        return await self._commits.take_back(commit)

    async def save(self) -> None:
        """Nothing: what a Set has changed lasts (gNMI section 3.4). See Target.save."""

    async def changes(self, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """Subscribe STREAM ON_CHANGE (gNMI section 3.5.1.5.2); see Target.changes."""
        async with self._calls.subscription(self._requests.stream(roots)) as stream:
            synced = False
            while (response := await stream.next(by=None if synced else stream.deadline)) is not None:
                if synced and response.HasField("update"):
                    notification = response.update
                    paths = messages.changed_paths(notification, roots)
                    yield Change(self.name, self._time(notification.timestamp), paths)
                elif not synced and response.sync_response:
                    synced = True  # what was there already is read by fetch
                    yield Change(self.name, self._clock())
            raise DeviceUnreachableError("the device ended the subscription", device=self.name)

    def _time(self, nanoseconds: int) -> datetime:
        """The device's own time; a device that sends none gets ours."""
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds > 0 else self._clock()

    async def close(self) -> None:
        """See Target.close."""
        self._staged = None
        await self._calls.close()


def _encoding(number: int) -> str:
    known = gnmi_pb2.Encoding.DESCRIPTOR.values_by_number
    return str(known[number].name) if number in known else str(number)
