"""Secrets by reference: where they are kept, and how they are read at the moment of use.

Called by inventory (to read references) and by the adapters (to resolve them). Must not keep or log a secret.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from fabricd.errors import DeviceTrustError, InputError
from fabricd.model.device import Device, SecretReference

_LOG = logging.getLogger(__name__)
_SOURCES = ("file", "env", "credential")
_MAXIMUM = 1 << 16  # a secret longer than this is some other file


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device is logged in to with. Secrets are left out of repr."""

    username: str = ""
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def parse_reference(text: str, base: Path) -> SecretReference:
    """Read `file:/path`, `env:NAME` or `credential:NAME`; a relative path is relative to `base`.

    Raises InputError without repeating the text: what is not a reference may well be the secret itself.
    """
    source, colon, name = text.partition(":")
    if not colon or source not in _SOURCES or not name:
        raise InputError("a secret is given by reference: file:PATH, env:NAME or credential:NAME")
    if source == "file":
        name = str(base / Path(name).expanduser())
    elif source == "credential" and (name in (".", "..") or "/" in name):
        raise InputError("a credential is a file name in $CREDENTIALS_DIRECTORY, without '/'")
    return SecretReference(source, name)


def resolve(reference: SecretReference, *, quiet: bool = False) -> str:
    """The secret, without its trailing newline. A file that everybody can read is warned of, unless `quiet`. Raises
    InputError when it is missing, empty or not text."""
    if reference.source == "env":
        value = os.environ.get(reference.name, "")
    elif reference.source == "credential":
        folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
        if not folder:
            raise InputError(f"{reference}: there is no $CREDENTIALS_DIRECTORY (systemd LoadCredential=)")
        value = _read(reference, Path(folder) / reference.name, quiet=quiet)
    elif reference.source == "file":
        value = _read(reference, Path(reference.name), quiet=quiet)
    else:
        raise InputError(f"{reference}: unknown source of secrets, not one of {', '.join(_SOURCES)}")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise InputError(f"{reference} is empty or not set")
    return value


async def credentials(device: Device, *, quiet: bool = False) -> Credentials:
    """Resolve a device's login off the event loop; `quiet` as in `resolve`. Raises DeviceTrustError: only a person can
    mend it."""

    def read() -> Credentials:
        login = device.login
        return Credentials(
            login.username,
            None if login.password is None else resolve(login.password, quiet=quiet),
            None if login.token is None else resolve(login.token, quiet=quiet),
        )

    try:
        return await asyncio.to_thread(read)
    except InputError as error:
        raise DeviceTrustError(f"no credentials: {error.message}", device=device.name) from error


async def read_file(device: Device, what: str, name: str) -> bytes:
    """A file that trust depends on (CA, certificate, key, known hosts). Raises DeviceTrustError when unreadable."""
    try:
        return await asyncio.to_thread(Path(name).read_bytes)
    except OSError as error:
        raise DeviceTrustError(f"{what} {name} cannot be read: {error.strerror}", device=device.name) from error


def _read(reference: SecretReference, path: Path, *, quiet: bool) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAXIMUM + 1)
    except OSError as error:
        raise InputError(f"{reference} cannot be read: {error.strerror}") from error
    if stat.S_ISREG(mode) and mode & stat.S_IROTH and not quiet:
        _LOG.warning("%s can be read by every user of this machine; make it mode 0600", reference)
    if len(data) > _MAXIMUM:
        raise InputError(f"{reference} is larger than {_MAXIMUM} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{reference} is not UTF-8 text") from error
