"""Every kind of bad document, submitted to one daemon over the wire: a clear error with its place, nothing changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from installation import Installation, descriptions, installed
from refusals import changes_nothing, plain_channel, refusal

from fabricd.northbound.v1 import fabricd_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTERFACES = "openconfig-interfaces:interfaces"
PORT = f"/{INTERFACES}/interface[name='Ethernet1']/config"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fabric(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """The demo's fabric, in sync; nobody may write what the profile protects."""
    async with installed(tmp_path_factory.mktemp("bad-input")) as installation:
        profiles = installation.folder / "profiles"
        profiles.mkdir()
        (profiles / "guarded.toml").write_text(
            'name = "guarded"\nmodels = "managed"\n'
            "protected = [\"/openconfig-interfaces:interfaces/interface[name='Management0']\"]\n"
        )
        for file, old, new in (
            ("inventory.toml", '"openconfig"', '"guarded"'),
            ("fabricd.toml", "[reconcile]", 'profiles = "profiles"\n[reconcile]'),
        ):
            text = (installation.folder / file).read_text()
            (installation.folder / file).write_text(text.replace(old, new, 1))
        await installation.start()
        await installation.submit_fabric()
        await installation.client.submit([descriptions("used", "x", ["leaf2"])], request_id="used")
        await installation.converge()
        yield installation


def yaml(config: str, *, name: str = "bad", devices: str = "leaf1", more: str = "") -> bytes:
    """An intent whose configuration begins in line 6."""
    return f"kind: config\nname: {name}\ndevices: [{devices}]\n{more or 'priority: 200'}\nconfig:\n{config}".encode()


def interface(leaves: str, name: str = "Ethernet1") -> str:
    """Leaves of an interface; each in a line of its own, the first of them in line 9 of the document."""
    lines = "".join(f"          {leaf}\n" for leaf in leaves.split("; "))
    return f"  {INTERFACES}:\n    interface:\n      - name: {name}\n        config:\n          name: {name}\n{lines}"


def envelope(config: Any, **more: Any) -> bytes:
    return json.dumps({"kind": "config", "name": "bad", "devices": ["leaf1"], "config": config, **more}).encode()


def submit(*contents: bytes, source: str = "bad", **more: Any) -> pb.SubmitRequest:
    return pb.SubmitRequest(documents=[pb.Document(source=source, content=content) for content in contents], **more)


BGP_TO_NOBODY = """\
  openconfig-network-instance:network-instances:
    network-instance:
      - name: default
        protocols:
          protocol:
            - identifier: openconfig-policy-types:BGP
              name: underlay
              bgp:
                neighbors:
                  neighbor:
                    - neighbor-address: 10.0.1.0
                      config:
                        peer-group: nobody
"""
BGP_PATH = (
    "/openconfig-network-instance:network-instances/network-instance[name='default']/protocols/protocol"
    "[identifier='openconfig-policy-types:BGP'][name='underlay']/bgp/neighbors/neighbor"
    "[neighbor-address='10.0.1.0']/config/peer-group"
)


@dataclass(frozen=True)
class Case:
    """A submission, and the first problem that the answer has to name. None: no such place exists for it."""

    request: pb.SubmitRequest | Callable[[], pb.SubmitRequest]
    says: str
    intent: str = "bad"
    path: str = ""
    line: int = 0
    device: str = ""


def bomb() -> bytes:
    """Nine times nine times nine ... of a word."""
    letters = "abcdefghijkl"
    levels = "".join(
        f"  {letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]\n" for before, letter in itertools.pairwise(letters)
    )
    return yaml(f"  a: &a [{', '.join(['lol'] * 9)}]\n{levels}")


DOCUMENTS = {
    "malformed JSON": Case(submit(b'{"kind": "config",\n "name": '), "not JSON", line=2),
    "text after JSON": Case(submit(envelope({}) + b"\n}"), "not JSON", line=2),
    "JSON with NaN": Case(submit(b'{"kind": NaN}'), "NaN"),
    "malformed YAML": Case(submit(b"kind: config\nname: [\n"), "not YAML", line=3),
    "YAML with a tab for indentation": Case(submit(b"kind: config\nconfig:\n\ta: 1\n"), "not YAML", line=3),
    "YAML that runs code": Case(
        submit(yaml("  {}\n").replace(b"kind: config", b"kind: !!python/object/apply:os.system [id]")),
        "Input should be",
        "bad: bad",
        "kind",
        line=1,
    ),
    "a YAML of the future": Case(submit(b"%YAML 1.9\n---\nkind: config\n"), "a version that nobody knows"),
    "an anchor that stands twice": Case(submit(yaml("  a: &x 1\n  b: &x 2\n")), "", "bad: bad", "/a", line=6),
    "YAML merge key": Case(submit(yaml("  <<: {}\n")), "merge keys", line=6),
    "not a mapping": Case(submit(b"- just\n- a list\n"), "valid dictionary", line=1),
    "a format nobody has": Case(
        lambda: pb.SubmitRequest(documents=[pb.Document(source="bad", format=99, content=b"{}")]),  # type: ignore[arg-type]
        "unknown document format 99",
    ),
    "empty document": Case(submit(b""), "the document is empty"),
    "only comments": Case(submit(b"# nothing\n"), "the document is empty"),
    "not UTF-8": Case(submit(yaml("  a: '\xff'\n").replace(b"\xc3\xbf", b"\xff")), "not UTF-8: byte 69 is 0xff"),
    "UTF-16": Case(submit("kind: config".encode("utf-16")), "not UTF-8: byte 1 is 0xff"),
    "NUL byte in YAML": Case(submit(yaml("  a: b\0c\n")), "not YAML"),
    "NUL byte in JSON": Case(submit(envelope({"a": "b c"}).replace(b" c", b"\0c")), "not JSON", line=1),
    "escaped NUL": Case(
        submit(yaml(interface('description: "a\\0b"'))), "", intent="bad: bad", path=f"{PORT}/description", line=11
    ),
    "half a surrogate pair in JSON": Case(submit(envelope({"a": "\ud800"})), "surrogate", line=1),
    "half a surrogate pair in YAML": Case(submit(yaml('  a: "\\ud800"\n')), "surrogate", line=6),
    "beyond Unicode": Case(submit(yaml('  a: "\\Uffffffff"\n')), "stands for no character"),
    "duplicate key in JSON": Case(submit(b'{"kind": "config",\n "kind": "config"}'), "'kind' occurs twice", line=2),
    "duplicate key in YAML": Case(submit(yaml(interface("mtu: 1500; mtu: 9000"))), "'mtu' occurs twice", line=12),
    "the same entry twice": Case(
        submit(yaml(interface("mtu: 1500") + "      - name: Ethernet1\n")),
        "",
        intent="bad: bad",
        path=f"/{INTERFACES}/interface[name='Ethernet1']",
    ),
    "YAML bomb": Case(lambda: submit(bomb()), "aliases expand to more than"),
    "an alias of itself": Case(submit(yaml("  a: &a [*a]\n")), "nested deeper than 100 levels", line=6),
    "10,000 levels of JSON": Case(
        lambda: submit(envelope(1).replace(b": 1}", b": " + b'{"a":' * 10_000 + b"1" + b"}" * 10_001)),
        "nested deeper than 100 levels",
    ),
    "10,000 levels of JSON lists, open": Case(lambda: submit(b"[" * 10_000), "nested deeper than 100 levels"),
    "10,000 levels of YAML": Case(lambda: submit(yaml("  a:\n    " + "- " * 10_000)), "nested deeper than 100 levels"),
    "200 levels of configuration": Case(
        lambda: submit(envelope(json.loads('{"a":' * 200 + "1" + "}" * 200))), "nested deeper than 100 levels"
    ),
    "64 MB": Case(lambda: submit(b"#" * (64 << 20)), f"{64 << 20} bytes"),
    "9 MB of YAML": Case(lambda: submit(b"#" * (9 << 20)), f"{9 << 20} bytes of YAML"),
    "16 MB of JSON that no model has": Case(
        lambda: submit(envelope({"x": "y" * (16 << 20)})), "", intent="bad: bad", path="/x"
    ),
    "20,000 documents of one name": Case(
        lambda: submit(*[envelope({})] * 20_000), "the name is taken", intent="bad: bad"
    ),
    "1,000 documents in one file for devices nobody has": Case(
        lambda: submit(b"---\n".join(yaml("  {}\n", name=f"n{n}", devices=f"d{n}") for n in range(1000))),
        "no device 'd0'",
        intent="bad: n0",
        path="devices",
        line=3,
    ),
    "a device named 20,000 times": Case(
        lambda: submit(envelope({}, devices=["leaf1"] * 20_000)), "'leaf1' is named twice", "bad: bad", "devices"
    ),
    "unknown device": Case(
        submit(yaml("  {}\n", devices="leaf1, leaf9")), "no device 'leaf9'", "bad: bad", "devices", line=3
    ),
    "no device": Case(submit(yaml("  {}\n", devices="")), "at least 1", "bad: bad", "devices", line=3),
    "no name": Case(submit(b"kind: config\ndevices: [leaf1]\nconfig: {}\n"), "required", path="name", line=1),
    "a kind nobody has": Case(submit(yaml("  {}\n").replace(b"config", b"wish", 1)), "config", "bad: bad", "kind", 1),
    "a key nobody knows": Case(submit(yaml("  {}\n", more="colour: red")), "not permitted", "bad: bad", "colour", 4),
    "a name with a slash in front": Case(
        submit(yaml("  {}\n", name="/etc/passwd")), "pattern", path="name", line=2, intent="bad: /etc/passwd"
    ),
    "a negative priority": Case(submit(yaml("  {}\n", more="priority: -1")), "greater", "bad: bad", "priority", 4),
    "an absurd priority": Case(submit(yaml("  {}\n", more="priority: 1" + "0" * 40)), "", "bad: bad", "priority", 4),
    "a priority in words": Case(submit(yaml("  {}\n", more="priority: high")), "integer", "bad: bad", "priority", 4),
    "replace of no node": Case(
        submit(yaml("  {}\n", more="replace: [/openconfig-interfaces:ports]")),
        "names no node",
        "bad: bad",
        "/openconfig-interfaces:ports",
    ),
    "replace of no path": Case(submit(yaml("  {}\n", more="replace: ['/a[b']")), "", "bad: bad", "replace", line=4),
    "unknown leaf": Case(submit(yaml(interface("mtu: 9000; colour: red"))), "", "bad: bad", f"{PORT}/colour", 12),
    "unknown module": Case(submit(yaml("  acme-ports:ports: {}\n")), "", "bad: bad", "/acme-ports:ports", 6),
    "state leaf": Case(
        submit(yaml(interface("mtu: 9000") + "        state:\n          oper-status: UP\n")),
        "state",
        "bad: bad",
        f"/{INTERFACES}/interface[name='Ethernet1']/state",
        line=12,
    ),
    "wrong type": Case(submit(yaml(interface("mtu: huge"))), "huge", "bad: bad", f"{PORT}/mtu", line=11),
    "out of range": Case(submit(yaml(interface("mtu: 70000"))), "70000", "bad: bad", f"{PORT}/mtu", line=11),
    "negative where no sign is": Case(submit(yaml(interface("mtu: -1"))), "-1", "bad: bad", f"{PORT}/mtu", line=11),
    "40 digits": Case(submit(yaml(interface("mtu: 1" + "0" * 40))), "0000", "bad: bad", f"{PORT}/mtu", line=11),
    "a list for a leaf": Case(submit(yaml(interface("mtu: [1, 2]"))), "", "bad: bad", f"{PORT}/mtu", line=11),
    "a leaf for a container": Case(submit(yaml(f"  {INTERFACES}: 7\n")), "", "bad: bad", f"/{INTERFACES}", line=6),
    "null": Case(submit(yaml(interface("mtu: ~"))), "", "bad: bad", f"{PORT}/mtu", line=11),
    "an unknown identity": Case(submit(yaml(interface("type: acme:fast"))), "fast", "bad: bad", f"{PORT}/type", 11),
    "an entry without its key": Case(
        submit(yaml(f"  {INTERFACES}:\n    interface:\n      - config: {{mtu: 9000}}\n")),
        "name",
        "bad: bad",
        f"/{INTERFACES}/interface",
    ),
    "key and leaf disagree": Case(
        submit(yaml(interface("mtu: 9000").replace("          name: Ethernet1", "          name: Ethernet2"))),
        "",
        "bad: bad",
        f"/{INTERFACES}/interface[name='Ethernet1']/name",
        device="leaf1",
    ),
    "leafref to nothing": Case(submit(yaml(BGP_TO_NOBODY)), "", "bad: bad", BGP_PATH, line=18, device="leaf1"),
    "protected path": Case(
        submit(yaml(interface("type: iana-if-type:ethernetCsmacd", name="Management0"))),
        "protected by the profile 'guarded'",
        "bad: bad",
        f"/{INTERFACES}/interface[name='Management0']",
        line=8,
        device="leaf1",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_bad_document_is_refused_with_its_place(fabric: Installation, name: str) -> None:
    case = DOCUMENTS[name]
    request = case.request if isinstance(case.request, pb.SubmitRequest) else case.request()
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", request)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
    problem = found.problems[0]
    assert case.says in problem.message
    assert problem.message
    assert (problem.intent, problem.path, problem.device) == (case.intent, case.path, case.device), problem
    if case.line:
        assert problem.line == case.line, problem
        assert problem.column > 0
    # The same for clients that know google.rpc only.
    assert found.fields[0] == f"{case.intent}/{case.device}{case.path if case.path[:1] == '/' else '/' + case.path}"
    assert len(found.message) < 2000
