"""The picture of a fabric: everything is on it, nothing covers anything else, and the same fabric looks the same."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

from path_fabrics import cord, fabric_of, leaf_spine

from fabricd.intent.fabric.drawing import draw
from fabricd.intent.fabric.paths import compute_paths
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.values import Attachment, Path, Port

SVG = "{http://www.w3.org/2000/svg}"
PATHS = (Path("p", "web", "leaf1", "leaf4"), Path("q", "web", "leaf1", "leaf4", least="load"))


def drawn(fabric: ResolvedFabric, *, paths: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(draw(fabric, compute_paths(fabric) if paths else ()))


def titles(picture: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in picture.iter(f"{SVG}title")]


def boxes(picture: ElementTree.Element) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right, bottom of each switch."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        rect, name = group.find(f"{SVG}rect"), group.find(f"{SVG}text[@class='name']")
        if rect is not None and name is not None:
            x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            found[name.text or ""] = (x, y, x + wide, y + high)
    return found


def three_stage() -> ResolvedFabric:
    links = [
        *(cord(f"leaf{leaf}:e{spine}", f"spine{spine}:e{leaf}") for leaf in (1, 2, 3) for spine in (1, 2)),
        *(cord(f"leaf{leaf}:e{spine}", f"spine{spine}:e{leaf}") for leaf in (4, 5, 6) for spine in (3, 4)),
        *(cord(f"spine{s}:t{top}", f"super{top}:e{s}") for s in (1, 2, 3, 4) for top in range(1, 9)),
    ]
    fabric = fabric_of(links)
    devices = {
        name: device
        if name.startswith("super")
        else replace(device, device=replace(device.device, pod="a" if re.search("[123]", name) else "b"))
        for name, device in fabric.devices.items()
    }
    return replace(fabric, devices=devices)


def test_every_switch_link_and_server_is_there_with_its_facts() -> None:
    fabric = fabric_of([*leaf_spine(), cord("leaf1:Ethernet9", "spine1:Ethernet9", shutdown=True)])
    picture = drawn(fabric)
    assert set(boxes(picture)) == set(fabric.devices)
    told = titles(picture)
    for link in fabric.links:
        (one,) = (title for title in told if title.startswith(f"{link.a.port}  "))
        assert all(text in one for text in (link.a.ipv4, str(link.b.port), link.b.ipv4, "MTU 9214"))
        assert ("shut down" in one) == link.link.shutdown
    assert all(any(title.startswith(f"{one.name}\n") for title in told) for one in fabric.fabric.attachments)
    assert any(title.startswith("leaf1: leaf\nAS 65101") for title in told)


def test_tiers_stand_above_each_other_and_nothing_overlaps_or_leaves_the_picture() -> None:
    for fabric in (fabric_of(leaf_spine(5, 9, parallel=3)), three_stage(), fabric_of(leaf_spine(9, 2))):
        picture = drawn(fabric)
        found = boxes(picture)
        wide, high = float(picture.attrib["width"]), float(picture.attrib["height"])
        for left, top, right, bottom in found.values():
            assert left >= 0
            assert top >= 0
            assert right <= wide
            assert bottom <= high
        for one, other in combinations(found.values(), 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        order = [
            [box[1] for name, box in found.items() if name.startswith(tier)] for tier in ("super", "spine", "leaf")
        ]
        levels = [set(tier) for tier in order if tier]
        assert all(len(level) == 1 for level in levels)
        assert sorted(map(min, levels)) == list(map(min, levels))


def test_pods_hold_their_switches() -> None:
    picture = drawn(three_stage())
    pods = [rect.attrib for rect in picture.iter(f"{SVG}rect") if rect.attrib.get("class") == "pod"]
    assert len(pods) == 2
    first = pods[0]
    left, right = float(first["x"]), float(first["x"]) + float(first["width"])
    inside = {name for name, box in boxes(picture).items() if left <= box[0] and box[2] <= right and name[:1] != "s"}
    assert {name for name in inside if name.startswith("leaf")} == {"leaf1", "leaf2", "leaf3"}


def test_parallel_links_do_not_lie_on_each_other() -> None:
    picture = drawn(fabric_of(leaf_spine(2, 2, parallel=4)))
    lines = [path.attrib["d"] for path in picture.iter(f"{SVG}path") if path.attrib.get("class") == "cable"]
    assert len(lines) == len(set(lines)) == 16


def test_paths_are_drawn_over_their_links_and_named() -> None:
    picture = drawn(fabric_of(leaf_spine(), *PATHS), paths=True)
    strokes = {
        group.attrib["stroke"]: [path.attrib["d"] for path in group.iter(f"{SVG}path")]
        for group in picture.iter(f"{SVG}g")
        if "stroke" in group.attrib
    }
    cables = {path.attrib["d"] for path in picture.iter(f"{SVG}path") if path.attrib.get("class") == "cable"}
    assert [len(lines) for lines in strokes.values()] == [2, 2]
    assert all(set(lines) <= cables for lines in strokes.values())
    legend = [text.text or "" for text in picture.iter(f"{SVG}text")]
    assert "p (web): leaf1 → spine1 → leaf4" in legend
    assert "q (web): leaf1 → spine2 → leaf4" in legend


def test_many_servers_are_counted() -> None:
    servers = tuple(Attachment(f"s{number}", (Port("leaf1", f"Ethernet{number}"),)) for number in range(100, 140))
    texts = [text.text for text in drawn(fabric_of(leaf_spine(), attachments=servers)).iter(f"{SVG}text")]
    assert "40 attached" in texts


def test_what_people_wrote_cannot_break_the_picture() -> None:
    nasty = '<script>alert("x")</script> & more'
    fabric = fabric_of([replace(link, description=nasty) for link in leaf_spine()], name=nasty)
    text = draw(fabric)
    assert "<script>" not in text
    assert titles(ElementTree.fromstring(text))[0] == nasty


def test_the_order_of_input_does_not_matter() -> None:
    fabric = three_stage()
    links, devices = list(fabric.links), list(fabric.devices.items())
    random.Random(7).shuffle(links)
    random.Random(8).shuffle(devices)
    assert draw(replace(fabric, links=tuple(links), devices=dict(devices))) == draw(fabric)
