"""What devices may quote: their logins, and the secrets that they shall have, have, and had.

Made by the controller, asked by sessions before every connection, and by whoever sends something. Keeps no secret
itself: KnownSecrets does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from fabricd.errors import DeviceTrustError
from fabricd.model.device import Device, Likeness, Profile
from fabricd.model.intent import Desired
from fabricd.model.path import ROOT
from fabricd.plan import secrets_in
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.known_secrets import KnownSecrets
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.southbound.secrets import credentials
from fabricd.store import Store


class DeviceSecrets:
    """Learns of each device what nobody is to be told, before the device can tell it. A southbound Guard."""

    def __init__(self, known: KnownSecrets, fleet: Fleet, store: Store, schemas: SchemaPool) -> None:
        self._known = known
        self._fleet = fleet
        self._store = store
        self._schemas = schemas
        self._learnt: dict[str, tuple[str, Profile, ModelSet]] = {}

    async def learn(self, device: Device) -> None:
        """Its login as it is now, and the secrets in its current tree. Raises StoreError."""
        try:
            login = await credentials(device, quiet=True)
        except DeviceTrustError:
            pass  # without a login there is no session: whoever opens one says so
        else:
            self._known.learn(f"login of {device.name}", filter(None, (login.password, login.token)))
        head = await self._store.desired_head(device.name)
        if head is None or self._learnt.get(device.name) == self._version(device, head.digest):
            return
        desired = await self._store.desired(device.name)
        if desired is not None:
            await self.learn_desired(device, desired)

    async def learn_desired(self, device: Device, desired: Desired) -> None:
        """The secrets in a tree that is about to be compared with the device, and then sent."""
        version = self._version(device, desired.digest)
        if self._learnt.get(device.name) == version:
            return
        work = partial(_secrets, config=desired.config, likeness=device.profile.likeness)
        self._known.learn(f"tree of {device.name}", await self._schemas.run(self._fleet.model_set(device), work))
        self._learnt[device.name] = version

    def learn_found(self, device: Device, secrets: Iterable[str]) -> None:
        """Secrets that differ from what they shall be, as the device showed them and as they are about to be."""
        if found := frozenset(secrets):
            self._known.learn(f"found on {device.name}", found)

    def conceal(self, text: str) -> str:
        """The text without any secret that is known."""
        return self._known.conceal(text)

    def _version(self, device: Device, digest: str) -> tuple[str, Profile, ModelSet]:
        return digest, device.profile, self._fleet.model_set(device)


def _secrets(schema: Schema, config: bytes, likeness: Likeness) -> frozenset[str]:
    return frozenset(secrets_in(ROOT, config, schema.secret_leaves(likeness)))
