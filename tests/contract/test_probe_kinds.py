"""The probe on every kind of simulated switch, over both protocols: what it finds, and that it leaves no trace.

The probes run side by side, each on a switch of its own. What each protocol cannot show is said with its reason.
"""

from __future__ import annotations

import asyncio
import itertools
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import orjson
import pytest
import pytest_asyncio
from target_bench import DEADLINE, eventually

from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Trust
from fabricd.model.probe import Certainty, ProbeOptions, ProbeReport
from fabricd.schema import ModelSet, SchemaPool
from fabricd.settings import data_folder
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.datastore import Store
from fabricd.simulator.kinds import kind_called, kind_names
from fabricd.southbound.probe import probe
from fabricd.southbound.profiles import load_profile, load_profiles

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

KINDS = kind_names()
PLAIN = "plain"
COMMIT = "fabricd-probe-1"

# The finding that tells of each quirk.
FINDINGS = {
    "omits_defaults": "omits-defaults",
    "off_by_default": "assumes-values",
    "wants_config_keys": "wants-config-keys",
    "unsupported": "unsupported-leaves",
    "adds_values": "assumes-values",
    "loose_json": "loose-json",
    "rewrites_secrets": "rewrites-secrets",
    "own_defaults": "assumes-values",
    "default_instance": "default-instance",
    "static_protocol": "static-protocol",
    "dotted_interface_refs": "interface-refs",
    "phantom_interfaces": "phantom-interfaces",
    "module_names": "names",
    "origin": "origin",
    "lag_with_members": "lag-with-members",
    "instance_before_address": "instance-before-address",
    "feature_first": "feature-first",
    "replace_flaps": "replace-flaps",
    "replace_needs_entry": "replace-needs-entry",
    "unknown_after_set": "unknown-after-set",
    "applies_after": "settle",
    "cli_values": "overridden-values",
    "partial_failure": "partial-failure",
    "keeps_ports": "keeps-ports",
    "acl_priority": "system-entries",
    "never_programs": "never-in-force",
    "explicit_membership": "explicit-membership",
    "no_root_get": "no-root-get",
    "late_counters": "late-counters",
    "missing_counter": "missing-counter",
    "no_delete_notifications": "no-delete-notifications",
    "silent_stream": "silent-stream",
    "wants_prefix": "prefix",
    "shuffles_lists": "shuffles-lists",
    "message_bytes": "message-bytes",
    "calls": "calls",
    "sessions": "sessions",
    "silent_when_full": "sessions",
    "stuck_lock": "stuck-lock",
    "own_confirmed_commit": "own-confirmed-commit",
    "error_before_hello": "error-before-hello",
    "delete_missing": "delete-missing",
    "no_replace": "no-replace",
}

# What a protocol cannot show, and why.
ONLY_GNMI = {
    "loose_json", "module_names", "origin", "replace_flaps", "replace_needs_entry", "unknown_after_set",
    "partial_failure", "no_root_get", "late_counters", "missing_counter", "no_delete_notifications", "silent_stream",
    "wants_prefix", "calls",
}  # fmt: skip
ONLY_NETCONF = {
    "sessions", "silent_when_full", "stuck_lock", "own_confirmed_commit", "error_before_hello", "delete_missing",
    "no_replace",
}  # fmt: skip
INVISIBLE = {
    Protocol.GNMI: dict.fromkeys(ONLY_NETCONF, "it is of NETCONF"),
    Protocol.NETCONF: {
        **dict.fromkeys(ONLY_GNMI, "it is of gNMI"),
        "wants_config_keys": "an edit-config without the leaf is wrong by the models themselves",
    },
}


@dataclass(frozen=True)
class Probed:
    """A switch and what became of it."""

    switch: Switch
    before: bytes
    report: ProbeReport
    notes: tuple[str, ...]
    known: dict[str, Profile]


def device_of(simulation: Simulation, switch: Switch, protocol: Protocol, password: File) -> Device:
    return Device(
        name=switch.name,
        address="127.0.0.1",
        port=switch.gnmi_port if protocol is Protocol.GNMI else switch.netconf_port,
        protocol=protocol,
        profile=Profile("somehow"),
        login=Login("operator", SecretReference("file", str(password))),
        trust=Trust(ca=str(simulation.ca_file), known_hosts=str(simulation.known_hosts_file)),
    )


async def configured(switch: Switch) -> bytes:
    """A switch with a name and two ports of which nobody uses one, once that shows."""
    ports = [
        {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd"}}
        for name in ("Ethernet1", "Ethernet2")
    ]
    await switch.change(
        {"/system/config/hostname": switch.name, "/interfaces": {"openconfig-interfaces:interface": ports}}
    )
    async with asyncio.timeout(DEADLINE):
        while b"Ethernet2" not in (await switch.live.shown()).config:
            await asyncio.sleep(0.02)
    return switch.running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def probed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[tuple[str, Protocol], Probed]]:
    folder = tmp_path_factory.mktemp("probe")
    password = folder / "password"
    password.write_text("a password\n")
    password.chmod(0o600)
    names = {(kind, protocol): f"{kind}-{protocol}" for kind in (PLAIN, *KINDS) for protocol in Protocol}
    config = SimulationConfig(
        state_directory=folder / "switches",
        username="operator",
        password="a password",
        switches=tuple(
            SwitchConfig.model_validate(
                {"name": name, "kind": "" if kind == PLAIN else kind, "ports": ("Ethernet1", "Ethernet2")}
            )
            for (kind, _), name in names.items()
        ),
    )
    known = load_profiles(data_folder("config") / "profiles")
    schemas = SchemaPool(2)
    try:
        async with Simulation(config) as simulation:

            async def one(kind: str, protocol: Protocol) -> Probed:
                switch = simulation.switches[names[kind, protocol]]
                before = await configured(switch)
                notes: list[str] = []

                async def note(text: str) -> None:
                    notes.append(text)

                report = await probe(
                    device_of(simulation, switch, protocol, password),
                    ProbeOptions(write=protocol is Protocol.GNMI),
                    models=ModelSet.managed(),
                    schemas=schemas,
                    known=tuple(known.values()),
                    commit=COMMIT,
                    note=note,
                    told=lambda _: None,
                )
                return Probed(switch, before, report, tuple(notes), known)

            found = await asyncio.gather(*itertools.starmap(one, names))
            yield dict(zip(names, found, strict=True))
    finally:
        await schemas.close()


def findings(one: Probed) -> dict[str, Any]:
    return {finding.name: finding for finding in one.report.findings}


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_quirk_of_a_kind_that_a_protocol_shows_is_found(
    probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol
) -> None:
    found = findings(probed[kind, protocol])
    for quirk in kind_called(kind).quirks:
        name = FINDINGS[quirk]
        if quirk in INVISIBLE[protocol]:
            continue
        assert name in found, (quirk, probed[kind, protocol].report.undecided)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_found_that_a_kind_does_not_do(
    probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol
) -> None:
    """`drops-leaves` is the other half of acl_priority."""
    possible = {FINDINGS[quirk] for quirk in kind_called(kind).quirks}
    possible |= {"drops-leaves"} if "acl_priority" in kind_called(kind).quirks else set()
    assert set(findings(probed[kind, protocol])) <= possible


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_switch_without_quirks_gets_the_defaults(
    probed: dict[tuple[str, Protocol], Probed], protocol: Protocol, tmp_path: File
) -> None:
    one = probed[PLAIN, protocol]
    assert one.report.findings == ()
    assert one.report.undecided == ()
    assert read_profile(tmp_path, one) == Profile(f"plain-{protocol}-probed")


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", [PLAIN, *KINDS])
async def test_a_probe_leaves_no_trace(
    probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol
) -> None:
    one = probed[kind, protocol]
    store = one.switch.live.datastore
    assert one.switch.running == one.before
    assert one.switch.config_file.read_bytes() == one.before
    assert one.report.left == ()
    assert store.pending is None
    assert not store.dirty
    assert not any(map(store.locked, Store))
    await eventually(lambda: one.switch.gnmi_connections == 0)
    await eventually(lambda: one.switch.netconf_sessions == 0)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", [PLAIN, *KINDS])
async def test_the_journal_is_told_before_anything_is_tried(
    probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol
) -> None:
    first = probed[kind, protocol].notes[0]
    assert COMMIT in first
    assert "Loopback1001" in first


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", KINDS)
async def test_the_profile_can_be_loaded_and_says_what_the_shipped_one_says(
    probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol, tmp_path: File
) -> None:
    one = probed[kind, protocol]
    written, ours = read_profile(tmp_path, one), one.known[kind]
    assert set(written.likeness.aliases) == set(ours.likeness.aliases)
    assert written.likeness.interface_refs == ours.likeness.interface_refs
    assert written.likeness.attach_default == ours.likeness.attach_default
    assert set(ours.likeness.unsupported) <= set(written.likeness.unsupported)
    assert set(ours.likeness.omitted) <= set(written.likeness.omitted)
    assert dict(ours.likeness.defaults) == dict(written.likeness.defaults)
    assert set(ours.likeness.secrets_anew) == set(written.likeness.secrets_anew)
    assert set(ours.write.first) == set(written.write.first)
    assert set(ours.write.before) == set(written.write.before)
    assert ours.write.shape == written.write.shape
    if protocol is Protocol.GNMI:
        assert written.write.replace == ours.write.replace
        assert (written.gnmi.origin, written.gnmi.names) == (ours.gnmi.origin, ours.gnmi.names)
    else:
        assert written.netconf.confirmed_commit == ours.netconf.confirmed_commit
        assert written.netconf.operations == ours.netconf.operations
        assert written.netconf.sessions == ours.netconf.sessions


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_remedy_is_tried(probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol) -> None:
    """The switches have a port that is down and used by nothing, and those of gNMI may be written to."""
    likely = {one.name for one in probed[kind, protocol].report.findings if one.certainty is Certainty.LIKELY}
    # With a confirmed commit of its own a device takes one change at a time.
    steps = "own_confirmed_commit" not in kind_called(kind).quirks or "feature_first" not in kind_called(kind).quirks
    assert likely == (set() if steps or protocol is Protocol.GNMI else {"feature-first"})


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_is_told(probed: dict[tuple[str, Protocol], Probed], kind: str, protocol: Protocol) -> None:
    report = probed[kind, protocol].report
    told = orjson.dumps([report.profile, report.findings, report.undecided])
    assert b"fabricd-probe-0A1b" not in told
    assert b"$8$" not in told


async def test_the_page_on_probes_says_what_each_protocol_shows() -> None:
    page = (File(__file__).resolve().parents[2] / "docs" / "probe.md").read_text()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    told = {row[1]: row for row in rows if row[1] in FINDINGS}
    assert set(told) == set(FINDINGS)
    for quirk, (_, _, name, kinds, over_gnmi, over_netconf) in told.items():
        assert name == FINDINGS[quirk]
        assert kinds == ", ".join(kind for kind in KINDS if quirk in kind_called(kind).quirks)
        for protocol, cell in ((Protocol.GNMI, over_gnmi), (Protocol.NETCONF, over_netconf)):
            why = INVISIBLE[protocol].get(quirk)
            assert cell == (f"no: {why}" if why else "with `--write" if quirk == "replace_flaps" else "yes")


def read_profile(folder: File, one: Probed) -> Profile:
    file = folder / "probed.toml"
    file.write_text(one.report.profile)
    tomllib.loads(one.report.profile)
    return load_profile(file)
