"""The client of fabricd.v1: what the command line and scripts in Python speak to the daemon with.

Called by the CLI and by users. Knows the API and its errors; nothing of the daemon's insides.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, stop_never, wait_random_exponential

from fabricd.errors import FabricdError, InputError, StoreError
from fabricd.northbound.failures import BusyError, UnavailableError, from_status
from fabricd.northbound.metadata import AUTHOR_KEY, DETAIL_LIMIT_KEY, DETAILS_KEY
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.northbound.v1.fabricd_pb2_grpc import FabricdStub

T = TypeVar("T")

DEFAULT_ADDRESS = "unix:/run/fabricd/fabricd.sock"
READ_TIMEOUT = 60.0
CHANGE_TIMEOUT = 600.0  # seconds; a submission is compiled and validated for every device, a plan reads them all
_DETAIL_BYTES = 256 << 10
_RESUME_PAUSE = 0.1
_RESUMABLE = (UnavailableError, StoreError)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: who signs the daemon's certificate, and this client's certificate and key. `server_name` overrides
    the name looked for in the daemon's certificate."""

    ca: Path
    certificate: Path
    key: Path
    server_name: str = ""


class Client:
    """A connection to one daemon; an async context manager. Methods answer with messages of fabricd.v1.

    Every method raises the FabricdError that the daemon raised, problems and all; UnavailableError when it cannot be
    reached (then nothing is known of a change that was already sent: repeat it with the same request id).
    """

    def __init__(self, channel: grpc.aio.Channel, address: str, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._address = address
        self._metadata = metadata
        self._stub: Any = FabricdStub(channel)  # type: ignore[no-untyped-call]

    @classmethod
    def connect(cls, address: str = "", *, tls: Tls | None = None, insecure: bool = False, author: str = "") -> Self:
        """A client of the daemon at `address`: `unix:/path`, or `host:port`, which needs `tls` unless `insecure`.

        Empty: the environment's FABRICD_ADDRESS, or the system's socket. `author` is the name given on the socket,
        where no certificate proves one; empty: the operating system's user. Connects on first use. Raises InputError
        for an address or files that cannot be used.
        """
        address = address or os.environ.get("FABRICD_ADDRESS", "") or DEFAULT_ADDRESS
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", 4 * _DETAIL_BYTES),
            ("grpc.absolute_max_metadata_size", 4 * _DETAIL_BYTES),
            # `min_reconnect_backoff_ms` is not for here: it is how long a connection and its TLS handshake may take.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.enable_http_proxy", 0),
        ]
        metadata = ((DETAIL_LIMIT_KEY, str(_DETAIL_BYTES)), (AUTHOR_KEY, _ascii(author or _user())))
        if address.startswith("unix:"):
            options.append(("grpc.default_authority", "localhost"))
            return cls(grpc.aio.insecure_channel(address, options=options), address, metadata)
        if not address.rpartition(":")[2].isdigit() or not address.rpartition(":")[0]:
            raise InputError(f"address {address!r} is neither unix:/path nor host:port")
        if insecure:
            return cls(grpc.aio.insecure_channel(address, options=options), address, metadata)
        if tls is None:
            raise InputError(f"{address} needs TLS: a CA, a certificate and a key (or insecure, by name)")
        if tls.server_name:
            options.append(("grpc.ssl_target_name_override", tls.server_name))
        credentials = grpc.ssl_channel_credentials(_read(tls.ca), _read(tls.key), _read(tls.certificate))
        return cls(grpc.aio.secure_channel(address, credentials, options=options), address, metadata)

    @property
    def address(self) -> str:
        return self._address

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def submit(
        self,
        documents: Sequence[pb.Document],
        *,
        withdraw: Sequence[str] = (),
        comment: str = "",
        dry_run: bool = False,
        base_revision: int | None = None,
        request_id: str = "",
    ) -> pb.SubmitResponse:
        """All documents and withdrawals as one revision, or none. ConflictError when `base_revision` is not current."""
        request = pb.SubmitRequest(
            documents=documents, withdraw=withdraw, comment=comment, dry_run=dry_run, request_id=request_id
        )
        if base_revision is not None:
            request.base_revision = base_revision
        return await self._call(self._stub.Submit, request, CHANGE_TIMEOUT)

    async def rollback(
        self,
        to_revision: int,
        *,
        comment: str = "",
        dry_run: bool = False,
        base_revision: int | None = None,
        request_id: str = "",
    ) -> pb.SubmitResponse:
        request = pb.RollbackRequest(to_revision=to_revision, comment=comment, dry_run=dry_run, request_id=request_id)
        if base_revision is not None:
            request.base_revision = base_revision
        return await self._call(self._stub.Rollback, request, CHANGE_TIMEOUT)

    async def revisions(self, *, limit: int = 0, before: int = 0) -> list[pb.Revision]:
        """Newest first; `limit` 0 lets the daemon choose, `before` 0 starts at the newest."""
        request = pb.ListRevisionsRequest(limit=limit, before=before)
        answer: pb.ListRevisionsResponse = await self._call(self._stub.ListRevisions, request, READ_TIMEOUT)
        return list(answer.revisions)

    async def revision(self, number: int = 0) -> pb.GetRevisionResponse:
        """One revision with its intents; 0: the current one."""
        return await self._call(self._stub.GetRevision, pb.GetRevisionRequest(revision=number), READ_TIMEOUT)

    async def diff(self, from_revision: int = 0, to_revision: int = 0, devices: Sequence[str] = ()) -> pb.DiffResponse:
        request = pb.DiffRequest(from_revision=from_revision, to_revision=to_revision, devices=devices)
        return await self._call(self._stub.Diff, request, CHANGE_TIMEOUT)

    async def status(self, devices: Sequence[str] = (), *, timeout: float = READ_TIMEOUT) -> pb.StatusResponse:
        return await self._call(self._stub.Status, pb.StatusRequest(devices=devices), timeout)

    async def plan(self, devices: Sequence[str] = ()) -> pb.PlanResponse:
        """Reads the devices now; one that cannot be read has `error` set in its plan."""
        return await self._call(self._stub.Plan, pb.PlanRequest(devices=devices), CHANGE_TIMEOUT)

    async def reconcile(self, devices: Sequence[str] = (), *, approve: bool = False) -> list[str]:
        """The names that were queued."""
        request = pb.ReconcileRequest(devices=devices, approve=approve)
        answer: pb.ReconcileResponse = await self._call(self._stub.Reconcile, request, READ_TIMEOUT)
        return list(answer.queued)

    async def set_mode(self, devices: Sequence[str], mode: str, *, reason: str = "") -> None:
        """`mode`: enforce, observe, pause; empty: back to the inventory's."""
        request = pb.SetModeRequest(devices=devices, mode=mode, reason=reason)
        await self._call(self._stub.SetMode, request, READ_TIMEOUT)

    async def desired(self, device: str, revision: int = 0) -> pb.GetDesiredResponse:
        request = pb.GetDesiredRequest(device=device, revision=revision)
        return await self._call(self._stub.GetDesired, request, READ_TIMEOUT)

    async def explain(self, device: str, path: str, revision: int = 0) -> pb.ExplainResponse:
        """Why the device has a value at a data path: which intents say what there, and who wins."""
        request = pb.ExplainRequest(device=device, path=path, revision=revision)
        return await self._call(self._stub.Explain, request, READ_TIMEOUT)

    async def models(self) -> list[pb.ModelSet]:
        """The model sets there are."""
        answer: pb.ListModelsResponse = await self._call(self._stub.ListModels, pb.ListModelsRequest(), READ_TIMEOUT)
        return list(answer.sets)

    async def install_models(
        self,
        name: str,
        files: Iterable[tuple[str, bytes]],
        *,
        modules: Sequence[str] = (),
        features: Sequence[str] = (),
        origin: str = "",
    ) -> AsyncGenerator[pb.ModelsProgress, None]:
        """`files` are (where it was found, YANG text); `features` as in ModelsHeader. Yields progress; the last message
        has `installed`."""
        header = pb.ModelsHeader(name=name, modules=modules, features=features, origin=origin)
        call = self._stub.InstallModels(metadata=self._metadata)
        try:
            # The daemon speaks first: a write to a call that it refused would hide why.
            if await _heard(call) is not None:
                await call.write(pb.InstallModelsRequest(header=header))
                for source, text in files:
                    await call.write(pb.InstallModelsRequest(file=pb.ModelsFile(source=source, text=text)))
                await call.done_writing()
            while (progress := await _heard(call)) is not None:
                yield progress
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error
        finally:
            call.cancel()

    def fetch_models(
        self, device: str, name: str, *, modules: Sequence[str] = ()
    ) -> AsyncGenerator[pb.ModelsProgress, None]:
        """The models that the device hands out, as a model set. Yields progress; the last message has `installed`."""
        return self._streamed(self._stub.FetchModels, pb.FetchModelsRequest(device=device, name=name, modules=modules))

    def probe(self, request: pb.ProbeRequest) -> AsyncGenerator[pb.ProbeProgress, None]:
        """Find out what a device really does. Yields progress; the last message has `result`. Closing the generator
        ends the probe, which takes back what it tried."""
        return self._streamed(self._stub.Probe, request)

    async def remove_models(self, name: str) -> None:
        """ConflictError while a device uses the set."""
        await self._call(self._stub.RemoveModels, pb.RemoveModelsRequest(name=name), CHANGE_TIMEOUT)

    async def check_models(
        self, device: str, documents: Sequence[pb.Document] = (), *, models: str = ""
    ) -> pb.CheckModelsResponse:
        """Which leaves the device cannot take, of its tree now, or of the one that `documents` would give it."""
        request = pb.CheckModelsRequest(device=device, documents=documents, models=models)
        return await self._call(self._stub.CheckModels, request, CHANGE_TIMEOUT)

    async def operational(self, devices: Sequence[str] = ()) -> pb.OperationalResponse:
        """Interfaces, LLDP neighbours and BGP sessions, read now."""
        return await self._call(self._stub.Operational, pb.OperationalRequest(devices=devices), CHANGE_TIMEOUT)

    async def cabling(self, devices: Sequence[str] = ()) -> pb.CablingResponse:
        """The cables of the fabrics, held against what the devices see now."""
        return await self._call(self._stub.Cabling, pb.CablingRequest(devices=devices), CHANGE_TIMEOUT)

    async def applied(self, devices: Sequence[str] = ()) -> pb.AppliedResponse:
        """What devices accepted and do not have in force, read now."""
        return await self._call(self._stub.Applied, pb.AppliedRequest(devices=devices), CHANGE_TIMEOUT)

    async def watch(
        self,
        *,
        after: int = 0,
        last: int = 0,
        devices: Sequence[str] = (),
        follow: bool = False,
        patience: float | None = None,
    ) -> AsyncGenerator[pb.JournalRecord, None]:
        """The journal: each record once and in order, without a gap, also while the daemon restarts.

        `after` is a sequence number, 0 the first record kept; `last` n starts with the last n instead. Ends with the
        last record unless `follow`. Once connected it resumes by itself; `patience` seconds without the daemon are
        borne (None: forever when following, else 30). CursorError where records were pruned before they were read.
        """
        patience = patience if patience is not None or follow else 30.0
        request = pb.WatchRequest(after=after, last=last, devices=devices, follow=follow)
        call = await self._watching(request)
        while True:
            try:
                async for record in call:
                    yield record
                    # From here on a cursor says more than "the last n".
                    request.after, request.last = record.sequence, 0
                if not follow:
                    return
            except grpc.aio.AioRpcError as error:
                failure = self._failure(error)
                if not isinstance(failure, _RESUMABLE):
                    raise failure from error
            finally:
                call.cancel()
            await asyncio.sleep(_RESUME_PAUSE)
            call = await self._resumed(request, patience)

    async def _watching(self, request: pb.WatchRequest) -> Any:
        """A stream that the daemon has accepted."""
        call = self._stub.Watch(request, metadata=self._metadata)
        try:
            await call.wait_for_connection()
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error
        except BaseException:
            call.cancel()
            raise
        return call

    async def _resumed(self, request: pb.WatchRequest, patience: float | None) -> Any:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((*_RESUMABLE, BusyError)),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            stop=stop_never if patience is None else stop_after_delay(patience),
            reraise=True,
        )
        return await retrying(self._watching, request)

    async def _call(self, method: Callable[..., Awaitable[T]], request: Any, timeout: float) -> T:
        try:
            return await method(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error

    async def _streamed(self, method: Callable[..., Any], request: Any) -> AsyncGenerator[Any, None]:
        """The messages of a call that begins with the first and ends with the generator."""
        call = method(request, metadata=self._metadata)
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error
        finally:
            call.cancel()

    def _failure(self, error: grpc.aio.AioRpcError) -> FabricdError:
        details = next((value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY), None)
        message = error.details() or ""
        if details is None and error.code() == grpc.StatusCode.UNAVAILABLE:
            return UnavailableError(f"fabricd does not answer at {self._address}: {_closed(self._address) or message}")
        if details is None and error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return UnavailableError(f"fabricd at {self._address} did not answer in time")
        return from_status(error.code(), message, details if isinstance(details, bytes) else None)


async def _heard(call: Any) -> Any:
    """The next message of a stream, None at its end; raises what the call ended with, which `read` alone hides."""
    message = await call.read()
    if message is not grpc.aio.EOF:
        return message
    if await call.code() is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
        )
    return None


def _closed(address: str) -> str:
    """Why the socket at `address` cannot be opened, told better than gRPC does; empty when that is not known."""
    if not address.startswith("unix:"):
        return ""
    file = address.removeprefix("unix:")
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_RESUME_PAUSE)
            probe.connect(file)
    except FileNotFoundError:
        return "there is no such socket; start the daemon, or name another address (FABRICD_ADDRESS)"
    except ConnectionRefusedError:
        return "the daemon is not running"
    except PermissionError:
        return "you may not open this socket; ask to join the group that it belongs to"
    except OSError:
        pass
    return ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _ascii(text: str) -> str:
    """gRPC metadata is printable ASCII."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
