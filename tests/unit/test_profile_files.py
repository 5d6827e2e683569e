"""Profiles: every key is read, every mistake is named by file and key, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from fabricd.errors import InputError
from fabricd.model.device import Alias, GnmiTraits, Likeness, NetconfTraits, Profile, Timeouts, WriteTraits
from fabricd.model.path import Path as DataPath
from fabricd.schema import Schema
from fabricd.simulator.kinds import kind_names
from fabricd.southbound import profiles
from fabricd.southbound.profiles import load_profile, load_profiles

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = PROJECT / "config" / "profiles"

EVERYTHING = """
name = "thorough"
models = "release"
deviations = ["fabricd-oc-bgp-policy-deviations.yang", "mine.yang"]
authoritative = ["/a:b"]
protected = ["/a:c/d[name='x']"]
system_entries = ["/a:e[name='y']"]
confirm_within = 30
max_message_bytes = 4194304
timeouts = { connect = 1, read = 2, write = 3 }

[gnmi]
encoding = "json"
origin = "native"
prefix = true
names = "qualified"
read = "once"
commit = "no"

[netconf]
handler = "junos"
confirmed_commit = "own"
sessions = 1
lock = false

[netconf.operations]
confirm = "<confirm id='{id}'/>"
commit-confirmed = '''
<commit><seconds>{seconds}</seconds></commit>
'''

[write]
shape = "root"
replace = false
first = ["/a:b/first"]
before = ["/a:b/before"]
settle = 2.5

[likeness]
explicit = ["/a:b/explicit"]
unsupported = ["/a:b/unsupported"]
omitted = ["/a:b/omitted"]
secrets = ["/a:b/secret"]
secrets_anew = ["/a:b/other"]
omits_defaults = true
interface_refs = true
attach_default = true

[likeness.defaults]
"/a:b/mtu" = 9100
"/a:b/enabled" = false
"/a:b/name" = 'é "x"'
"/a:b/list" = ["x", 1]

[[likeness.alias]]
path = "/a:n/m"
key = "name"
name = "default"
device_name = "DEFAULT"
"""


def path(text: str) -> DataPath:
    return DataPath.parse(text)


def mistakes(file: Path, text: str) -> dict[str, str]:
    """Message by place."""
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_profiles(file.parent)
    return {problem.path.removeprefix(f"{file}: "): problem.message for problem in caught.value.problems}


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yang").touch()
    file = tmp_path / "thorough.toml"
    file.write_text(EVERYTHING)
    assert load_profile(file) == Profile(
        name="thorough",
        models="release",
        deviations=(
            str(PROJECT / "yang" / "deviations" / "fabricd-oc-bgp-policy-deviations.yang"),
            str(tmp_path / "mine.yang"),
        ),
        authoritative=(path("/a:b"),),
        protected=(path("/a:c/d[name='x']"),),
        system_entries=(path("/a:e[name='y']"),),
        timeouts=Timeouts(1.0, 2.0, 3.0),
        max_message_bytes=4 << 20,
        confirm_within=30.0,
        gnmi=GnmiTraits("json", "native", prefix=True, names="qualified", read="once", commit="no"),
        netconf=NetconfTraits(
            handler="junos",
            confirmed_commit="own",
            operations=(
                ("commit-confirmed", "<commit><seconds>{seconds}</seconds></commit>"),
                ("confirm", "<confirm id='{id}'/>"),
            ),
            sessions=1,
            lock=False,
        ),
        write=WriteTraits(
            "root", replace=False, first=(path("/a:b/first"),), before=(path("/a:b/before"),), settle=2.5
        ),
        likeness=Likeness(
            defaults=(
                (path("/a:b/mtu"), "9100"),
                (path("/a:b/enabled"), "false"),
                (path("/a:b/name"), '"é \\"x\\""'),
                (path("/a:b/list"), '["x",1]'),
            ),
            omits_defaults=True,
            explicit=(path("/a:b/explicit"),),
            unsupported=(path("/a:b/unsupported"),),
            omitted=(path("/a:b/omitted"),),
            secrets=(path("/a:b/secret"),),
            secrets_anew=(path("/a:b/other"),),
            aliases=(Alias(path("/a:n/m"), "name", "default", "DEFAULT"),),
            interface_refs=True,
            attach_default=True,
        ),
    )


def test_a_name_is_all_that_a_profile_needs(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text('name = "short"')
    assert load_profile(file) == Profile("short")


def test_the_shipped_profile_deletes_nothing_and_protects_logins() -> None:
    profile = load_profiles(SHIPPED)["openconfig"]
    assert profile.authoritative == ()
    assert path("/openconfig-system:system/aaa") in profile.protected
    assert profile == load_profile(SHIPPED / "openconfig.toml")
    assert profile.timeouts == Profile("x").timeouts
    assert profile.max_message_bytes == Profile("x").max_message_bytes


def test_every_kind_of_simulated_switch_has_a_profile() -> None:
    assert set(load_profiles(SHIPPED)) == {"openconfig", *kind_names()}


def paths_in(value: object) -> Iterator[DataPath]:
    if isinstance(value, DataPath):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from paths_in(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from paths_in(getattr(value, field.name))


@pytest.mark.parametrize("name", kind_names())
def test_shipped_profiles_name_nodes_that_the_models_have(either_schema: Schema, name: str) -> None:
    """A slip in a path would go unnoticed: a profile may be used with several model sets."""
    profile = replace(load_profiles(SHIPPED)[name], protected=())
    assert [path.text for path in paths_in(profile) if either_schema.node(path) is None] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('name = "a"\nmodel = "x"', "model"),
        ("", "name"),
        ('name = "a"\nprotected = ["system"]', "protected.0"),
        ('name = "a"\nprotected = "/system"', "protected"),
        ('name = "a"\nauthoritative = ["/a", "/a[b"]', "authoritative.1"),
        ('name = "a"\nsystem_entries = ["/"]', "system_entries.0"),
        ('name = "a"\nsystem_entries = [1]', "system_entries.0"),
        ('name = "a"\ndeviations = ["absent.yang"]', "deviations.0"),
        ('name = "a"\nconfirm_within = -1', "confirm_within"),
        ('name = "a"\ntimeouts = { read = 0 }', "timeouts.read"),
        ('name = "a"\ntimeouts = { raed = 1 }', "timeouts.raed"),
        ('name = "a"\nmax_message_bytes = 1', "max_message_bytes"),
        ('name = "a"\ngnmi = { encoding = "proto" }', "gnmi.encoding"),
        ('name = "a"\ngnmi = { origin = "a b" }', "gnmi.origin"),
        ('name = "a"\ngnmi = { prefix = 1 }', "gnmi.prefix"),
        ('name = "a"\nnetconf = { handler = "unheard-of" }', "netconf.handler"),
        ('name = "a"\nnetconf = { sessions = -1 }', "netconf.sessions"),
        ('name = "a"\nnetconf = { confirmed_commit = "own" }', "netconf"),
        ('name = "a"\nnetconf = { operations = { confirm = "<x/>" } }', "netconf"),
        ('name = "a"\nnetconf.operations = { commit = "<x/>" }', "netconf.operations.commit"),
        ('name = "a"\nnetconf.operations = { confirm = "<x>" }', "netconf.operations.confirm"),
        ('name = "a"\nwrite = { shape = "tree" }', "write.shape"),
        ('name = "a"\nwrite = { first = ["/a", "b"] }', "write.first.1"),
        ('name = "a"\nwrite = { settle = -1 }', "write.settle"),
        ('name = "a"\nlikeness = { secrets = ["x"] }', "likeness.secrets.0"),
        ('name = "a"\nlikeness = { omitted = ["/x"], unsupported = ["/x"] }', "likeness"),
        ('name = "a"\nlikeness.defaults = { "x" = 1 }', "likeness.defaults.x"),
        ('name = "a"\nlikeness.defaults = { "/x" = 1979-05-27 }', "likeness.defaults./x"),
        ('name = "a"\nlikeness.defaults = { "/x" = nan }', "likeness.defaults./x"),
        ('name = "a"\nlikeness.defaults = { "/x" = [[1]] }', "likeness.defaults./x"),
        ('name = "a"\n[[likeness.alias]]\npath = "/x"\nkey = "k"\nname = "n"', "likeness.alias.0.device_name"),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, place: str) -> None:
    assert list(mistakes(tmp_path / "a.toml", text)) == [place]


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text("x = 1")
    text = (
        EVERYTHING.replace('"json"', '"proto"')
        .replace('confirm = "<confirm', 'undo = "<confirm')
        .replace("/a:b/first", "a:b/first")
        .replace('key = "name"', "")
    )
    found = mistakes(tmp_path / "a.toml", text)
    assert set(found) == {
        "deviations.1",
        "gnmi.encoding",
        "netconf.operations.undo",
        "write.first.0",
        "likeness.alias.0.key",
        f"{tmp_path / 'b.toml'}: name",
        f"{tmp_path / 'b.toml'}: x",
    }


def test_two_profiles_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('name = "same"')
    assert list(mistakes(tmp_path / "b.toml", 'name = "same"')) == ["name"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        load_profiles(tmp_path / "absent")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(InputError, match=r"latin\.toml"):
        load_profiles(tmp_path)


def keys(table: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{name}.")
        else:
            yield above + name


def test_the_page_explains_every_key() -> None:
    page = (PROJECT / "docs" / "devices.md").read_text(encoding="utf-8").partition("## Profiles")[2]
    assert [key for key in keys(profiles._Profile) if f"`{key}`" not in page] == []
