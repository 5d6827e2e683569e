"""The gate every call passes: who calls, may they, is the request well formed, and how its errors go out.

An interceptor of the server. Knows no method by name; what a method does is the servicer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, nullcontext
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from fabricd.errors import FabricdError, InputError
from fabricd.northbound.access import authorize, caller, identify, needed_role
from fabricd.northbound.failures import (
    DETAIL_BYTES,
    MOST_DETAIL_BYTES,
    BusyError,
    status_code,
    to_status,
)
from fabricd.northbound.metadata import AUTHOR_KEY, DETAIL_LIMIT_KEY, DETAILS_KEY
from fabricd.settings import Role

log = logging.getLogger(__name__)

Handler = Any  # grpc.RpcMethodHandler, whose stubs know only the synchronous kind
Context = grpc.aio.ServicerContext[Any, Any]

MOST_STREAMS = 512
"""Of all callers, at once."""
REQUEST_WITHIN = 60.0
"""Seconds from the start of a call until its one request is there."""


class Gate(grpc.aio.ServerInterceptor):
    """Guards every method of the server, its own and those of health and reflection alike.

    Requests are parsed behind the gate, not before it: a caller without a role costs no parsing, and bytes that are no
    message get INVALID_ARGUMENT instead of gRPC's UNKNOWN. Owns the count of streams.
    """

    def __init__(self, roles: Mapping[str, Role], *, insecure: bool, conceal: Callable[[str], str] = str) -> None:
        """`conceal` takes out of errors what no caller is to be told."""
        self._conceal = conceal
        self._roles = roles
        self._insecure = insecure
        self._streams = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None  # the server answers UNIMPLEMENTED
        return self._guarded(handler, handler_call_details.method)

    def _guarded(self, handler: Handler, method: str) -> Handler:
        """The handler behind the gate. On the wire one request is a stream of one; taken as that, it is not waited for
        before the caller is known, nor for ever."""
        parse: Callable[[bytes], Any] = handler.request_deserializer or bytes
        answer = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        lasting = handler.request_streaming or handler.response_streaming

        async def serve(_: AsyncIterator[bytes], context: Context) -> None:
            async with self._admitted(method, context):
                with self._stream() if lasting else nullcontext():
                    if handler.request_streaming:
                        request: Any = (_parsed(parse, data) async for data in _requests(context))
                    else:
                        request = _parsed(parse, await _whole(context))
                    await _pump(answer(request, context), context, streaming=handler.response_streaming)

        return grpc.stream_stream_rpc_method_handler(serve, response_serializer=handler.response_serializer)

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """Calls without an end of their own leave room for those that have one."""
        if self._streams >= MOST_STREAMS:
            raise BusyError(f"{MOST_STREAMS} streams are open already")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    @asynccontextmanager
    async def _admitted(self, method: str, context: Context) -> AsyncIterator[None]:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        try:
            who = identify(
                context.peer(),
                context.auth_context(),
                metadata.get(AUTHOR_KEY, ""),
                roles=self._roles,
                insecure=self._insecure,
            )
            authorize(who, method)
            caller.set(who)
            if needed_role(method) != "viewer":
                log.info("%s called by %s (%s) from %s", method, who.author, who.role, context.peer() or "unix socket")
            yield
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except grpc.aio.InternalError:
            # What gRPC says when the caller went away between two messages.
            log.debug("%s: the caller is gone", method)
        except FabricdError as error:
            error.reword(self._conceal)
            await _abort(context, error, _limit(metadata))
        except Exception:
            log.exception("%s failed", method)
            # What went wrong inside is for the daemon's log; the caller gets no internals.
            await _abort(context, FabricdError("internal error; the daemon's log has the details"), DETAIL_BYTES)


def _parsed(parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except DecodeError as error:
        raise InputError("the request is not a well-formed message of this method") from error


async def _requests(context: Context) -> AsyncIterator[bytes]:
    while (data := await context.read()) is not grpc.aio.EOF:
        yield data


async def _whole(context: Context) -> bytes:
    """The one request of a call. Raises InputError when none comes, or not in time."""
    try:
        async with asyncio.timeout(REQUEST_WITHIN):
            data = await context.read()
    except TimeoutError as error:
        raise InputError(f"the request did not arrive within {REQUEST_WITHIN:g} seconds") from error
    if data is grpc.aio.EOF:
        raise InputError("no request was sent")
    return bytes(data)


async def _pump(answers: Any, context: Context, *, streaming: bool) -> None:
    """Send what a method answers; a streaming one that writes for itself is just awaited.

    `write` returns once flow control let the message go, so a slow reader slows its method and nothing piles up.
    """
    if not hasattr(answers, "__aiter__"):
        answer = await answers
        if not streaming:
            await context.write(answer)
        return
    async with aclosing(answers):
        async for answer in answers:
            await context.write(answer)


async def _abort(context: Context, error: FabricdError, limit: int) -> None:
    status = to_status(error, limit)
    await context.abort(
        status_code(error),
        status.message,
        trailing_metadata=((DETAILS_KEY, status.SerializeToString()),),
    )


def _limit(metadata: Mapping[str, str]) -> int:
    given = metadata.get(DETAIL_LIMIT_KEY, "")
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        return DETAIL_BYTES
    return max(DETAIL_BYTES, min(int(given), MOST_DETAIL_BYTES))
