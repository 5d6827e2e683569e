"""Proof that yang/openconfig says what the official OpenConfig release says, and in words of its own.

Called by pytest; the comparison with the release needs the release (see conftest) and skips without it, the rest
always runs. Knows nothing of the daemon.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libyang
import pytest

from fabricd.schema.compare import Difference, compare, node_count

OURS = Path(__file__).resolve().parents[2] / "yang" / "openconfig"
MODULES = sorted(path.stem for path in OURS.glob("*.yang"))

RELEASE_LOAD_ORDER = (
    "iana-if-type",
    "openconfig-policy-forwarding",
    "openconfig-interfaces",
    "openconfig-if-ethernet",
    "openconfig-if-aggregate",
    "openconfig-vlan",
    "openconfig-if-ip",
    "openconfig-lldp",
    "openconfig-lacp",
    "openconfig-network-instance",
    "openconfig-acl",
    "openconfig-platform",
    "openconfig-system",
    "openconfig-qos",
    "openconfig-routing-policy",
    "openconfig-bgp-policy",
    "openconfig-defined-sets",
    "openconfig-bfd",
    "openconfig-spanning-tree",
    "openconfig-ethernet-segments",
)
SHORT = 25
"""Descriptions up to this many characters ("IPv4 address.") may coincide without anyone having copied."""


@dataclass(frozen=True)
class Mutation:
    """One wrong statement in one module, and the difference it has to show up as."""

    name: str
    module: str
    old: str
    new: str
    path: str
    facet: str


INTERFACE = "/openconfig-interfaces:interfaces/interface"
SUBINTERFACE = f"{INTERFACE}/subinterfaces/subinterface"
INSTANCE = "/openconfig-network-instance:network-instances/network-instance"
BGP = f"{INSTANCE}/protocols/protocol/bgp"
NEIGHBOR = f"{BGP}/neighbors/neighbor"
BGP_ACTIONS = (
    "/openconfig-routing-policy:routing-policy/policy-definitions/policy-definition/statements/statement"
    "/actions/openconfig-bgp-policy:bgp-actions"
)

MUTATIONS = (
    Mutation(
        "built-in type",
        "openconfig-interfaces",
        "leaf mtu {\n      type uint16;",
        "leaf mtu {\n      type uint32;",
        f"{INTERFACE}/config/mtu",
        "type",
    ),
    Mutation(
        "range",
        "openconfig-if-ip",
        'range "0..128"',
        'range "0..127"',
        f"{SUBINTERFACE}/openconfig-if-ip:ipv6/addresses/address/config/prefix-length",
        "type",
    ),
    Mutation(
        "range behind a typedef of another module",
        "openconfig-vlan-types",
        'range "1..4094"',
        'range "1..4095"',
        f"{INSTANCE}/vlans/vlan/config/vlan-id",
        "type",
    ),
    Mutation(
        "pattern behind a typedef of another module",
        "openconfig-yang-types",
        "'[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}'",
        "'[0-9a-f]{2}(:[0-9a-f]{2}){5}'",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/config/mac-address",
        "type",
    ),
    Mutation(
        "length",
        "openconfig-lldp",
        'leaf system-name {\n      type string {\n        length "0..255"',
        'leaf system-name {\n      type string {\n        length "0..254"',
        "/openconfig-lldp:lldp/config/system-name",
        "type",
    ),
    Mutation(
        "name of an enum",
        "openconfig-bgp",
        "enum OPENSENT {",
        "enum OPEN_SENT {",
        f"{NEIGHBOR}/state/session-state",
        "type",
    ),
    Mutation(
        "number of an enum",
        "openconfig-interfaces",
        "enum LOWER_LAYER_DOWN {\n          value 7;",
        "enum LOWER_LAYER_DOWN {\n          value 8;",
        f"{INTERFACE}/state/oper-status",
        "type",
    ),
    Mutation(
        "base of an identityref",
        "openconfig-if-ethernet",
        "leaf port-speed {\n      type identityref {\n        base ETHERNET_SPEED;",
        "leaf port-speed {\n      type identityref {\n        base INTERFACE_FEC;",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/config/port-speed",
        "type",
    ),
    Mutation(
        "path of a leafref",
        "openconfig-bgp",
        "/peer-groups/peer-group/peer-group-name",
        "/peer-groups/peer-group/config/peer-group-name",
        f"{NEIGHBOR}/config/peer-group",
        "type",
    ),
    Mutation(
        "order of union members",
        "openconfig-local-routing",
        "type inet:ip-address;\n        type local-defined-next-hop;",
        "type local-defined-next-hop;\n        type inet:ip-address;",
        f"{INSTANCE}/protocols/protocol/static-routes/static/next-hops/next-hop/config/next-hop",
        "type",
    ),
    Mutation(
        "order of keys",
        "openconfig-network-instance",
        'key "identifier name"',
        'key "name identifier"',
        f"{INSTANCE}/protocols/protocol",
        "key",
    ),
    Mutation(
        "default",
        "openconfig-system",
        "default 123;",
        "default 124;",
        "/openconfig-system:system/ntp/servers/server/config/port",
        "default",
    ),
    Mutation(
        "missing default",
        "openconfig-vlan",
        "default ACTIVE;",
        "",
        f"{INSTANCE}/vlans/vlan/config/status",
        "default",
    ),
    Mutation(
        "units",
        "openconfig-lldp",
        "leaf hello-timer {\n      type uint64;\n      units seconds;",
        "leaf hello-timer {\n      type uint64;\n      units milliseconds;",
        "/openconfig-lldp:lldp/config/hello-timer",
        "units",
    ),
    Mutation(
        "configuration instead of state",
        "openconfig-lldp",
        "container neighbors {\n          config false;",
        "container neighbors {",
        "/openconfig-lldp:lldp/interfaces/interface/neighbors",
        "config",
    ),
    Mutation(
        "missing mandatory",
        "openconfig-bgp",
        "leaf as {\n      type oc-inet:as-number;\n      mandatory true;",
        "leaf as {\n      type oc-inet:as-number;",
        f"{BGP}/global/config/as",
        "mandatory",
    ),
    Mutation(
        "must that is not there",
        "openconfig-interfaces",
        "leaf loopback-mode {",
        "leaf loopback-mode {\n      must \"../enabled = 'true'\";",
        f"{INTERFACE}/config/loopback-mode",
        "must",
    ),
    Mutation(
        "another must",
        "openconfig-bgp-policy",
        "(not(set-aigp) or set-aigp-action)",
        "(not(set-aigp) or set-aigp-action = 'SET')",
        f"{BGP_ACTIONS}/config",
        "must",
    ),
    Mutation(
        "must that is gone",
        "openconfig-bgp-policy",
        "must \"(set-med != 'IGP' and set-med-action) or(set-med = 'IGP' and set-med-action = 'SET')\" {",
        'must "true()" {',
        f"{BGP_ACTIONS}/config",
        "must",
    ),
    Mutation(
        "target of a leafref",
        "openconfig-acl",
        "acl-sets/acl-set[name=current()/../set-name]/config/type",
        "acl-sets/acl-set/config/type",
        "/openconfig-acl:acl/interfaces/interface/ingress-acl-sets/ingress-acl-set/config/type",
        "type",
    ),
    Mutation(
        "order of statements left to the system",
        "openconfig-routing-policy",
        'list statement { key "name"; ordered-by user;',
        'list statement { key "name";',
        "/openconfig-routing-policy:routing-policy/policy-definitions/policy-definition/statements/statement",
        "ordered-by",
    ),
    Mutation(
        "another when",
        "openconfig-network-instance",
        "when \"./config/identifier = 'oc-pol-types:BGP'\"",
        "when \"./config/identifier = 'oc-pol-types:STATIC'\"",
        BGP,
        "when",
    ),
    Mutation(
        "missing when",
        "openconfig-vlan",
        "when \"../interface-mode = 'ACCESS'\";",
        "",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/openconfig-vlan:switched-vlan/config/access-vlan",
        "when",
    ),
    Mutation(
        "when at another node",
        "openconfig-if-ethernet",
        """when "oc-if:config/oc-if:type = 'ianaift:ethernetCsmacd'
        or oc-if:config/oc-if:type = 'ianaift:ieee8023adLag'";
        description "Ethernet part of an interface.";
        container ethernet {""",
        """description "Ethernet part of an interface.";
        container ethernet {
        when "oc-if:config/oc-if:type = 'ianaift:ethernetCsmacd' "
        + "or oc-if:config/oc-if:type = 'ianaift:ieee8023adLag'";""",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet",
        "when",
    ),
    Mutation(
        "order of entries left to the system",
        "openconfig-system",
        'key "address";\n          ordered-by user;',
        'key "address";',
        "/openconfig-system:system/dns/servers/server",
        "ordered-by",
    ),
    Mutation(
        "fewest entries",
        "openconfig-system",
        "list host-entry {",
        "list host-entry {\n          min-elements 1;",
        "/openconfig-system:system/dns/host-entries/host-entry",
        "min-elements",
    ),
    Mutation(
        "most entries",
        "openconfig-system",
        "list ntp-key {",
        "list ntp-key {\n          max-elements 4;",
        "/openconfig-system:system/ntp/ntp-keys/ntp-key",
        "max-elements",
    ),
    Mutation(
        "unique",
        "openconfig-network-instance",
        'key "id";',
        'key "id"; unique "config/interface";',
        f"{INSTANCE}/interfaces/interface",
        "unique",
    ),
    Mutation(
        "presence",
        "openconfig-system",
        "container clock {",
        'container clock {\n      presence "a clock";',
        "/openconfig-system:system/clock",
        "presence",
    ),
    Mutation(
        "status",
        "openconfig-bgp",
        "leaf tcp-mss {",
        "leaf tcp-mss {\n      status deprecated;",
        f"{NEIGHBOR}/transport/config/tcp-mss",
        "status",
    ),
    Mutation(
        "kind of node",
        "openconfig-system",
        "leaf-list alias {",
        "leaf alias {",
        "/openconfig-system:system/dns/host-entries/host-entry/config/alias",
        "kind",
    ),
    Mutation(
        "node that the release does not have",
        "openconfig-interfaces",
        "leaf cpu {",
        "leaf gpu {",
        f"{INTERFACE}/state/gpu",
        "node",
    ),
    Mutation(
        "namespace",
        "openconfig-lldp",
        'namespace "http://openconfig.net/yang/lldp"',
        'namespace "http://openconfig.net/yang/lldp2"',
        "/openconfig-lldp:lldp",
        "namespace",
    ),
    Mutation(
        "prefix",
        "openconfig-lldp",
        "prefix oc-lldp;",
        "prefix oc-lldp2;",
        "module openconfig-lldp",
        "prefix",
    ),
    Mutation(
        "identity that the release does not have",
        "openconfig-policy-types",
        "identity PCEP {",
        "identity PCEP2 {",
        "identity openconfig-policy-types:PCEP2",
        "identity",
    ),
    Mutation(
        "base of an identity",
        "openconfig-if-ethernet",
        "identity SPEED_10GB {\n    base ETHERNET_SPEED;",
        "identity SPEED_10GB {\n    base INTERFACE_FEC;",
        "identity openconfig-if-ethernet:SPEED_10GB",
        "base",
    ),
    Mutation(
        "notification",
        "openconfig-lldp",
        "container lldp {",
        "notification neighbor-lost;\n  container lldp {",
        "/openconfig-lldp:neighbor-lost",
        "notification",
    ),
)


def load(folder: Path, modules: Iterator[str] | list[str] | tuple[str, ...]) -> libyang.Context:
    context = libyang.Context(str(folder))
    for module in modules:
        context.load_module(module)
    return context


def load_release(folder: Path) -> libyang.Context:
    types = sorted(path.stem for path in folder.glob("openconfig-*-types.yang"))
    return load(folder, [*types, *RELEASE_LOAD_ORDER])


def mutated_copy(folder: Path, mutations: tuple[Mutation, ...]) -> Path:
    shutil.copytree(OURS, folder)
    for mutation in mutations:
        file = folder / f"{mutation.module}.yang"
        text = file.read_text()
        pattern = r"\s+".join(re.escape(word) for word in mutation.old.split())
        mutated, replaced = re.subn(pattern, lambda _, new=mutation.new: new, text, count=1)  # type: ignore[misc]
        assert replaced, f"{mutation.module} no longer has {mutation.old!r}"
        file.write_text(mutated)
    return folder


def found(differences: list[Difference], mutation: Mutation) -> bool:
    return any((found.path, found.facet) == (mutation.path, mutation.facet) for found in differences)


def test_every_node_is_defined_as_in_the_official_release(
    openconfig_release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, official = load(OURS, MODULES), load_release(openconfig_release)
    differences = compare(ours, official)
    compared = node_count(ours)
    with capsys.disabled():
        print(
            f"\nyang/openconfig: {len(MODULES)} modules, {compared} nodes compared with the official release "
            f"({node_count(official)} nodes), {len(differences)} differences"
        )
    assert not differences, "\n".join(map(str, differences))
    assert compared > 1000, "most of the models did not take part in the comparison"


def test_all_mutations_at_once_are_found_against_the_official_release(openconfig_release: Path, tmp_path: Path) -> None:
    mutated = load(mutated_copy(tmp_path / "yang", MUTATIONS), MODULES)
    differences = compare(mutated, load_release(openconfig_release))
    assert [mutation.name for mutation in MUTATIONS if not found(differences, mutation)] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_single_wrong_statement_is_found(mutation: Mutation, tmp_path: Path) -> None:
    """Against our unchanged modules, which the test above proves equal; so this runs without the release too."""
    mutated = load(mutated_copy(tmp_path / "yang", (mutation,)), MODULES)
    differences = compare(mutated, load(OURS, MODULES))
    assert found(differences, mutation), "\n".join(map(str, differences)) or "no difference at all"


def test_a_set_of_models_agrees_with_itself_and_with_a_larger_one() -> None:
    everything = load(OURS, MODULES)
    assert compare(everything, load(OURS, MODULES)) == []
    part = load(OURS, ["iana-if-type", "openconfig-interfaces"])
    assert compare(part, everything) == []
    assert any(difference.facet == "module" for difference in compare(everything, part))


def test_a_notification_is_reported_as_not_compared_even_if_both_sides_have_it(tmp_path: Path) -> None:
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == "notification")
    folder = mutated_copy(tmp_path / "yang", (mutation,))
    assert [found.facet for found in compare(load(folder, MODULES), load(folder, MODULES))] == ["notification"]


def test_modules_load_in_any_order() -> None:
    forwards, backwards = load(OURS, MODULES), load(OURS, MODULES[::-1])
    assert compare(forwards, backwards) == []
    assert compare(backwards, forwards) == []


LOAD_AND_COMPLAIN = """
import logging, sys
import libyang
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")
libyang.configure_logging(True, logging.WARNING)
context = libyang.Context(sys.argv[1])
for module in sys.argv[2:]:
    context.load_module(module)
"""


def complaints(folder: Path) -> str:
    """What libyang says on loading every module; in a process of its own because its logging is process-wide."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_COMPLAIN, str(folder), *MODULES], capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr + (f"exit {done.returncode}" if done.returncode else "")


RELEASED_LIKE_THAT = re.compile(
    r"""^WARNING (Identityref "type" comparison with identity "ACL_\w+" without prefix, """
    r"""|Previous warning generated by XPath subexpression\[\d+] "type='ACL_\w+'" with context node ).*\n""",
    re.MULTILINE,
)
"""The release leaves the prefix out where openconfig-acl compares the type of a list, and we have to say the same."""


def test_every_module_compiles_without_a_warning_of_our_own() -> None:
    assert RELEASED_LIKE_THAT.sub("", complaints(OURS)) == ""


def test_a_warning_would_be_noticed(tmp_path: Path) -> None:
    dangling = Mutation(
        "", "openconfig-network-instance", "./config/identifier = 'oc-pol-types:BGP'", "./config/nothing = 'x'", "", ""
    )
    assert "nothing" in complaints(mutated_copy(tmp_path / "yang", (dangling,)))


def nodes(context: libyang.Context) -> Iterator[libyang.SNode]:
    def below(children: Iterator[libyang.SNode]) -> Iterator[libyang.SNode]:
        for node in children:
            yield node
            if isinstance(node, libyang.SContainer | libyang.SList):
                yield from below(node.children())

    for module in MODULES:
        yield from below(context.get_module(module).children())


def test_every_node_has_a_description() -> None:
    context = load(OURS, MODULES)
    every = list(nodes(context))
    assert len(every) == node_count(context)
    assert [node.schema_path() for node in every if not (node.description() or "").strip()] == []


DESCRIPTION = re.compile(r'\bdescription\s+("(?:[^"\\]|\\.)*"(?:\s*\+\s*"(?:[^"\\]|\\.)*")*|\'[^\']*\')')


def descriptions(folder: Path) -> dict[str, str]:
    """Every description in the modules of a folder, in lower case and without layout, and a module that has it."""
    gathered: dict[str, str] = {}
    for path in sorted(folder.glob("*.yang")):
        for match in DESCRIPTION.finditer(path.read_text(encoding="utf-8")):
            text = re.sub(r'"\s*\+\s*"', "", match[1]).strip("\"'")
            words = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
            gathered.setdefault(words, path.stem)
    return gathered


def test_no_description_is_taken_from_the_official_release(openconfig_release: Path) -> None:
    ours, official = descriptions(OURS), descriptions(openconfig_release)
    assert len(ours) > 500
    assert len(official) > 5000
    assert sorted(text for text in ours if len(text) > SHORT and text in official) == []
