"""gNMI requests in the words that a kind of device understands: origin, prefix, names, encoding, extensions.

Called by the rest of the gNMI adapter. Does no I/O; JSON is passed on as bytes, never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pygnmi.spec.v080 import gnmi_pb2

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, Extension
from fabricd.model.device import GnmiTraits
from fabricd.model.edit import GnmiSet
from fabricd.model.path import Path

Message = Any  # the generated classes come without types

# The same roots are fetched over and over; their requests are built once.
_KEPT = 16


class Requests:
    """Builds requests for one device. `target` is its name, for the prefix."""

    def __init__(self, traits: GnmiTraits, target: str) -> None:
        self._traits = traits
        self._encoding = gnmi_pb2.Encoding.Value(traits.encoding.upper())
        self._value = f"{traits.encoding}_val"
        self._prefix = gnmi_pb2.Path(target=target, origin=traits.origin) if traits.prefix else None
        self._gets: dict[tuple[str, tuple[Path, ...]], Message] = {}

    def path(self, path: Path) -> Message:
        """A gnmi.Path. The origin stands in it, unless it stands in the prefix: never in both (gNMI section 2.2.2.1).

        Bare OpenConfig names are taken by most implementations; names of other modules keep their module. A leaf-list
        entry is addressed as its whole leaf-list: gNMI paths know no values.
        """
        qualified = self._traits.names == "qualified"
        elems = []
        for segment in path.segments:
            bare = not segment.module or (not qualified and segment.module.startswith("openconfig-"))
            name = segment.name if bare else f"{segment.module}:{segment.name}"
            elems.append(gnmi_pb2.PathElem(name=name, key=dict(segment.keys)))
        return gnmi_pb2.Path(elem=elems, origin="" if self._prefix is not None else self._traits.origin)

    def get(self, paths: Sequence[Path], kind: str) -> Message:
        """A GetRequest of type `kind` (CONFIG, ALL; gNMI section 3.3.1)."""
        key = (kind, tuple(paths))
        request = self._gets.get(key)
        if request is None:
            if len(self._gets) >= _KEPT:
                self._gets.clear()
            request = self._gets[key] = gnmi_pb2.GetRequest(
                prefix=self._prefix,
                path=[self.path(path) for path in paths],
                type=gnmi_pb2.GetRequest.DataType.Value(kind),
                encoding=self._encoding,
            )
        return request

    def set(self, payload: GnmiSet, commit: Commit | None = None) -> Message:
        """A SetRequest (gNMI section 3.4.1), with the Commit extension when it is given."""
        request = gnmi_pb2.SetRequest(
            prefix=self._prefix,
            delete=[self.path(path) for path in payload.deletes],
            replace=self._updates(payload.replaces),
            update=self._updates(payload.updates),
        )
        if commit is not None:
            # The generated Extension does not know Commit: unknown fields are kept and sent as they are.
            request.extension.add().MergeFromString(Extension(commit=commit).SerializeToString())
        return request

    def stream(self, roots: Iterable[Path]) -> Message:
        """Subscribe STREAM, ON_CHANGE, and no dump of what is there already (gNMI section 3.5.1)."""
        return self._subscribe(roots, gnmi_pb2.SubscriptionList.STREAM, updates_only=True)

    def once(self, roots: Iterable[Path]) -> Message:
        """Subscribe ONCE (gNMI section 3.5.1.5.1)."""
        return self._subscribe(roots, gnmi_pb2.SubscriptionList.ONCE)

    def _subscribe(self, roots: Iterable[Path], mode: int, *, updates_only: bool = False) -> Message:
        each = gnmi_pb2.ON_CHANGE if mode == gnmi_pb2.SubscriptionList.STREAM else gnmi_pb2.TARGET_DEFINED
        return gnmi_pb2.SubscribeRequest(
            subscribe=gnmi_pb2.SubscriptionList(
                prefix=self._prefix,
                subscription=[gnmi_pb2.Subscription(path=self.path(root), mode=each) for root in roots],
                mode=mode,
                encoding=self._encoding,
                updates_only=updates_only,
            )
        )

    def _updates(self, pairs: Iterable[tuple[Path, bytes]]) -> list[Message]:
        return [
            gnmi_pb2.Update(path=self.path(path), val=gnmi_pb2.TypedValue(**{self._value: value}))
            for path, value in pairs
        ]
