"""A profile that is written is the profile that is read."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path as FilePath
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.model.device import Alias, GnmiTraits, Likeness, NetconfTraits, Profile, Timeouts, WriteTraits
from fabricd.model.path import Path, Segment
from fabricd.southbound.profile_text import profile_text
from fabricd.southbound.profiles import load_profile, load_profiles

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
KEYS = st.lists(st.tuples(NAMES, VALUES), max_size=2, unique_by=lambda pair: pair[0]).map(tuple)
SEGMENTS = st.builds(Segment, NAMES, NAMES | st.just(""), KEYS)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda found: Path.parse(Path(tuple(found)).text))
MANY = st.lists(PATHS, max_size=3, unique=True).map(tuple)
JSON = st.sampled_from(['"a \\"b\\""', "9100", "false", '["a","b"]', "1.5"])
SECONDS = st.sampled_from([0.5, 3.0, 120.0])
XML = '<commit xmlns="urn:x">\n  <id>{id}</id>\n</commit>'
GNMI = st.builds(
    GnmiTraits,
    encoding=st.sampled_from(["json", "json_ietf"]),
    origin=st.sampled_from(["", "native"]),
    prefix=st.booleans(),
    names=st.sampled_from(["bare", "qualified"]),
    read=st.sampled_from(["together", "each", "once"]),
    commit=st.sampled_from(["yes", "no", "probe"]),
)
NETCONF = st.one_of(
    st.builds(NetconfTraits, sessions=st.integers(0, 9), lock=st.booleans()),
    st.just(NetconfTraits("junos", "own", (("commit-confirmed", XML), ("confirm", "<c/>")))),
)
WRITE = st.builds(WriteTraits, st.sampled_from(["leaves", "root"]), st.booleans(), MANY, MANY, SECONDS)
ALIASES = st.lists(st.builds(Alias, PATHS, NAMES, VALUES, VALUES), max_size=2).map(tuple)
LIKENESS = st.builds(
    Likeness,
    defaults=st.lists(st.tuples(PATHS, JSON), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
    omits_defaults=st.booleans(),
    explicit=MANY,
    secrets=MANY,
    secrets_anew=MANY,
    aliases=ALIASES,
    interface_refs=st.booleans(),
    attach_default=st.booleans(),
)
PROFILES = st.builds(
    Profile,
    name=NAMES,
    models=NAMES,
    authoritative=MANY,
    protected=MANY,
    system_entries=MANY,
    timeouts=st.builds(Timeouts, SECONDS, SECONDS, SECONDS),
    max_message_bytes=st.sampled_from([1 << 20, 64 << 20]),
    confirm_within=SECONDS,
    gnmi=GNMI,
    netconf=NETCONF,
    write=WRITE,
    likeness=LIKENESS,
)
COMMENTS = st.dictionaries(
    st.sampled_from([f"likeness.{one.name}" for one in fields(Likeness)] + ["system_entries", "write.settle"]),
    st.lists(st.text(max_size=200), max_size=2),
)


def read(text: str) -> Profile:
    with tempfile.TemporaryDirectory() as folder:
        file = FilePath(folder) / "one.toml"
        file.write_text(text, encoding="utf-8")
        return load_profile(file)


@settings(max_examples=40)
@given(PROFILES, st.lists(st.text(max_size=200), max_size=2), COMMENTS)
def test_whatever_a_profile_says_is_read_again(profile: Profile, head: list[str], comments: dict[str, Any]) -> None:
    assert read(profile_text(profile, head, comments)) == profile


def test_every_shipped_profile_is_read_again() -> None:
    for profile in load_profiles(FilePath(__file__).resolve().parents[2] / "config" / "profiles").values():
        assert read(profile_text(profile, ["a head"], {"likeness.defaults": ["why"]})) == profile


def test_a_comment_stands_above_its_key_and_what_is_usual_is_left_out() -> None:
    profile = Profile("leaf", write=WriteTraits(settle=3.0))
    assert profile_text(profile, ["Who made it."], {"write.settle": ["late"]}) == (
        '# Who made it.\n\nname = "leaf"\n\n[write]\n# late\nsettle = 3.0\n'
    )
