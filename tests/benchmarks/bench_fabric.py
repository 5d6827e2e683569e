"""What compiling a fabric costs, and how it grows: everything anew, and one network more on ten of the leaves.

Run by people: `python -m tests.benchmarks.bench_fabric [switches ...]`, from the project root. Each size runs in a
process of its own, on one core: from the fabric as values to JSON trees, then libyang parses and validates each.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "unit"))
from fabric_builder import EVPN, leaf_spine, ordered, with_servers

from fabricd.intent.fabric.checks import check
from fabricd.intent.fabric.compile import CompiledFabric, compile_fabric
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.values import Fabric, Network
from fabricd.schema import ModelSet, Schema

SIZES = {50: 4, 200: 8, 1000: 32}  # switches, and how many of them are spines
NETWORKS, SERVERS, TOUCHED = 20, 8, 10


def fabric_of(switches: int) -> Fabric:
    spines = SIZES.get(switches, max(2, switches // 32))
    return with_servers(leaf_spine(spines, switches - spines, overlay=EVPN), networks=NETWORKS, servers=SERVERS)


def one_more(fabric: Fabric) -> Fabric:
    leaves = tuple(device.name for device in fabric.devices if device.role.is_leaf)[:TOUCHED]
    # Attachments with every network would have it on all leaves; ten of them get it here.
    network = Network("new", vlan=3000, vrf="red", gateways=("10.200.0.1/24",), devices=leaves)
    return ordered(replace(fabric, networks=(*fabric.networks, network)))


class Clock:
    """Seconds of wall clock and of CPU since the last question."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def since(self) -> tuple[float, float]:
        found = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return found


def validate(schema: Schema, compiled: CompiledFabric) -> None:
    for name in compiled.recompiled:
        schema.validate(compiled.trees[name], device=name)
        schema.forget()


def measure(switches: int) -> dict[str, float]:
    with Schema(ModelSet.managed()) as schema:
        fabric = fabric_of(switches)
        # The double-homed servers carry named networks here, so that a new one is not on every leaf by "*".
        names = tuple(network.name for network in fabric.networks)
        fabric = replace(
            fabric, attachments=tuple(replace(one, tagged=names if one.tagged else ()) for one in fabric.attachments)
        )
        before = _peak()
        clock = Clock()
        check(resolve(fabric, Allocations()))
        _, resolved = clock.since()
        first = compile_fabric(fabric)
        wall, compiled = clock.since()
        validate(schema, first)
        wall_validate, validated = clock.since()
        peak = _peak() - before
        more = one_more(fabric)
        clock.since()
        second = compile_fabric(more, first.resolved.allocations, known=first)
        validate(schema, second)
        wall_more, more_cpu = clock.since()
        return {
            "links": len(fabric.links),
            "megabytes": sum(map(len, first.trees.values())) / 1e6,
            "resolve": resolved,
            "compile": compiled,
            "validate": validated,
            "wall": wall + wall_validate,
            "peak": peak,
            "touched": len(second.recompiled),
            "increment": more_cpu,
            "increment wall": wall_more,
        }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(sizes: list[int]) -> None:
    table = Table(
        title=f"A fabric with EVPN, {NETWORKS} networks, {SERVERS} servers a leaf: seconds of CPU in one thread"
    )
    for column in (
        "switches", "links", "trees", "resolve, check", "compile all", "validate all", "both, CPU", "both, wall",
        "CPU per MB of trees", "peak memory", "network on 10 leaves: compiled", "CPU", "wall",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for switches in sizes:
        found = orjson.loads(subprocess.check_output([sys.executable, __file__, "--one", str(switches)]))
        table.add_row(
            f"{switches}",
            f"{found['links']}",
            f"{found['megabytes']:.1f} MB",
            f"{found['resolve']:.2f}",
            f"{found['compile']:.2f}",
            f"{found['validate']:.2f}",
            f"{found['compile'] + found['validate']:.2f}",
            f"{found['wall']:.2f}",
            f"{(found['compile'] + found['validate']) / found['megabytes']:.3f}",
            f"{found['peak']:.0f} MB",
            f"{found['touched']}",
            f"{found['increment']:.3f}",
            f"{found['increment wall']:.3f}",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.buffer.write(orjson.dumps(measure(int(sys.argv[2]))))
    else:
        main([int(one) for one in sys.argv[1:]] or list(SIZES))
