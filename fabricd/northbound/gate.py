"""The gate every call passes: who calls, may they, is the request well formed, and how its errors go out.

An interceptor of the server. Knows no method by name; what a method does is the servicer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from fabricd.errors import FabricdError, InputError
from fabricd.northbound.access import authorize, caller, identify, needed_role
from fabricd.northbound.failures import (
    DETAIL_BYTES,
    MOST_DETAIL_BYTES,
    status_code,
    to_status,
)
from fabricd.northbound.metadata import AUTHOR_KEY, DETAIL_LIMIT_KEY, DETAILS_KEY
from fabricd.settings import Role

log = logging.getLogger(__name__)

Handler = Any  # grpc.RpcMethodHandler, whose stubs know only the synchronous kind
Context = grpc.aio.ServicerContext[Any, Any]


class Gate(grpc.aio.ServerInterceptor):
    """Guards every method of the server, its own and those of health and reflection alike.

    Requests are parsed behind the gate, not before it: a caller without a role costs no parsing, and bytes that are no
    message get INVALID_ARGUMENT instead of gRPC's UNKNOWN.
    """

    def __init__(self, roles: Mapping[str, Role], *, insecure: bool) -> None:
        self._roles = roles
        self._insecure = insecure

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
        parse: Callable[[bytes], Any] = handler.request_deserializer or bytes

        async def unary_unary(data: bytes, context: Context) -> Any:
            async with self._admitted(method, context):
                return await handler.unary_unary(_parsed(parse, data), context)

        async def unary_stream(data: bytes, context: Context) -> None:
            async with self._admitted(method, context):
                await _pump(handler.unary_stream(_parsed(parse, data), context), context)

        async def stream_stream(requests: AsyncIterator[bytes], context: Context) -> None:
            async with self._admitted(method, context):
                parsed = (_parsed(parse, data) async for data in requests)
                await _pump(handler.stream_stream(parsed, context), context)

        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(
                stream_stream,
                response_serializer=handler.response_serializer,
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                unary_stream,
                response_serializer=handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(unary_unary, response_serializer=handler.response_serializer)

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


async def _pump(answers: Any, context: Context) -> None:
    """Send what a streaming method yields; a method that writes for itself is just awaited.

    `write` returns once flow control let the message go, so a slow reader slows its method and nothing piles up.
    """
    if not hasattr(answers, "__aiter__"):
        await answers
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
