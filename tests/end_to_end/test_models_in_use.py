"""Model sets in use: their features and deviations, what they are held against, and how one is replaced by another."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from northbound_harness import DEADLINE, PATIENT, interfaces, serving, switches, unreachable
from test_models import MANAGED, MTU, Bench, bench, managed, module, narrow, netconf_device

from fabricd.errors import ConflictError, InputError
from fabricd.model.device import Alias, Likeness, Profile
from fabricd.model.path import Path as DataPath
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.schema.model_folder import InstalledSet, ModelFolder

__all__ = ["bench"]  # a fixture


def with_features(text: bytes) -> bytes:
    """openconfig-interfaces with an MTU for those that have the feature."""
    head, revision, rest = text.partition(b"  revision ")
    changed = head + revision + rest.replace(b"leaf mtu {", b"leaf mtu { if-feature jumbo;", 1)
    grouping = changed.index(b"  grouping ")
    return changed[:grouping] + b"  feature jumbo;\n  feature tiny;\n" + changed[grouping:]


def features_of(models: pb.ModelSet) -> dict[str, list[str]]:
    return {module.name: list(module.features) for module in models.modules if module.features}


async def test_what_the_profile_leaves_out_is_told_and_not_held_against_the_device(tmp_path: Path) -> None:
    config = "/openconfig-interfaces:interfaces/interface/config"
    likeness = Likeness(
        omitted=(DataPath.parse(f"{config}/mtu"),), unsupported=(DataPath.parse(f"{config}/description"),)
    )
    devices = {
        name: replace(device, profile=Profile("silent", likeness=likeness))
        for name, device in unreachable("leaf1").items()
    }
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("without", without_mtu())
        async with service.client() as client:
            await client.submit([interfaces("leaf1", mtu=9000)])
            found = await client.check_models("leaf1", models="without")
            assert (found.leaves, list(found.untakeable)) == (2, [])
            assert [(one.path, one.leaves) for one in found.left_out] == [(f"{config}/mtu", 1)]


async def test_what_a_device_would_be_sent_is_judged_by_the_names_of_its_profile(tmp_path: Path) -> None:
    """Over the desired names alone the first set would take nothing and the second everything."""
    entry = DataPath.parse("/openconfig-interfaces:interfaces/interface")
    profile = Profile("calls-it-swp1", likeness=Likeness(aliases=(Alias(entry, "name", "Ethernet1", "swp1"),)))
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("short", named("1..4"))
        await bench.install("long", named("5..max"))
        async with service.client() as client:
            await client.submit([interfaces("leaf1", name="jumbo", source="jumbo.yaml")])
            assert not (await client.check_models("leaf1", models="short")).untakeable
            found = await client.check_models("leaf1", models="long")
    own, theirs = (f"{entry}[name='{name}']/config/name" for name in ("Ethernet1", "swp1"))
    one = next(one for one in found.untakeable if one.path == own)
    assert (one.value_json, one.sent_path, one.sent_value_json) == ('"Ethernet1"', theirs, '"swp1"')
    assert (one.reason, one.intent, one.source) == ("value", "jumbo", "jumbo.yaml")
    assert {"swp1" in one.path or "Ethernet1" in one.sent_path for one in found.untakeable} == {False}


async def test_a_rule_that_is_broken_by_the_names_of_a_profile_is_told_by_both_names(tmp_path: Path) -> None:
    entry = DataPath.parse("/openconfig-interfaces:interfaces/interface")
    profile = Profile("calls-it-swp1", likeness=Likeness(aliases=(Alias(entry, "name", "Ethernet1", "swp1"),)))
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    rule = b"leaf mtu {\n      must \"not(../name = 'swp1')\";"
    ruled = [(name, text.replace(b"leaf mtu {", rule)) for name, text in managed()]
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("ruled", ruled)
        async with service.client() as client:
            await client.submit([interfaces("leaf1")])
            (one,) = (await client.check_models("leaf1", models="ruled")).untakeable
    assert (one.path, one.reason) == (MTU, "rule")
    assert one.sent_path == MTU.replace("Ethernet1", "swp1")


async def test_defaults_that_a_profile_has_fabricd_say_are_judged_too(tmp_path: Path) -> None:
    enabled = DataPath.parse("/openconfig-interfaces:interfaces/interface/config/enabled")
    profile = Profile("off-by-default", likeness=Likeness(defaults=((enabled, "false"),)))
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    without = [(name, text.replace(b"leaf enabled {", b"leaf on {")) for name, text in managed()]
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("without", without, modules=["openconfig-interfaces", "iana-if-type"])
        async with service.client() as client:
            await client.submit([interfaces("leaf1")])
            (one,) = (await client.check_models("leaf1", models="without")).untakeable
    assert (one.path, one.value_json, one.reason) == (MTU.replace("/mtu", "/enabled"), "true", "node")
    assert (one.intent, one.sent_path) == ("", "")


def named(length: str) -> list[tuple[str, bytes]]:
    """The managed models, with names of interfaces of this length only."""
    head, tail = b"leaf name {\n      type string", b'description "Name of the interface as'
    found = [
        (name, text.replace(head + b";\n      " + tail, head + b' { length "%b"; }\n      ' % length.encode() + tail))
        for name, text in managed()
    ]
    assert found != managed()
    return found


async def test_no_secret_is_told_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    likeness = Likeness(secrets=(DataPath.parse("/openconfig-interfaces:interfaces/interface/config/mtu"),))
    profile = Profile("secretive", likeness=likeness)
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("without", without_mtu())
        await bench.install("narrow", narrow())
        async with service.client() as client:
            await client.submit([interfaces("leaf1", mtu=9000)])
            for models, reason in (("without", "node"), ("narrow", "value")):
                found = await client.check_models("leaf1", models=models)
                (one,) = found.untakeable
                assert (one.path, one.reason, one.value_json) == (MTU, reason, "")
                assert "9000" not in str(found)


def without_mtu() -> list[tuple[str, bytes]]:
    """The managed models with another name for the MTU of an interface."""
    found = managed()
    names = [name for name, _ in found]
    at = names.index("openconfig-interfaces.yang")
    found[at] = (names[at], found[at][1].replace(b"leaf mtu {", b"leaf other-mtu {", 1))
    return found


async def test_features_are_enabled_unless_others_are_chosen(bench: Bench) -> None:
    featured = [
        (name, with_features(text) if name == "openconfig-interfaces.yang" else text) for name, text in managed()
    ]
    installed = await bench.install("all", featured)
    assert features_of(installed) == {"openconfig-interfaces": ["jumbo", "tiny"]}
    fewer = await bench.install("few", featured, features=["openconfig-interfaces:tiny"])
    assert features_of(fewer) == {"openconfig-interfaces": ["tiny"]}
    with pytest.raises(InputError, match="has no feature 'wings'"):
        await bench.install("few", featured, features=["openconfig-interfaces:wings"])
    async with bench.service.client() as client:
        await client.submit([interfaces("leaf1")])
        assert not (await client.check_models("leaf1", models="all")).untakeable
        (one,) = (await client.check_models("leaf1", models="few")).untakeable
        assert (one.path, one.reason) == (MTU, "node")
        # The same files with other features are another set, at once and after a look at the old one.
        await bench.install("few", featured)
        assert not (await client.check_models("leaf1", models="few")).untakeable


async def test_features_and_deviations_that_a_switch_announces_are_in_force_in_its_set(tmp_path: Path) -> None:
    shutil.copytree(MANAGED, tmp_path / "handed-out")
    changed = tmp_path / "handed-out" / "openconfig-interfaces.yang"
    changed.write_bytes(with_features(changed.read_bytes()))
    described = "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:description"
    deviation = tmp_path / "acme-deviations.yang"
    deviation.write_text(
        "module acme-deviations { namespace urn:acme; prefix acme; import openconfig-interfaces { prefix oc-if; }\n"
        f'revision 2026-01-01; deviation "{described}" {{ deviate not-supported; }} }}'
    )
    async with contextlib.AsyncExitStack() as stack:
        running = switches(tmp_path, "leaf2", models=str(tmp_path / "handed-out"), deviations=(deviation,))
        simulation, devices = await stack.enter_async_context(running)
        profile = Profile("own", "leaf2-models", timeouts=PATIENT)
        devices["leaf2"] = replace(netconf_device(simulation, devices["leaf2"]), profile=profile)
        service = await stack.enter_async_context(serving(tmp_path, devices=devices, running=False))
        bench = Bench(service)
        last = await bench.fetch("leaf2", "leaf2-models")
        assert features_of(last.installed) == {"openconfig-interfaces": ["jumbo", "tiny"]}
        assert "acme-deviations" in [one.name for one in last.installed.modules]
        kept = [file.name for file in service.controller.fleet.models["leaf2-models"].deviations]
        assert "acme-deviations@2026-01-01.yang" in kept
        plain = interfaces("leaf2", mtu=9000)
        said = pb.Document(
            source="said.yaml",
            content=plain.content.replace(b"mtu: 9000", b"description: x").replace(b"name: leaf2", b"name: said"),
        )
        async with service.client() as client:
            await client.submit([plain])  # what needs the feature is fine
            with pytest.raises(InputError) as refused:
                await client.submit([said])
            (problem,) = refused.value.problems
            assert (problem.intent, problem.path.rpartition("/")[2]) == ("said.yaml: said", "description")
            (plan,) = (await client.plan()).plans
            assert (plan.error, len(plan.edits)) == ("", 1)


async def test_a_set_in_use_is_replaced_only_by_one_that_every_desired_tree_fits(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        _, devices = await stack.enter_async_context(switches(tmp_path, "leaf1"))
        profile = Profile("mine", "mine", timeouts=PATIENT)
        using = {name: replace(device, profile=profile) for name, device in devices.items()}
        first = await stack.enter_async_context(serving(tmp_path, devices=using, running=False))
        bench = Bench(first)
        await bench.install("mine", managed())
        async with first.client() as client:
            await client.submit([interfaces("leaf1", mtu=9000)])
            with pytest.raises(ConflictError, match="used by leaf1"):
                await client.remove_models("mine")
        before = first.controller.fleet.models["mine"]
        with pytest.raises(InputError) as refused:
            await bench.install("mine", narrow())
        (problem,) = refused.value.problems
        assert (problem.device, problem.path) == ("leaf1", MTU)
        assert first.controller.fleet.models["mine"] == before
        wider = [*managed(), ("more.yang", module("more", "  container more { leaf here { type string; } }"))]
        again = await bench.install("mine", wider)
        assert list(again.devices) == ["leaf1"]
        assert first.controller.fleet.models["mine"] != before
        async with first.client() as client:
            (plan,) = (await client.plan()).plans
            assert (plan.error, len(plan.edits)) == ("", 1)


async def test_nothing_is_submitted_between_the_check_of_a_set_and_its_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, go_on = threading.Event(), threading.Event()

    class Hesitant(ModelFolder):
        def adopt(self, candidate: InstalledSet) -> None:
            checked.set()
            if not go_on.wait(DEADLINE):
                raise TimeoutError("nobody lets go")
            super().adopt(candidate)

    monkeypatch.setattr("northbound_harness.ModelFolder", Hesitant)
    profile = Profile("mine", "mine", timeouts=PATIENT)
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    async with serving(tmp_path, devices=devices, running=False) as service, asyncio.TaskGroup() as tasks:
        bench = Bench(service)
        go_on.set()
        await bench.install("mine", managed())
        go_on.clear()
        checked.clear()
        installing = tasks.create_task(bench.install("mine", narrow()))
        assert await asyncio.to_thread(checked.wait, DEADLINE)
        async with service.client() as client:
            submitting = asyncio.create_task(client.submit([interfaces("leaf1", mtu=9000)]))
            # The submission is read, and waits: it is not validated by models that are about to go.
            assert not (await asyncio.wait([submitting], timeout=0.3))[0]
            go_on.set()
            await installing
            with pytest.raises(InputError, match="mtu"):
                await submitting
            assert (await client.submit([interfaces("leaf1", mtu=1500)])).revision == 1


async def test_a_set_must_load_with_the_deviations_of_profiles_that_name_it(tmp_path: Path) -> None:
    (tmp_path / "gone.yang").write_text(
        "module gone { namespace urn:gone; prefix gone; import openconfig-lldp { prefix l; }\n"
        "deviation /l:lldp { deviate not-supported; } }"
    )
    profile = Profile("mine", "mine", deviations=(str(tmp_path / "gone.yang"),))
    devices = {name: replace(device, profile=profile) for name, device in unreachable("leaf1").items()}
    async with serving(tmp_path, devices=devices, running=False) as service:
        bench = Bench(service)
        await bench.install("mine", managed())
        before = service.controller.fleet.models["mine"]
        without = [(name, text) for name, text in managed() if name != "openconfig-lldp.yang"]
        with pytest.raises(InputError) as refused:
            await bench.install("mine", without)
        assert [problem.device for problem in refused.value.problems] == ["leaf1"]
        assert service.controller.fleet.models["mine"] == before
        assert ModelFolder(tmp_path / "models").installed()["mine"].models == before
