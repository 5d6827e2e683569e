"""Trees, the threads they live in, and the memory they give back."""

from __future__ import annotations

import asyncio
import gc
import json
import threading

import psutil
import pytest
from schema_trees import leaf_switch

from fabricd.errors import InputError
from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT, Path
from fabricd.schema import Defaults, Format, ModelSet, Schema, SchemaFault, SchemaPool, Tree

SERVERS = Path.parse("/system/dns/servers")


def switch(ports: int = 3) -> bytes:
    return json.dumps(leaf_switch(ports)).encode()


def server(address: str) -> Path:
    return Path.parse(f"/system/dns/servers/server[address={address}]")


def test_wildcards_select_what_they_say(either_schema: Schema) -> None:
    with Tree.parse(either_schema, switch()) as tree:
        assert len(tree.find(Path.parse("/interfaces/interface/config/mtu"))) == 3
        assert len(tree.find(Path.parse("/interfaces/interface[name=*]/config/mtu"))) == 3
        found = tree.find(Path.parse("/network-instances/network-instance[name=default]/protocols/protocol[name=BGP]"))
        assert [path.segments[-1].keys for path in found] == [
            (("identifier", "openconfig-policy-types:BGP"), ("name", "BGP"))
        ]
        assert tree.delete(Path.parse("/interfaces/interface/config/mtu")) == 3
        assert tree.delete(Path.parse("/interfaces/interface/config/mtu")) == 0
        assert not tree.exists(Path.parse("/interfaces/interface[name=Ethernet9]"))
        with pytest.raises(InputError, match="no such node"):
            tree.find(Path.parse("/interfaces/nonsense"))
        with pytest.raises(InputError, match="key"):
            tree.delete(Path.parse("/interfaces/interface/name"))
        assert tree.delete(ROOT) == 3
        assert (tree.empty, tree.print()) == (True, b"{}")


def test_keys_with_any_character_are_found(either_schema: Schema) -> None:
    for name in ("it's", 'a"b', "both ' and \"", "a]b/c[d='e']", "ünï", "\\"):
        document = {"openconfig-interfaces:interfaces": {"interface": [{"name": name, "config": {"name": name}}]}}
        with Tree.parse(either_schema, json.dumps(document).encode()) as tree:
            (path,) = tree.find(Path.parse("/interfaces/interface"))
            assert tree.find(path) == [path]
            assert Path.parse(path.text) == path
            assert tree.delete(path) == 1


def test_values_are_given_as_gnmi_carries_them(either_schema: Schema) -> None:
    with Tree.parse(either_schema, switch()) as tree:
        assert tree.value(Path.parse("/interfaces/interface[name=Ethernet1]/config/mtu")) == b"9000"
        assert tree.value(Path.parse("/system/dns/config/search")) == b'["a.example","b.example"]'
        assert tree.value(Path.parse("/system/config")) == b'{"openconfig-system:hostname":"leaf1"}'
        assert tree.value(Path.parse("/system/ntp")) is None
        assert len(json.loads(tree.value(Path.parse("/interfaces/interface")) or b"")) == 3
        full = json.loads(tree.value(Path.parse("/system/ntp/config"), defaults=Defaults.REPORT_ALL) or b"null")
        assert full["openconfig-system:enabled"] is False


def test_update_merges_and_replace_takes_the_place(either_schema: Schema) -> None:
    with Tree.parse(either_schema, switch()) as tree:
        config = Path.parse("/interfaces/interface[name=Ethernet1]/config")
        tree.merge_json(config, b'{"description": "new"}')
        held = json.loads(tree.value(config) or b"")
        assert (held["openconfig-interfaces:description"], held["openconfig-interfaces:mtu"]) == ("new", 9000)
        tree.replace_json(config, b'{"name": "Ethernet1", "description": "only"}')
        assert len(json.loads(tree.value(config) or b"")) == 2
        for body in (b'{"name": "other"}', b'{"mtu": -1}', b'{"nonsense": 1}', b"7", b"{"):
            with pytest.raises(InputError):
                tree.merge_json(config.parent, body)
        tree.merge_json(ROOT, b'{"openconfig-system:system": {"config": {"hostname": "x"}}}')
        assert tree.value(Path.parse("/system/config/hostname")) == b'"x"'


def test_entries_keep_and_change_their_places(either_schema: Schema) -> None:
    def order(tree: Tree) -> list[str]:
        return [path.segments[-1].keys[0][1] for path in tree.find(Path.parse("/system/dns/servers/server"))]

    with Tree(either_schema) as tree:
        for last in (1, 2, 3):
            tree.merge_json(server(f"192.0.2.{last}"), b"{}")
        tree.replace_json(server("192.0.2.1"), b'{"config": {"address": "192.0.2.1", "port": 5353}}')
        assert order(tree) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        tree.place(server("192.0.2.3"), None)
        assert order(tree) == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]
        tree.place(server("192.0.2.3"), server("192.0.2.1"))
        tree.place(server("192.0.2.2"), None, before=server("192.0.2.1"))
        assert order(tree) == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]
        with pytest.raises(InputError, match="does not exist"):
            tree.place(server("192.0.2.9"), None)


def test_a_filter_prints_ancestors_keys_and_the_subtree(either_schema: Schema) -> None:
    with Tree.parse(either_schema, switch()) as tree:
        mtu = Path.parse("/interfaces/interface[name=Ethernet1]/config/mtu")
        part = {"interface": [{"name": "Ethernet1", "config": {"mtu": 9000}}]}
        assert json.loads(tree.print(paths=[mtu])) == {"openconfig-interfaces:interfaces": part}
        assert tree.print(Format.XML, paths=[mtu]).count(b"<mtu>") == 1
        enabled = Path.parse("/interfaces/interface[name=Ethernet1]/config/enabled")
        assert tree.print(paths=[enabled], defaults=Defaults.TRIM).find(b"enabled") < 0


async def test_workers_share_nothing_and_give_errors_back() -> None:
    pool = SchemaPool(2)
    models = ModelSet.managed()
    try:
        both = threading.Barrier(2, timeout=30)

        def meet(schema: Schema) -> tuple[str, int]:
            both.wait()
            return threading.current_thread().name, id(schema)

        found = await asyncio.gather(pool.run(models, meet), pool.run(models, meet))
        assert len(set(found)) == 2
        with pytest.raises(InputError):
            await pool.run(models, lambda schema: schema.read(b"{"))
        assert await pool.run(models, lambda schema: schema.read(b"{}")) == b"{}"
    finally:
        await pool.close()


async def test_a_spent_context_is_made_anew() -> None:
    pool = SchemaPool(1)
    models = ModelSet.managed()
    seen: list[Schema] = []

    def spent(schema: Schema) -> None:
        seen.append(schema)
        raise SchemaFault("out of memory")

    try:
        with pytest.raises(SchemaFault):
            await pool.run(models, spent)
        await pool.run(models, seen.append)
        assert seen[0] is not seen[1]
    finally:
        await pool.close()


async def test_cancelled_work_does_not_stop_the_pool() -> None:
    pool = SchemaPool(1)
    models = ModelSet.managed()
    started, go = threading.Event(), threading.Event()

    def slow(schema: Schema) -> bytes:
        started.set()
        assert go.wait(30)
        return schema.read(b"{}")

    try:
        running = asyncio.create_task(pool.run(models, slow))
        waiting = asyncio.create_task(pool.run(models, lambda schema: schema.read(b"{}")))
        await asyncio.to_thread(started.wait, 30)
        running.cancel()
        waiting.cancel()
        go.set()
        assert await asyncio.gather(running, waiting, return_exceptions=True) != []
        assert running.cancelled()
        assert await pool.run(models, lambda schema: schema.read(b'{"interfaces":{}}')) == b"{}"
    finally:
        await pool.close()


def test_memory_is_given_back() -> None:
    """Hundreds of operations of every kind leave the process no larger than those before did. What leaks does so every
    time; what the allocator keeps for later, or another thread takes, does not."""
    process = psutil.Process()
    with Schema(ModelSet.managed()) as schema:

        def rounds(count: int) -> None:
            for at in range(count):
                # Every round another document, so that nothing is answered from what was kept.
                document = leaf_switch(8, mtu=1000 + at % 7000)
                config = schema.read(json.dumps(document).encode())
                other = schema.read(json.dumps(leaf_switch(6, mtu=1500 + at)).encode())
                edits = schema.diff(config, other)
                schema.apply(edits, config)
                schema.gnmi_set(edits, other)
                schema.edit_config(edits)
                schema.read(schema.to_xml(config), Format.XML)
                loose = config.replace(b'"openconfig-interfaces:', b'"').replace(b'"mtu":', b'"nonsense":1,"mtu":')
                fetched = schema.read_device([Part(ROOT, loose)], Encoding.JSON_IETF)
                schema.compare(other, fetched.config, Scope(roots=(), subtrees=(ROOT,)))
                schema.merge([("a", 1, config), ("b", 2, other)])
                with pytest.raises(InputError):
                    schema.validate(config.replace(b'"Ethernet1","type"', b'"Ethernet%d","type"' % (at + 100)))
                with pytest.raises(InputError):
                    schema.read(b'{"interfaces":{"interface":[{"name":"e","config":{"mtu":"x"}}]}}')

        grown = []
        while not grown or (grown[-1] >= 2 << 20 and len(grown) < 5):
            before = process.memory_info().rss
            rounds(50)
            gc.collect()
            grown.append(process.memory_info().rss - before)
        assert grown[-1] < 2 << 20, grown
