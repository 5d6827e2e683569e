"""What is known of the devices now: inventory, model sets, modes, and when drift may be repaired.

Owned and replaced by the controller; everyone else in reconcile reads. Must not know sessions or the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fabricd.errors import InputError, NotFoundError
from fabricd.model.device import Device, Mode
from fabricd.schema import ModelSet


@dataclass(slots=True)
class Fleet:
    """The devices as of now. `window_open` tells whether drift may be repaired at this moment. `turn` is held by who
    makes a revision, or changes the models that revisions are validated by: what was valid stays so until used."""

    devices: Mapping[str, Device]
    models: Mapping[str, ModelSet]
    modes: dict[str, Mode] = field(default_factory=dict)
    window_open: Callable[[], bool] = lambda: True
    max_deleted_share: float = 0.5
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def device(self, name: str) -> Device:
        """Raises NotFoundError for one that is not in the inventory (any more)."""
        try:
            return self.devices[name]
        except KeyError:
            raise NotFoundError(f"there is no device {name!r} in the inventory", device=name) from None

    def known(self, names: Sequence[str]) -> tuple[str, ...]:
        """These names, each once, or all. Raises NotFoundError for one that is not in the inventory."""
        return tuple(dict.fromkeys(self.device(name).name for name in names)) or tuple(self.devices)

    def mode(self, device: Device) -> Mode:
        """As set by an operator, or else by the inventory."""
        return self.modes.get(device.name, device.mode)

    def model_set(self, device: Device) -> ModelSet:
        """With the deviations of the device's profile. Raises InputError when the profile names a model set that the
        settings do not."""
        try:
            return self.models[device.profile.models].deviating(device.profile.deviations)
        except KeyError:
            message = f"profile {device.profile.name!r} names model set {device.profile.models!r}, which is not there"
            raise InputError(message) from None
