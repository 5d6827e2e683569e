"""SSH connections to devices: host keys checked, password or private key, and what failed in which words.

Called by the session. Must not know NETCONF.
"""

from __future__ import annotations

import asyncio

import asyncssh

from fabricd.errors import DeviceError, DeviceTrustError, DeviceUnreachableError
from fabricd.model.device import Device
from fabricd.southbound.secrets import Credentials, read_file

# AES-GCM first: a fifth more requests a second than asyncssh's default order. The rest stays allowed.
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"


async def dial(device: Device, login: Credentials) -> asyncssh.SSHClientConnection:
    """An authenticated connection. The caller sets the deadline.

    Raises DeviceTrustError (host key, credentials, or no algorithm in common) or DeviceUnreachableError.
    """
    known_hosts = await _known_hosts(device)
    key = await _private_key(device)
    try:
        return await asyncssh.connect(
            device.address,
            device.port,
            config=None,  # neither ~/.ssh/config nor an agent nor keys of the user who runs the daemon
            agent_path=None,
            gss_host=None,
            x509_trusted_certs=None,
            known_hosts=known_hosts,
            username=login.username,
            password=login.password,
            client_keys=[key] if key is not None else None,
            encryption_algs=_CIPHERS,
            compression_algs=None,
            keepalive_interval=30,
            keepalive_count_max=3,
        )
    except (asyncssh.Error, OSError) as error:
        raise device_error(error, device) from error


def device_error(error: Exception, device: Device) -> DeviceError:
    """The error for a connection that did not come about."""
    where = f"{device.address} port {device.port}"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return DeviceTrustError(f"the host key of {where} is not the one that is trusted", device=device.name)
    if isinstance(error, asyncssh.PermissionDenied):
        return DeviceTrustError(f"{where} refused user name, password or key", device=device.name)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        # Also when the trusted host key is of a kind that the device does not have.
        return DeviceTrustError(f"no algorithm in common with {where}: {error.reason}", device=device.name)
    if isinstance(error, asyncssh.ChannelOpenError):
        return DeviceUnreachableError(f"{where} opened no NETCONF session: {error.reason}", device=device.name)
    if isinstance(error, asyncssh.DisconnectError):
        return DeviceUnreachableError(f"{where} broke the connection off: {error.reason}", device=device.name)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return DeviceUnreachableError(f"no connection to {where}: {reason}", device=device.name)


async def _known_hosts(device: Device) -> asyncssh.SSHKnownHosts | tuple[list[asyncssh.SSHKey], ...] | None:
    trust = device.trust
    if trust.host_key:
        try:
            return ([asyncssh.import_public_key(trust.host_key)], [], [])
        except asyncssh.KeyImportError as error:
            raise DeviceTrustError("host_key of trust is no OpenSSH public key", device=device.name) from error
    if trust.insecure:
        return None  # asyncssh: accept any host key; the inventory asked for it by name
    if not trust.known_hosts:
        raise DeviceTrustError("neither host_key nor known_hosts is given, nor insecure", device=device.name)
    text = await read_file(device, "known_hosts", trust.known_hosts)
    try:
        return asyncssh.import_known_hosts(text.decode())
    except ValueError as error:
        raise DeviceTrustError(f"{trust.known_hosts} is no known_hosts file", device=device.name) from error


async def _private_key(device: Device) -> asyncssh.SSHKey | None:
    if not device.login.private_key:
        return None
    data = await read_file(device, "private key", device.login.private_key)
    try:
        return await asyncio.to_thread(asyncssh.import_private_key, data)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise DeviceTrustError(
            f"{device.login.private_key} is no private key that can be used without a passphrase", device=device.name
        ) from error
