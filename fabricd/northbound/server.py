"""The gRPC server: its listeners on a unix socket and on TCP, health and reflection, start and orderly stop.

Started by the daemon. Knows the transport; what the methods do is the servicer's.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_health.v1.health import aio as health  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from fabricd.errors import InputError
from fabricd.northbound.gate import Gate
from fabricd.northbound.service import FabricdService
from fabricd.northbound.v1 import fabricd_pb2, fabricd_pb2_grpc
from fabricd.renewed_certificates import server_credentials
from fabricd.settings import NorthboundSettings

log = logging.getLogger(__name__)

SERVICE: str = fabricd_pb2.DESCRIPTOR.services_by_name["Fabricd"].full_name
_HEALTH: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_LONGEST_SOCKET_PATH = 107  # sun_path, unix(7)
_MOST_CALLS = 1_024  # more at once are refused; streams have a lower limit of their own (gate)
_MOST_STREAMS_A_CONNECTION = 128


class NorthboundServer:
    """Owns the listeners. `bind`, `start` and `stop` once each; not reusable.

    From `bind` on callers can connect and wait, from `start` on they are served, with health NOT_SERVING until
    `set_serving(True)`.
    """

    def __init__(
        self, settings: NorthboundSettings, service: FabricdService, *, conceal: Callable[[str], str] = str
    ) -> None:
        """`conceal` takes out of errors what no caller is to be told."""
        self._conceal = conceal
        self._settings = settings
        self._service = service
        self._health = health.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._lock: int | None = None
        self.tcp_port = 0
        """The port that TCP is served on; 0: none."""

    @property
    def readers(self) -> int:
        """Streams of the journal that are open."""
        return self._service.readers

    async def bind(self) -> None:
        """Open the listeners. Raises InputError naming the setting that makes it impossible; nothing is open then."""
        settings = self._settings
        server = grpc.aio.server(
            interceptors=[Gate(settings.roles, insecure=settings.insecure, conceal=self._conceal)],
            maximum_concurrent_rpcs=_MOST_CALLS,
            options=[
                ("grpc.max_receive_message_length", settings.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", _MOST_STREAMS_A_CONNECTION),
                # Two daemons must never share a port.
                ("grpc.so_reuseport", 0),
                # A peer that vanished without a word must not keep its streams.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ],
        )
        fabricd_pb2_grpc.add_FabricdServicer_to_server(self._service, server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE, _HEALTH, reflection.SERVICE_NAME), server)
        await self.set_serving(False)
        try:
            self._claim_socket()
            self._bind_socket(server)
            self.tcp_port = self._bind_tcp(server)
        except BaseException:
            await server.stop(None)
            self._release_socket()
            raise
        self._server = server

    async def start(self) -> None:
        """Answer, also those who connected since `bind`, which is done first if it was not."""
        if self._server is None:
            await self.bind()
        assert self._server is not None
        await self._server.start()
        settings = self._settings
        log.info("serving on %s%s", settings.unix_socket, f" and TCP port {self.tcp_port}" if self.tcp_port else "")

    async def set_serving(self, serving: bool) -> None:
        """What the health service answers, for the daemon as a whole and for fabricd.v1."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", SERVICE):
            await self._health.set(name, status)

    async def stop(self, grace: float = 5.0) -> None:
        """Refuse new calls, end the streams so that their readers can resume, let the rest finish within `grace`
        seconds. Changes that were begun are always carried to their end."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._service.close()
        await self._server.stop(grace)
        self._server = None
        self._release_socket()

    def _claim_socket(self) -> None:
        """Make sure that no other daemon serves on the socket, and that none starts to while this one does."""
        path = self._settings.unix_socket
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise InputError(f"northbound.unix_socket: {path} is longer than {_LONGEST_SOCKET_PATH} bytes")
        lock_path = path.with_name(path.name + ".lock")
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"northbound.unix_socket: {lock_path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() or path.is_symlink():
                _remove_stale(path)
        except BlockingIOError as error:
            os.close(lock)
            raise InputError(f"northbound.unix_socket: another fabricd serves on {path}") from error
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def _bind_socket(self, server: grpc.aio.Server) -> None:
        path = self._settings.unix_socket
        # The file must never be open to more people than it will be, not even between bind and chmod.
        before = os.umask(0o777 & ~self._settings.unix_mode)
        try:
            server.add_insecure_port(f"unix:{path}")
            path.chmod(self._settings.unix_mode)
        except (RuntimeError, OSError) as error:
            raise InputError(f"northbound.unix_socket: cannot serve on {path}") from error
        finally:
            os.umask(before)

    def _bind_tcp(self, server: grpc.aio.Server) -> int:
        settings = self._settings
        if not settings.tcp_address:
            return 0
        try:
            if settings.insecure:
                log.warning("serving %s in plain text: everyone who reaches it is an admin", settings.tcp_address)
                return server.add_insecure_port(settings.tcp_address)
            return server.add_secure_port(settings.tcp_address, _credentials(settings))
        except RuntimeError as error:
            raise InputError(f"northbound.tcp_address: cannot serve on {settings.tcp_address}") from error

    def _release_socket(self) -> None:
        if self._lock is None:
            return
        self._settings.unix_socket.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None


def _remove_stale(path: Path) -> None:
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise InputError(f"northbound.unix_socket: {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise InputError(f"northbound.unix_socket: {path}: {error.strerror or error}") from error
    raise InputError(f"northbound.unix_socket: another process serves on {path}")


def _credentials(settings: NorthboundSettings) -> grpc.ServerCredentials:
    """Mutual TLS. The files are looked at for every connection, so renewed certificates need no restart."""
    files = (settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    certificate, key, authorities = (file for file in files if file)
    seen: list[Any] = [_stamp(certificate, key, authorities)]

    def load() -> grpc.ServerCertificateConfiguration:
        _check(certificate, key, authorities)
        return grpc.ssl_server_certificate_configuration(
            [(key.read_bytes(), certificate.read_bytes())], root_certificates=authorities.read_bytes()
        )

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        try:
            stamp = _stamp(certificate, key, authorities)
            if stamp == seen[0]:
                return None
            configuration = load()
        except (OSError, InputError) as error:
            # The last good ones stay in use.
            log.error("northbound TLS files cannot be read again: %s", error)
            return None
        seen[0] = stamp
        log.info("northbound TLS files were renewed")
        return configuration

    return server_credentials(load(), renewed, require_client_authentication=True)


def _stamp(*files: Path) -> tuple[tuple[int, int], ...]:
    return tuple((file.stat().st_mtime_ns, file.stat().st_ino) for file in files)


def _check(certificate: Path, key: Path, authorities: Path) -> None:
    """gRPC would only say that no port could be bound."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise InputError(f"northbound.tls_certificate, tls_key: {certificate}, {key}: {error}") from error
    try:
        context.load_verify_locations(authorities)
    except OSError as error:
        raise InputError(f"northbound.tls_client_ca: {authorities}: {error}") from error
