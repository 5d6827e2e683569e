"""gRPC channels to devices: TLS, keepalive, message sizes, and why a channel does not come up.

Called by the gNMI adapter. Must not know any gNMI message.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import grpc
import grpc.aio

from fabricd.errors import DeviceError, DeviceProtocolError, DeviceTrustError, DeviceUnreachableError
from fabricd.model.device import Device
from fabricd.southbound.secrets import Credentials, read_file

Metadata = tuple[tuple[str, str], ...]

# Connection preface and an empty SETTINGS frame (RFC 9113 section 3.4): after it every HTTP/2 server has to speak.
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


async def open_channel(device: Device) -> grpc.aio.Channel:
    """A channel that is not connected yet. Raises DeviceTrustError when a file of `trust` cannot be read."""
    host = f"[{device.address}]" if ":" in device.address else device.address
    address = f"dns:///{host}:{device.port}"
    trust = device.trust
    if trust.insecure:
        return grpc.aio.insecure_channel(address, options=_options(device))
    if not trust.ca:
        # Without roots gRPC falls back to the machine's public ones: any public certificate would do.
        raise DeviceTrustError("no CA is named and insecure is not set", device=device.name)
    ca = await read_file(device, "CA", trust.ca)
    certificate = await read_file(device, "certificate", trust.certificate) if trust.certificate else None
    key = await read_file(device, "key", trust.key) if trust.certificate else None
    if b"-----BEGIN" not in ca:
        raise DeviceTrustError(f"CA {trust.ca} holds no PEM certificate", device=device.name)
    secure = grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=certificate)
    return grpc.aio.secure_channel(address, secure, options=_options(device))


def _options(device: Device) -> Sequence[tuple[str, str | int]]:
    limit = device.profile.max_message_bytes
    options: list[tuple[str, str | int]] = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        # Targets behind one address would otherwise share one TCP connection.
        ("grpc.use_local_subchannel_pool", 1),
        # A management network is not reached through the web proxy of the environment.
        ("grpc.enable_http_proxy", 0),
        # A peer that vanished without a word is found within 40 seconds of the next request, or 40 of idling while
        # a subscription stands. Servers allow one ping in five minutes without requests, so idle ones are not sent.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        # Re-trying is the reconciler's business: it knows what has happened meanwhile.
        ("grpc.enable_retries", 0),
    ]
    if device.trust.server_name and not device.trust.insecure:
        options.append(("grpc.ssl_target_name_override", device.trust.server_name))
    return options


def metadata(device: Device, login: Credentials) -> Metadata:
    """User name and password, or a bearer token, as gNMI authentication has it. Raises DeviceTrustError for
    secrets that an HTTP/2 header cannot carry."""
    found: list[tuple[str, str]] = []
    if login.token is not None:
        found.append(("authorization", f"Bearer {login.token}"))
    elif login.username:
        found.append(("username", login.username))
        if login.password is not None:
            found.append(("password", login.password))
    if not all(value.isascii() and value.isprintable() for _, value in found):
        raise DeviceTrustError(
            "gRPC carries only printable ASCII in user names, passwords and tokens", device=device.name
        )
    return tuple(found)


async def wait_ready(channel: grpc.aio.Channel, device: Device, timeout: float) -> None:
    """Return once the channel is connected. Raises at the first failure of all addresses, or after `timeout` seconds:
    DeviceTrustError when TLS is why, else DeviceUnreachableError."""
    try:
        async with asyncio.timeout(timeout):
            state = channel.get_state(try_to_connect=True)
            while state is not grpc.ChannelConnectivity.READY:
                if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
                    raise await _why_not(device)
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        raise DeviceUnreachableError(f"no connection within {timeout:g} s", device=device.name) from None


async def _why_not(device: Device) -> DeviceError:
    """What stands in the way. gRPC has one status for all of it (UNAVAILABLE), so the handshake is done once more
    with Python's own TLS, whose exceptions have types."""
    name = device.name
    where = f"{device.address} port {device.port}"
    try:
        context = None if device.trust.insecure else await asyncio.to_thread(_tls_context, device)
    except (ssl.SSLError, OSError, ValueError) as error:
        return _caused(DeviceTrustError("CA, certificate or key of trust cannot be used", device=name), error)
    try:
        server_name = (device.trust.server_name or device.address) if context else None
        reader, writer = await asyncio.open_connection(
            device.address, device.port, ssl=context, server_hostname=server_name
        )
    except ssl.SSLCertVerificationError as error:
        message = f"the certificate of {where} is not accepted: {error.verify_message}"
        return _caused(DeviceTrustError(message, device=name), error)
    except ssl.SSLError as error:
        return _caused(DeviceTrustError(f"no TLS with {where}: {error.reason or error}", device=name), error)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _caused(DeviceUnreachableError(f"no connection to {where}: {reason}", device=name), error)
    try:
        writer.write(_HTTP2_PREFACE)
        await writer.drain()
        answer = await reader.read(9)
    except OSError as error:  # ssl.SSLError among them
        return _caused(_ended_early(device, where), error)
    finally:
        writer.transport.abort()
    if not answer:
        return _ended_early(device, where)
    if answer[3:4] != b"\x04":  # every HTTP/2 server begins with a SETTINGS frame
        return DeviceProtocolError(f"{where} does not speak HTTP/2", device=name)
    return DeviceUnreachableError(f"no gRPC connection to {where}", device=name)


def _ended_early(device: Device, where: str) -> DeviceError:
    """The peer closed before its first byte of HTTP/2. With TLS 1.3 the client has shaken hands before the server has
    looked at the client certificate, and gRPC servers that do not like it close without an alert."""
    if device.trust.insecure:
        return DeviceUnreachableError(f"{where} closed the connection: does it want TLS?", device=device.name)
    return DeviceTrustError(
        f"{where} ended the connection after the TLS handshake: does it want another client certificate?",
        device=device.name,
    )


def _tls_context(device: Device) -> ssl.SSLContext:
    trust = device.trust
    context = ssl.create_default_context(cafile=trust.ca)
    context.set_alpn_protocols(["h2"])
    if trust.certificate:
        # An encrypted key must fail here: without `password` OpenSSL would ask at the terminal.
        context.load_cert_chain(trust.certificate, trust.key or None, password="")
    return context


def _caused(error: DeviceError, cause: BaseException) -> DeviceError:
    error.__cause__ = cause
    return error
