"""The flap breaker: paths that are repaired too often, or written in vain, are left alone until a person says so.

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
    in_vain: dict[str, tuple[Path, int]] = field(default_factory=dict)
    unstable: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class FlapBreaker:
    """A path repaired `count` times within `period` seconds becomes unstable, and so does one that was written `count`
    times in a row without taking effect. A new desired tree starts both counts anew, so that someone who submits often
    is not taken for a flap; what is unstable stays so until `release`."""

    count: int
    period: float
    _devices: dict[str, _History] = field(default_factory=dict)

    def restore(self, device: str, paths: Iterable[Path]) -> None:
        """Mark paths unstable that an earlier life had marked."""
        self._history(device).unstable.update((path.text, path) for path in paths)

    def repaired(self, device: str, desired_digest: str, paths: Iterable[Path], now: float) -> tuple[Path, ...]:
        """Note one repair of each path at `now`, which took effect. Returns those that became unstable by it."""
        history = self._history_of(device, desired_digest)
        found: list[Path] = []
        for path in paths:
            history.in_vain.pop(path.text, None)
            # Counted anew each time: a reload may have changed how many are allowed.
            times = deque((*history.repairs.get(path.text, ()), now), maxlen=self.count)
            history.repairs[path.text] = times
            if len(times) == self.count and now - times[0] <= self.period:
                history.unstable[path.text] = path
                del history.repairs[path.text]
                found.append(path)
        for text in [text for text, times in history.repairs.items() if now - times[-1] > self.period]:
            del history.repairs[text]
        return tuple(found)

    def written_in_vain(self, device: str, desired_digest: str, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Note that each path still differed after it had been written. Returns those that became unstable by it."""
        history = self._history_of(device, desired_digest)
        found: list[Path] = []
        for path in paths:
            _, times = history.in_vain.get(path.text, (path, 0))
            history.in_vain[path.text] = (path, times + 1)
            if times + 1 >= self.count:
                history.unstable[path.text] = path
                del history.in_vain[path.text]
                found.append(path)
        return tuple(found)

    def suspects(self, device: str, desired_digest: str) -> tuple[Path, ...]:
        """Paths that were written in vain lately: whoever writes them with others risks the others."""
        history = self._devices.get(device)
        if history is None or history.desired_digest != desired_digest:
            return ()
        return tuple(path for path, _ in history.in_vain.values())

    def settled(self, device: str) -> None:
        """Nothing differs any more but what is unstable: nothing is suspect."""
        history = self._devices.get(device)
        if history is not None:
            history.in_vain.clear()

    def unstable(self, device: str) -> tuple[Path, ...]:
        history = self._devices.get(device)
        return tuple(history.unstable.values()) if history is not None else ()

    def release(self, device: str) -> None:
        """A person looked: forget everything about the device."""
        self._devices.pop(device, None)

    def _history_of(self, device: str, desired_digest: str) -> _History:
        history = self._history(device)
        if history.desired_digest != desired_digest:
            history.desired_digest = desired_digest
            history.repairs.clear()
            history.in_vain.clear()
        return history

    def _history(self, device: str) -> _History:
        return self._devices.setdefault(device, _History())
