"""Schema: one model set, ready for work. The door of this room.

Used through SchemaPool by the daemon, directly by the simulator and the command line. One thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.device import Likeness, WriteTraits
from fabricd.model.edit import Dialect, Edit, EditConfig, GnmiSet, Payload
from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import Path
from fabricd.schema import diff, documents, drift, edit_config, gnmi, merge, raw, raw_context
from fabricd.schema.apply import apply_edits
from fabricd.schema.context import Context
from fabricd.schema.device import DeviceReader, DeviceTree, contradiction
from fabricd.schema.drift import Comparison
from fabricd.schema.fitting import fitting
from fabricd.schema.likeness import Likened, SameSecret, cut, liken, spoken_leaves
from fabricd.schema.locate import path_of
from fabricd.schema.models import Format, ModelSet
from fabricd.schema.names import Names
from fabricd.schema.nodes import NodeInfo
from fabricd.schema.sensitive import secret_leaves
from fabricd.schema.spelling import respelled
from fabricd.schema.tree import Tree

_KEPT_TREES = 6
_KEPT_BYTES = 4 << 20
_USUAL_WRITES = WriteTraits()


class Schema:
    """Bytes in, bytes and values out. `config` parameters are RFC 7951 JSON as `read` returns it (b"" is empty);
    anything else that is not right raises InputError with a Problem for each place.

    Raises InputError when the model set does not load.
    """

    def __init__(self, models: ModelSet) -> None:
        self.models = models
        self.context = Context(models)
        self._kept: OrderedDict[bytes, Tree] = OrderedDict()
        self._plain: Schema | None = None

    @property
    def plain(self) -> Schema:
        """The models that intents are written in: these without the deviations of one kind of device."""
        if self.models.plain is None:
            return self
        if self._plain is None:
            self._plain = Schema(self.models.plain)
        return self._plain

    def close(self) -> None:
        self.forget()
        if self._plain is not None:
            self._plain.close()
            self._plain = None
        self.context.close()

    def forget(self) -> None:
        """Free the trees that are kept for the next question."""
        for tree in self._kept.values():
            tree.close()
        self._kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Documents

    def read(
        self, data: bytes, form: Format = Format.JSON, *, source: str = "", limit: int = documents.LIMIT_BYTES
    ) -> bytes:
        """Canonical JSON of a configuration document, read strictly but not yet validated as a whole; IPv6 and MAC
        addresses in their usual spelling.

        `limit` bounds its bytes. Raises InputError for anything that is not configuration in the models: problems
        name the data path and, where known, the line; `source` is told as the intent.
        """
        tree = Tree.parse(self, data, form, source=source, limit=limit)
        try:
            config = tree.canonical()
            if (usual := respelled(self.context, config)) is not config:
                tree.close()
                tree = self._parsed(usual)
                config = tree.canonical()
        except InputError as error:
            tree.close()
            raise InputError.of(
                Problem(problem.message, intent=source, path=problem.path) for problem in error.problems
            ) from error
        except BaseException:
            tree.close()
            raise
        self._keep(config, tree)  # it will be validated or merged next
        return config

    def validate(self, config: bytes, *, device: str = "") -> None:
        """Check a whole configuration (must, when, leafref, mandatory, unique, ...). Raises InputError with at most
        fifty Problems, each with its data path and `device`."""
        try:
            self._tree(config).validate()
        except InputError as error:
            raise InputError.of(
                Problem(one.message, device=device, path=one.path, line=one.line) for one in error.problems
            ) from error

    def canonical(self, config: bytes) -> bytes:
        """The same for the same configuration, whatever the order of members and entries was."""
        return self._tree(config).canonical()

    def respelled(self, config: bytes) -> bytes:
        """The same with IPv6 and MAC addresses in their usual spelling, as `read` and `read_device` have them."""
        return respelled(self.context, config)

    def to_xml(self, config: bytes) -> bytes:
        """RFC 7950 XML: a sequence of top-level elements, nothing for an empty configuration."""
        return self._tree(config).print(Format.XML)

    def merge(self, layers: Sequence[tuple[str, int, bytes]]) -> bytes:
        """One canonical configuration of (intent name, priority, config) layers; see merge.merge for the rules."""
        plain = [(name, priority, orjson.loads(self.canonical(config))) for name, priority, config in layers]
        return self.canonical(orjson.dumps(merge.merge(self.context, plain)))

    def roots(self, config: bytes) -> tuple[Path, ...]:
        """Paths of the top-level containers that `config` has something in."""
        tree = self._tree(config)
        return tuple(path_of(self.context, node) for node in raw.siblings(tree.first))

    def offending(self, config: bytes, protected: Sequence[Path]) -> tuple[Path, ...]:
        """What `config` says at or below one of the `protected` paths."""
        return drift.offending(self.context, self._tree(config), protected)

    def leaves(self, config: bytes, paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
        """The leaves of `config` at or below `paths` (keys may be patterns), with their canonical values."""
        return tuple(drift.leaves(self.context, self._tree(config), paths))

    def but_defaults(self, leaves: Iterable[tuple[Path, str]]) -> tuple[Path, ...]:
        """The paths of those leaves (with canonical values) that say something else than their default."""
        nodes = ((path, value, self.node(path)) for path, value in leaves)
        return tuple(path for path, value, node in nodes if node is None or node.default != value)

    def outside(self, config: bytes, paths: Sequence[Path]) -> tuple[Path, ...]:
        """The topmost nodes of `config` that lie outside `paths`."""
        return drift.outside(self.context, self._tree(config), paths)

    # Differences

    def diff(self, old: bytes, new: bytes) -> tuple[Edit, ...]:
        """Edits that lead from `old` to `new`; a default value and its absence are the same.

        A leaf that `new` no longer has goes back to its default: a DELETE. Edits in a user-ordered list stand in the
        order in which they have to be applied.
        """
        found = diff.differences(self.context, self._tree(old).first, self._tree(new).first)
        return tuple(diff.edit(self.context, difference) for difference in found)

    def apply(self, edits: Iterable[Edit], config: bytes) -> bytes:
        """Canonical configuration after `edits`."""
        with self._tree(config).duplicate() as tree:
            apply_edits(tree, edits)
            return tree.canonical()

    def read_device(self, parts: Sequence[Part], encoding: Encoding) -> DeviceTree:
        """What a device sent, mended where it is not RFC 7951 or XML by the models. State is dropped; what the models
        do not have is skipped and listed. No parts, or empty ones, are an empty tree. IPv6 and MAC addresses get their
        usual spelling.

        The JSON is deterministic for the same bytes, not sorted. Raises DeviceProtocolError for what cannot be read.
        """
        reader = DeviceReader(self.context)
        try:
            reader.read(parts, encoding)
            config = reader.tree.print()
            usual = respelled(self.context, config)
        except InputError as error:
            reader.tree.close()
            raise contradiction(error) from error
        except BaseException:
            reader.tree.close()
            raise
        if usual is config:
            self._keep(config, reader.tree)
        else:
            reader.tree.close()
        return DeviceTree(usual, tuple(reader.skipped))

    def names(self, likeness: Likeness, desired: bytes) -> Names:
        """The names that a device with the canonical tree `desired` uses."""
        return Names(self.context, likeness.aliases, interface_refs=likeness.interface_refs, desired=desired)

    def liken(
        self, desired: bytes, actual: bytes, scope: Scope, likeness: Likeness, same_secret: SameSecret
    ) -> Likened:
        """What to compare instead of `desired` and `actual`, both in canonical names; see likeness.liken."""
        with self._tree(desired).duplicate() as wanted, self._tree(actual).duplicate() as running:
            return liken(self.context, wanted, running, scope, likeness, same_secret)

    def without(self, config: bytes, paths: Sequence[Path]) -> bytes:
        """A canonical configuration without what is at these paths, keys excepted."""
        with self._tree(config).duplicate() as tree:
            cut(self.context, tree, paths)
            return tree.print()

    def fitting(self, config: bytes) -> tuple[bytes, tuple[tuple[Path, str], ...]]:
        """What of a configuration in the plain models these models have, and the leaves that they have not: path and
        canonical value. Values that these models do not allow stay, for `validate` to refuse."""
        known, unknown = fitting(self.context, self.plain.context, orjson.loads(config or b"{}"))
        return orjson.dumps(known), unknown

    def compare(self, desired: bytes, actual: bytes, scope: Scope, *, spoken: Sequence[Path] = ()) -> Comparison:
        """Edits that bring `actual` to `desired` within `scope`; see drift.compare for the rules. `spoken` are leaves
        whose default and absence are not the same.

        Raises DeviceProtocolError when `actual` gives a leaf or entry twice, not both times as desired: what such a
        device runs is not known.
        """
        wanted, running = self._tree(desired), self._tree(actual)
        said = spoken_leaves(self.context, spoken)
        try:
            found = drift.compare(self.context, wanted, running, scope, drift.count_leaves(actual), said)
            if found.edits:
                running.canonical()
        except InputError as error:
            raise contradiction(error) from error
        return found

    # Payloads

    def gnmi_set(
        self, edits: Sequence[Edit], desired: bytes, write: WriteTraits = _USUAL_WRITES, entire: bytes | None = None
    ) -> GnmiSet:
        """One gNMI Set for `edits`, cut as `write` says. `desired` is the tree as it shall be afterwards: where
        something stays that is not desired, give `apply(edits, actual)`, because whole leaf-lists, user-ordered lists
        and what is put together are taken from it; `entire` for the first two, where it is given."""
        after = self._tree(desired)
        return gnmi.gnmi_set(edits, after, write, after if entire is None else self._tree(entire))

    def edit_config(self, edits: Sequence[Edit], desired: bytes = b"") -> EditConfig:
        """One NETCONF edit-config for `edits` (`desired` is not needed and only there for likeness)."""
        return edit_config.edit_config(self.context, edits)

    def render(
        self,
        edits: Sequence[Edit],
        desired: bytes,
        dialect: Dialect,
        *,
        actual: bytes | None = None,
        held: bytes | None = None,
        write: WriteTraits = _USUAL_WRITES,
    ) -> Payload:
        """The payload for a dialect. With `actual` the tree afterwards is worked out from it and `edits`. `held` is
        `actual` with what the device has besides: it is sent back only where it would go otherwise."""
        if dialect is Dialect.NETCONF:
            return self.edit_config(edits)
        after = desired if actual is None else self.apply(edits, actual)
        if held is None or held == actual or not self.rewritten(edits):
            return self.gnmi_set(edits, after, write)
        return self.gnmi_set(edits, after, write, self.apply(edits, held))

    def rewritten(self, edits: Iterable[Edit]) -> tuple[Path, ...]:
        """The leaf-lists, and the containers around user-ordered lists, that one gNMI Set for `edits` replaces."""
        found = (gnmi.rewritten(self.context, edit) for edit in edits)
        return tuple(dict.fromkeys(path for path in found if path is not None))

    # Models

    def node(self, path: Path) -> NodeInfo | None:
        """What the models say about a path (keys do not matter, modules may be left out), None if they have it not."""
        along = self.context.nodes.along(path)
        return along[-1].info if along else None

    def secret_leaves(self, likeness: Likeness) -> tuple[Path, ...]:
        """The leaves whose values nobody is told, without keys: those that the models call secret, and those that a
        profile says are."""
        return (*self._secret_leaves, *likeness.secrets, *likeness.secrets_anew)

    @cached_property
    def _secret_leaves(self) -> tuple[Path, ...]:
        return secret_leaves(self.context.pointer)

    # Trees that were just made are asked for again at once (read_device, then compare, then apply).

    def namespaces(self) -> dict[str, str]:
        """XML namespaces by module name."""
        return dict(self.context.nodes.namespaces)

    def modules(self) -> tuple[tuple[str, str], ...]:
        """(name, revision) of every module that is implemented, by name; the revision is empty where it has none."""
        return tuple(
            sorted(
                (raw.text(module.name), raw.text(module.revision))
                for module in raw_context.modules(self.context.pointer)
                if module.implemented and raw.text(module.filepath)  # libyang's own have no file
            )
        )

    def _tree(self, config: bytes) -> Tree:
        """The tree of a configuration. It belongs to this object and must not be changed."""
        held = self._kept.get(config)
        if held is not None:
            self._kept.move_to_end(config)
            return held
        tree = self._parsed(config)
        self._keep(config, tree)
        return tree

    def _parsed(self, config: bytes) -> Tree:
        if not config.strip() or config == b"{}":
            return Tree(self.context)
        # What `read` returned needs no second look by anything but libyang.
        first = raw.parse(self.context.pointer, config, raw.JSON, raw.STRICT | raw.PARSE_ONLY | raw.NO_STATE)
        if first is not None:
            return Tree(self.context, first)
        raw.forget_faults(self.context.pointer)
        return Tree.parse(self.context, config, limit=1 << 31)

    def _keep(self, config: bytes, tree: Tree) -> None:
        previous = self._kept.pop(config, None)
        if previous is not None:
            previous.close()
        self._kept[config] = tree
        while len(self._kept) > 2 and (
            len(self._kept) > _KEPT_TREES or sum(len(kept) for kept in self._kept) > _KEPT_BYTES
        ):
            self._kept.popitem(last=False)[1].close()
