"""Inventory and secrets: what is right is read, what is wrong is named by file and key."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fabricd.errors import DeviceTrustError, InputError
from fabricd.model.device import Device, Login, Mode, Profile, Protocol, SecretReference
from fabricd.southbound.inventory import load_inventory
from fabricd.southbound.secrets import credentials, parse_reference, resolve

PROFILES = {"openconfig": Profile("openconfig")}
# Fixed: it stands in the arguments of tests, whose names must be the same in every process.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK2lcR2gVnTWt6EKMJsMli+WKpWT2KCKsFKrbPviCBsH"

GOOD = f"""
[defaults]
login = {{ username = "fabricd", password = "env:PASSWORD" }}
labels = {{ site = "a" }}
[defaults.trust]
ca = "ca.pem"
[[device]]
name = "leaf1"
address = "192.0.2.1"
labels = {{ rack = "1" }}
[[device]]
name = "leaf3"
address = "2001:db8::3"
protocol = "netconf"
port = 8830
mode = "observe"
trust = {{ host_key = "{KEY}" }}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    return tmp_path / "inventory.toml"


def problems(file: Path, text: str) -> dict[str, str]:
    """Message by place, of everything that is wrong with an inventory."""
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_inventory(file, PROFILES)
    found = {problem.path.removeprefix(f"{file}: "): problem.message for problem in caught.value.problems}
    assert all(problem.path.startswith(str(file)) for problem in caught.value.problems) or str(file) in str(
        caught.value
    )
    return found


def test_devices_are_read_with_their_defaults(inventory: Path) -> None:
    inventory.write_text(GOOD)
    devices = load_inventory(inventory, PROFILES)
    assert list(devices) == ["leaf1", "leaf3"]
    leaf1, leaf3 = devices.values()
    assert (leaf1.protocol, leaf1.port, leaf1.mode) == (Protocol.GNMI, 9339, Mode.ENFORCE)
    assert leaf1.trust.ca == str(inventory.parent / "ca.pem")
    assert leaf1.login == Login("fabricd", SecretReference("env", "PASSWORD"))
    assert leaf1.labels == (("rack", "1"), ("site", "a"))
    assert (leaf3.protocol, leaf3.port, leaf3.mode) == (Protocol.NETCONF, 8830, Mode.OBSERVE)
    assert leaf3.trust.host_key == KEY


def test_a_default_port_is_for_the_default_protocol(inventory: Path) -> None:
    inventory.write_text(GOOD.replace("[defaults]", "[defaults]\nport = 6030").replace("port = 8830", ""))
    devices = load_inventory(inventory, PROFILES)
    assert (devices["leaf1"].port, devices["leaf3"].port) == (6030, 830)


def test_no_devices_is_an_inventory(inventory: Path) -> None:
    inventory.write_text("")
    assert load_inventory(inventory, PROFILES) == {}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "leaf3"', 'name = "leaf1"', "device.leaf1.name"),
        ('name = "leaf1"\n', "", "device.0.name"),
        ('name = "leaf1"', 'name = "leaf 1"', "device.leaf 1.name"),
        ('address = "192.0.2.1"', "", "device.leaf1.address"),
        ('address = "192.0.2.1"', 'address = "http://192.0.2.1"', "device.leaf1.address"),
        ('2001:db8::3"\nprotocol = "netconf"\nport = 8830', '192.0.2.1"\nport = 9339', "device.leaf3.address"),
        ("port = 8830", "port = 0", "device.leaf3.port"),
        ("port = 8830", "port = 70000", "device.leaf3.port"),
        ("port = 8830", 'port = "830"', "device.leaf3.port"),
        ("port = 8830", 'prot = "netconf"', "device.leaf3.prot"),
        ('protocol = "netconf"', 'protocol = "snmp"', "device.leaf3.protocol"),
        ('mode = "observe"', 'mode = "watch"', "device.leaf3.mode"),
        ('mode = "observe"', 'profile = "eos"', "device.leaf3.profile"),
        ('"env:PASSWORD"', '"hunter2"', "device.leaf1.login.password"),
        ('"env:PASSWORD"', '"vault:x"', "device.leaf1.login.password"),
        ('username = "fabricd"', 'user = "fabricd"', "defaults.login.user"),
        ('username = "fabricd", ', "", "device.leaf3.login.username"),
        (', password = "env:PASSWORD"', "", "device.leaf3.login"),
        ('ca = "ca.pem"', "", "device.leaf1.trust.ca"),
        ('ca = "ca.pem"', 'ca = "absent.pem"', "device.leaf1.trust.ca"),
        ('ca = "ca.pem"', 'ca = "ca.pem"\ncertificate = "ca.pem"', "device.leaf1.trust.certificate"),
        (f'trust = {{ host_key = "{KEY}" }}', "", "device.leaf3.trust"),
        (KEY, "ssh-ed25519 rubbish", "device.leaf3.trust.host_key"),
        (f'host_key = "{KEY}"', 'known_hosts = "absent"', "device.leaf3.trust.known_hosts"),
        ("[defaults]", "[default]\n[defaults]", "default"),
        ('labels = { rack = "1" }', "labels = { rack = 1 }", "device.leaf1.labels.rack"),
    ],
)
def test_every_mistake_is_named_by_its_key(inventory: Path, old: str, new: str, place: str) -> None:
    assert old in GOOD
    found = problems(inventory, GOOD.replace(old, new, 1))
    assert place in found
    assert "hunter2" not in str(found)


def test_all_mistakes_are_named_at_once(inventory: Path) -> None:
    text = (
        GOOD.replace("port = 8830", "port = 0").replace('ca = "ca.pem"', "").replace("[defaults]", "x = 1\n[defaults]")
    )
    assert set(problems(inventory, text)) == {"x", "device.leaf1.trust.ca", "device.leaf3.port"}


@pytest.mark.parametrize("text", ["[defaults", "device = 1", "device = [1]", 'defaults = "x"', "a = 1\na = 2"])
def test_what_is_no_inventory_is_refused(inventory: Path, text: str) -> None:
    assert problems(inventory, text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        load_inventory(tmp_path / "absent.toml", PROFILES)
    (tmp_path / "latin.toml").write_bytes(b'x = "\xe9"')
    with pytest.raises(InputError, match=r"latin\.toml"):
        load_inventory(tmp_path / "latin.toml", PROFILES)


def test_insecure_has_to_be_said_and_is_enough(inventory: Path) -> None:
    inventory.write_text(
        '[defaults]\naddress = "192.0.2.1"\nlogin = { username = "u", password = "env:P" }\n'
        "trust = { insecure = true }\n"
        '[[device]]\nname = "a"\n[[device]]\nname = "b"\nprotocol = "netconf"\n'
    )
    assert all(device.trust.insecure for device in load_inventory(inventory, PROFILES).values())


# --- secrets


def test_secrets_are_read_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("a secret \n")
    (tmp_path / "password").chmod(0o600)
    monkeypatch.setenv("FABRICD_SECRET", "from environment")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert resolve(parse_reference("file:password", tmp_path)) == "a secret "
    assert resolve(parse_reference("env:FABRICD_SECRET", tmp_path)) == "from environment"
    assert resolve(parse_reference("credential:password", tmp_path)) == "a secret "


@pytest.mark.parametrize(
    "text", ["file:absent", "env:FABRICD_NOT_SET", "credential:absent", "file:empty", "file:binary"]
)
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=text.partition(":")[2]):
        resolve(parse_reference(text, tmp_path))


def test_credentials_need_the_folder_systemd_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(InputError, match="CREDENTIALS_DIRECTORY"):
        resolve(parse_reference("credential:password", tmp_path))


@pytest.mark.parametrize("text", ["hunter2", "file:", "vault:hunter2", "", "credential:../hunter2", "credential:.."])
def test_what_is_no_reference_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_reference(text, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_everybody_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    file = tmp_path / "password"
    file.write_text("hunter2")
    file.chmod(0o644)
    assert resolve(SecretReference("file", str(file))) == "hunter2"
    assert str(file) in caplog.text
    assert "hunter2" not in caplog.text
    caplog.clear()
    file.chmod(0o600)
    resolve(SecretReference("file", str(file)))
    assert caplog.text == ""


async def test_resolved_credentials_do_not_show_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRICD_SECRET", "hunter2")
    reference = SecretReference("env", "FABRICD_SECRET")
    device = Device("a", "192.0.2.1", 1, Protocol.GNMI, Profile("x"), Login("u", reference, reference))
    found = await credentials(device)
    assert (found.password, found.token) == ("hunter2", "hunter2")
    assert "hunter2" not in repr(found)
    monkeypatch.delenv("FABRICD_SECRET")
    with pytest.raises(DeviceTrustError):
        await credentials(device)
