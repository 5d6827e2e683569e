"""The flap breaker: paths that were repaired too often are left alone until a person says otherwise.

Owned by reconcile/reconciler. Pure bookkeeping in memory; what is unstable is also kept in the device's status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from fabricd.model.path import Path


@dataclass(slots=True)
class _History:
    """Repairs of one device while it has one desired tree."""

    desired_digest: str = ""
    repairs: dict[str, deque[float]] = field(default_factory=dict)
    unstable: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class FlapBreaker:
    """A path repaired `count` times within `period` seconds becomes unstable. A new desired tree starts the count
    anew, so that someone who submits often is not taken for a flap; what is unstable stays so until `release`."""

    count: int
    period: float
    _devices: dict[str, _History] = field(default_factory=dict)

    def restore(self, device: str, paths: Iterable[Path]) -> None:
        """Mark paths unstable that an earlier life had marked."""
        self._history(device).unstable.update((path.text, path) for path in paths)

    def repaired(self, device: str, desired_digest: str, paths: Iterable[Path], now: float) -> tuple[Path, ...]:
        """Note one repair of each path at `now`. Returns those that became unstable by it."""
        history = self._history(device)
        if history.desired_digest != desired_digest:
            history.desired_digest = desired_digest
            history.repairs.clear()
        found: list[Path] = []
        for path in paths:
            times = history.repairs.setdefault(path.text, deque(maxlen=self.count))
            times.append(now)
            if len(times) == self.count and now - times[0] <= self.period:
                history.unstable[path.text] = path
                del history.repairs[path.text]
                found.append(path)
        for text in [text for text, times in history.repairs.items() if now - times[-1] > self.period]:
            del history.repairs[text]
        return tuple(found)

    def unstable(self, device: str) -> tuple[Path, ...]:
        history = self._devices.get(device)
        return tuple(history.unstable.values()) if history is not None else ()

    def release(self, device: str) -> None:
        """A person looked: forget everything about the device."""
        self._devices.pop(device, None)

    def _history(self, device: str) -> _History:
        return self._devices.setdefault(device, _History())
