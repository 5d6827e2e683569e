"""What schema work costs beside libyang's own bare parse, on a leaf switch of about 220 KB.

Run by `make bench`. Measures the official OpenConfig release too, where FABRICD_OPENCONFIG_RELEASE or the usual folder
has it. Knows only the room's door and, for the yardstick, its raw file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path as File

from rich.console import Console
from rich.table import Table

from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT, Path
from fabricd.schema import Format, ModelSet, Schema, raw

sys.path.insert(0, str(File(__file__).resolve().parent.parent / "unit"))
from schema_trees import leaf_switch

ROUNDS = 15


def best_of(work: Callable[[int], object]) -> float:
    """Milliseconds of CPU, the best of several rounds; `work` gets the number of the round."""
    times = []
    for at in range(ROUNDS):
        started = time.thread_time()
        work(at)
        times.append((time.thread_time() - started) * 1000)
    return min(times)


def measure(models: ModelSet, console: Console) -> None:
    started = time.perf_counter()
    schema = Schema(models)
    loaded = (time.perf_counter() - started) * 1000
    config = schema.read(json.dumps(leaf_switch(510)).encode())
    # Another hostname each round, so that no tree of an earlier round is found again.
    variants = [config.replace(b'"leaf1"', b'"leaf%02d"' % at) for at in range(ROUNDS)]
    drifted = [one.replace(b'"mtu":9000', b'"mtu":1500', 1) for one in variants]
    xml = [b"<data>" + schema.to_xml(one) + b"</data>" for one in variants]
    loose = [one.replace(b'"openconfig-interfaces:', b'"').replace(b'"mtu":9000', b'"mtu":"9000"') for one in variants]
    flags = raw.STRICT | raw.PARSE_ONLY | raw.NO_STATE
    strict = raw.STRICT | raw.NO_STATE
    scope = Scope(roots=(), subtrees=(ROOT,))

    def fresh(work: Callable[[int], object]) -> Callable[[int], object]:
        """Forget kept trees first, as for a device that was not just asked."""

        def run(at: int) -> object:
            schema.forget()
            return work(at)

        return run

    def parts(one: bytes) -> list[Part]:
        return [Part(Path.parse(f"/{name}"), json.dumps(value).encode()) for name, value in json.loads(one).items()]

    # The device says a default aloud, so that the bytes are not the desired ones and have to be understood.
    said = b'"openconfig-system:system":{"ntp":{"config":{"enabled":false}},'
    pieces = [parts(one.replace(b'"openconfig-system:system":{', said)) for one in variants]

    def device_in_sync(at: int) -> None:
        found = schema.read_device(pieces[at], Encoding.JSON_IETF)
        if schema.compare(variants[at], found.config, scope).edits:
            raise SystemExit("the tree should be in sync")

    yard = best_of(lambda at: raw.free_all(raw.parse(schema.context.pointer, variants[at], raw.JSON, flags)))
    two = best_of(fresh(lambda at: raw_diff(schema, variants[at], flags)))
    checked = best_of(lambda at: raw.free_all(raw.parse(schema.context.pointer, variants[at], raw.JSON, strict)))
    rows: list[tuple[str, float]] = [
        ("libyang: parse", yard),
        ("libyang: parse both sides and diff", two),
        ("libyang: parse and validate", checked),
        ("read (to canonical JSON)", best_of(fresh(lambda at: schema.read(variants[at])))),
        ("read and validate", best_of(fresh(lambda at: schema.validate(schema.read(variants[at]))))),
        ("read XML", best_of(fresh(lambda at: schema.read(xml[at][6:-7], Format.XML)))),
        ("read_device, RFC 7951", best_of(fresh(lambda at: schema.read_device(pieces[at], Encoding.JSON_IETF)))),
        (
            "read_device, other spellings",
            best_of(fresh(lambda at: schema.read_device([Part(ROOT, loose[at])], Encoding.JSON_IETF))),
        ),
        ("read_device, XML", best_of(fresh(lambda at: schema.read_device([Part(ROOT, xml[at])], Encoding.XML)))),
        ("compare, in sync", best_of(fresh(lambda at: schema.compare(variants[at], variants[at] + b" ", scope)))),
        ("compare, one leaf", best_of(fresh(lambda at: schema.compare(variants[at], drifted[at], scope)))),
        ("diff, one leaf", best_of(fresh(lambda at: schema.diff(drifted[at], variants[at])))),
        ("read_device and compare, in sync", best_of(fresh(device_in_sync))),
    ]
    table = Table(title=f"{models.name} models, {len(config):,} bytes, loaded in {loaded:.0f} ms")
    for heading in ("work", "ms CPU", "x parse", "x parse both and diff"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for name, took in rows:
        table.add_row(name, f"{took:.1f}", f"{took / yard:.2f}", f"{took / two:.2f}")
    console.print(table)
    schema.close()


def raw_diff(schema: Schema, config: bytes, flags: int) -> None:
    one = raw.parse(schema.context.pointer, config, raw.JSON, flags)
    other = raw.parse(schema.context.pointer, config, raw.JSON, flags)
    raw.free_all(raw.diff(one, other))
    raw.free_all(one)
    raw.free_all(other)


def main() -> None:
    console = Console()
    measure(ModelSet.managed(), console)
    usual = File(__file__).resolve().parents[3] / "shared" / "openconfig" / "yang"
    release = File(os.environ.get("FABRICD_OPENCONFIG_RELEASE") or usual)
    if release.is_dir():
        measure(ModelSet.from_directory("release", release), console)


if __name__ == "__main__":
    main()
