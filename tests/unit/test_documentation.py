"""What the documentation shows works: documents, files, commands, links, settings, metrics, fields of the journal."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client import generate_latest

from fabricd.cli import fabricctl, fabricd
from fabricd.cli.check import check
from fabricd.cli.connection import hoisted
from fabricd.intent import Document
from fabricd.model.device import Profile
from fabricd.northbound.access import needed_role
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.settings import Settings
from fabricd.simulator import load_simulation
from fabricd.southbound.inventory import load_inventory
from fabricd.southbound.profiles import load_profile
from fabricd.telemetry import Metrics

PROJECT = Path(__file__).resolve().parents[2]
APPS: dict[str, Any] = {
    "fabricctl": typer.main.get_command(fabricctl.app),
    "fabricd": typer.main.get_command(fabricd.app),
}
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), PROJECT / "yang" / "README.md"])


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shown(language: str) -> list[pytest.ParameterSet]:  # type: ignore[name-defined]
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, language))
    ]


def below(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Every command of an app, those of its groups included, with its whole name."""
    for command in group.commands.values():
        whole = f"{name} {command.name}"
        yield from below(whole, command) if hasattr(command, "commands") else [(whole, command)]


def commands() -> list[pytest.ParameterSet]:  # type: ignore[name-defined]
    """Every line that starts with one of the commands, in pages and in the help of commands, up to its comment, pipe or
    redirection."""
    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    for name, app in APPS.items():
        texts |= {where: command.help or "" for where, command in below(name, app)}
    found: dict[str, str] = {}
    for where, text in texts.items():
        for line in re.findall(r"^ {2,4}(?:\$ )?(?:\S*/)?(fabricd?(?:ctl)? .*)$", text, re.MULTILINE):
            plain = re.sub(r'"\$\(.*?\)"', "1", line)
            found.setdefault(re.split(r" +[#|>&]| {2,}", plain)[0], where)
    return [pytest.param(line, id=f"{where}-{line}") for line, where in found.items()]


def whole_documents() -> list[pytest.ParameterSet]:  # type: ignore[name-defined]
    """Without the parts of a growing example, which a test of the fabric model puts together."""
    return [one for one in shown("yaml") if re.search(r"^kind:", str(one.values[0]), re.MULTILINE)]


@pytest.mark.parametrize("block", whole_documents())
def test_documents_that_are_shown_are_accepted(block: str) -> None:
    found = check(None, [Document("shown.yaml", block.encode())])
    assert (found.problems, found.intents) == ((), 1)
    assert found.compiled


@pytest.mark.parametrize("line", commands())
def test_commands_that_are_shown_have_these_options(line: str) -> None:
    name, *arguments = shlex.split(line)
    app = APPS[name]
    if "--install-completion" in arguments:
        return  # it would be done while it is read
    with app.make_context(name, hoisted(arguments)) as context:
        while hasattr(app, "commands"):
            _, app, rest = app.resolve_command(context, [*context._protected_args, *context.args])
            context = app.make_context(name, rest, parent=context)


def test_every_command_is_in_the_list_and_nothing_else() -> None:
    text = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    listed = [one.replace("\\|", "|") for row in rows for one in re.findall(r"`([^`]+)`", row)]
    for where, _ in (*below("fabricctl", APPS["fabricctl"]), *below("fabricd", APPS["fabricd"])):
        name = where.removeprefix("fabricctl ")
        *above, last = name.split()
        start = re.compile(rf"{re.escape(' '.join([*above, '']))}(\S+\|)*{re.escape(last)}\b")
        assert any(start.match(one) for one in listed), f"docs/cli.md does not list {where}"


def test_every_call_is_listed_with_the_role_that_it_needs() -> None:
    text = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = {
        role: set(re.findall(r"\b[A-Z][A-Za-z]+\b", may))
        for role, may in re.findall(r"^\| (viewer|operator|admin) \| (.*) \|$", text, re.MULTILINE)
    }
    service = pb.DESCRIPTOR.services_by_name["Fabricd"]
    needed = {one.name: needed_role(f"/{service.full_name}/{one.name}") for one in service.methods}
    assert {name: role for role, names in listed.items() for name in names} == needed


def test_some_commands_are_shown() -> None:
    assert len(commands()) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_inventory_and_the_profiles_that_are_shown_are_accepted(tmp_path: Path) -> None:
    block, *profiles = blocks(PROJECT / "docs" / "devices.md", "toml")
    for number, profile in enumerate(profiles):
        (tmp_path / f"{number}.toml").write_text(profile, encoding="utf-8")
        assert load_profile(tmp_path / f"{number}.toml").name in profile
    for name in ("tls/ca.pem", "ssh/known_hosts"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKuGZ0gl4CLJmTtsMC8HTt2dw6cyPFZGfCdV9ALvT8e3"
    file = tmp_path / "inventory.toml"
    file.write_text(re.sub(r"ssh-ed25519 [\w.]+", key, block), encoding="utf-8")
    devices = load_inventory(file, {"openconfig": Profile("openconfig")})
    assert [(device.name, device.port, device.mode) for device in devices.values()] == [
        ("leaf1", 9339, "enforce"), ("leaf3", 830, "observe")
    ]  # fmt: skip


def test_the_simulations_that_are_shown_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH_PASSWORD", "secret")
    file = tmp_path / "simulation.toml"
    shown = []
    for page in ("simulator.md", "quirks.md"):
        for block in blocks(PROJECT / "docs" / page, "toml"):
            file.write_text(block, encoding="utf-8")
            shown.append([switch.name for switch in load_simulation(file).switches])
    assert shown == [["spine1", "leaf1"], ["leaf1"], ["leaf1"]]


def test_the_settings_for_tcp_that_are_shown_are_accepted() -> None:
    text = (PROJECT / "docs" / "install.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^    # /etc/fabricd/fabricd.toml\n((?:    .*\n)+)", text, re.MULTILINE)
    assert Settings.model_validate(tomllib.loads(re.sub(r"^ {4}", "", block, flags=re.MULTILINE))).northbound.roles


def test_the_metrics_that_are_listed_are_those_there_are() -> None:
    text = (PROJECT / "docs" / "observe.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(fabricd_\w+)`[^|]*(?=\|)", text)) | {"fabricd_revision_age_seconds"}
    there = set(re.findall(r"^# TYPE (fabricd_\w+)", generate_latest(Metrics().registry).decode(), re.MULTILINE))
    assert listed == there


def test_the_fields_of_the_journal_that_are_listed_are_those_there_are() -> None:
    text = (PROJECT / "docs" / "observe.md").read_text(encoding="utf-8")
    table = text.split("| field | what |")[1].split("\n\n")[0]
    listed = {
        name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == {field.name for field in pb.JournalRecord.DESCRIPTOR.fields}


@pytest.mark.parametrize("block", shown("python"))
def test_python_that_is_shown_is_python(block: str) -> None:
    # In a coroutine, where await may stand.
    body = "".join(f"    {line}\n" for line in block.splitlines())
    compile(f"async def shown():\n{body}", "shown", "exec")
