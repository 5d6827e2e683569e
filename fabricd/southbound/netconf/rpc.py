"""One request and its reply, judged: what every part of the NETCONF adapter speaks to the device with.

Made by `connect`, used by everything above the session. Must not know what is asked for, nor why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.model.device import Device
from fabricd.southbound.netconf import operations, reply
from fabricd.southbound.netconf.session import NetconfSession

_T = TypeVar("_T")


class Rpc:
    """Requests over one session, each with its deadline of Profile.timeouts. Both methods raise what
    NetconfSession.call and reply.judge raise, and DeviceRefusedError (operation-not-supported) where the device does
    not advertise the capability that the operation needs."""

    def __init__(self, device: Device, session: NetconfSession) -> None:
        self.device = device
        self.session = session

    @property
    def hello(self) -> operations.Hello:
        """What the device advertises."""
        return self.session.hello

    async def ok(self, operation: operations.Operation, what: str, /, *arguments: object, **options: object) -> None:
        """A request that is answered by <ok/> or errors, within timeouts.write."""
        raw = await self._call(operation, what, self.device.profile.timeouts.write, arguments, options)
        try:
            reply.check(raw, self.device, what, self.session.repaired)
        except DeviceProtocolError:
            self.session.abort()
            raise

    async def data(
        self,
        operation: operations.Operation,
        what: str,
        read: Callable[[bytes], _T],
        /,
        *arguments: object,
        **options: object,
    ) -> _T:
        """A request that is answered by <data>, within timeouts.read: what `read` makes of that element's bytes, which
        runs in a thread where they are many, since lxml and hashing let other threads run."""
        raw = await self._call(operation, what, self.device.profile.timeouts.read, arguments, options)

        def cut() -> _T:
            return read(reply.data_element(raw, self.device, what, self.session.repaired))

        return cut() if len(raw) < reply.LARGE else await asyncio.to_thread(cut)

    async def _call(
        self,
        operation: operations.Operation,
        what: str,
        timeout: float,
        arguments: tuple[object, ...],
        options: dict[str, object],
    ) -> bytes:
        try:
            return await self.session.call(operation, what, timeout, *arguments, **options)
        except operations.OperationError as error:
            # A capability that ncclient's operation needs is not advertised.
            raise DeviceRefusedError(
                f"the device does not offer {what}", device=self.device.name, tag="operation-not-supported"
            ) from error
