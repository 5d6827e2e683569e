"""The topology as a picture: switches in tiers, pods side by side, cables, servers, and paths drawn over them.

Called by `fabricctl topology` and the documentation. Pure text building (SVG 1.1); must not know policies or routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from fabricd.intent.fabric.paths import ComputedPath
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric, ResolvedLink
from fabricd.intent.fabric.topology import cable
from fabricd.intent.fabric.values import Attachment, Port, Role, natural

_TIERS = (Role.SUPER_SPINE, Role.SPINE, Role.LEAF)
_COLOURS = ("#d1495b", "#edae49", "#00798c", "#8e6bbf", "#2e933c", "#c05299", "#3d5a80", "#bc6c25")
_WIDE, _HIGH = 112, 60  # a switch
_APART, _POD_APART, _RACK_APART = 26, 64, 8
_TIER_GAP = 118
_MARGIN, _HEAD = 40, 64
_PARALLEL = 9  # between parallel links
_SERVER = 22
_MOST_NAMED, _MOST_SERVERS = 2, 8  # of a leaf; more are drawn without name, still more are counted

_STYLE = """
text{font-family:'Inter','Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#22303c}
.title{font-size:18px;font-weight:600}.sub{font-size:12px;fill:#667784}
.name{font-size:13px;font-weight:600;text-anchor:middle}.fact{font-size:10px;fill:#566874;text-anchor:middle}
.pod{fill:#f4f7f9;stroke:#d5dde3;stroke-dasharray:5 4}.podname{font-size:12px;fill:#667784;font-weight:600}
.super-spine rect{fill:#e7e0f3;stroke:#8e6bbf}.spine rect{fill:#dcecf6;stroke:#3f86b5}
.leaf rect{fill:#e0f1e4;stroke:#4b9a63}.border-leaf rect{fill:#fdeed6;stroke:#d98f2b}
.box{stroke-width:1.4}.cable{stroke:#a9b6bf;stroke-width:1.6;fill:none}.cable:hover{stroke:#22303c;stroke-width:3}
.shut{stroke-dasharray:3 4;stroke:#cfd6db}.path{stroke-width:4;fill:none;stroke-linecap:round;stroke-linejoin:round}
.server{fill:#fff;stroke:#90a1ad}.drop{stroke:#90a1ad;stroke-width:1.3;fill:none}
.serverfact{font-size:9px;fill:#667784;text-anchor:middle}
""".strip()


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a switch stands: the middle of its box."""

    device: ResolvedDevice
    x: float
    y: float


@dataclass(slots=True)
class _Plan:
    """Positions of everything. Owned by one drawing."""

    boxes: dict[str, _Box] = field(default_factory=dict)
    pods: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    width: float = 0
    height: float = 0


def draw(fabric: ResolvedFabric, paths: Iterable[ComputedPath] = ()) -> str:
    """An SVG document: the same fabric always gives the same text. `paths` are drawn in colours, with a legend.

    Names of ports and addresses are shown when the pointer rests on a link.
    """
    shown = sorted(paths, key=lambda one: natural(one.path.name))
    plan = _planned(fabric)
    below = plan.height + (22 * len(shown) + 14 if shown else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(plan.width)} {_n(below)}" '
        f'width="{_n(plan.width)}" height="{_n(below)}" role="img">',
        f"<title>{escape(fabric.fabric.name)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{_n(plan.width)}" height="{_n(below)}" fill="#fff"/>',
        f'<text class="title" x="{_MARGIN}" y="32">{escape(fabric.fabric.name)}</text>',
        f'<text class="sub" x="{_MARGIN}" y="51">{escape(_summary(fabric))}</text>',
        *_pods(plan),
        *_cables(fabric, plan),
        *_servers(fabric, plan),
        *_paths(fabric, plan, shown),
        *(_switch(box) for box in plan.boxes.values()),
        *_legend(plan, shown),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _summary(fabric: ResolvedFabric) -> str:
    counts = [(role, sum(one.role is role for one in fabric.fabric.devices)) for role in Role]
    plurals = {Role.LEAF: "leaves", Role.BORDER_LEAF: "border leaves"}
    told = [
        f"{count} {plurals.get(role, f'{role}s') if count > 1 else role.replace('-', ' ')}"
        for role, count in counts
        if count
    ]
    links = len(fabric.links)
    overlay = fabric.fabric.overlay.type.value
    return f"{', '.join(told)}, {links} link{'' if links == 1 else 's'}" + (f", {overlay}" if overlay != "none" else "")


# Positions


def _planned(fabric: ResolvedFabric) -> _Plan:
    """Pods side by side, in each the tiers one above the other and centred; what is in no pod over or beside them."""
    plan = _Plan()
    devices = sorted(fabric.devices.values(), key=_standing)
    tiers = [tier for tier in _TIERS if any(_tier(one) is tier for one in devices)] or [Role.LEAF]
    heights = {tier: _HEAD + _MARGIN + _HIGH / 2 + number * (_HIGH + _TIER_GAP) for number, tier in enumerate(tiers)}
    pods = sorted({one.device.pod for one in devices if _tier(one) is not Role.SUPER_SPINE}, key=natural)
    left = float(_MARGIN)
    for pod in pods:
        rows = [
            [one for one in devices if one.device.pod == pod and _tier(one) is tier] for tier in (Role.SPINE, Role.LEAF)
        ]
        inset = 18 if pod else 0
        wide = max(_row_width(row) for row in rows) + 2 * inset
        for row in rows:
            _place(plan, row, left + wide / 2, heights)
        if pod:
            levels = [heights[_tier(one)] for row in rows for one in row]
            top, bottom = min(levels) - _HIGH / 2 - 30, max(levels) + _HIGH / 2 + 62
            plan.pods.append((pod, left, top, wide, bottom - top))
        left += wide + _POD_APART
    right = max(left - _POD_APART, _MARGIN + _WIDE)
    supers = [one for one in devices if _tier(one) is Role.SUPER_SPINE]
    wide = _row_width(supers)
    shift = max(0.0, (wide - (right - _MARGIN)) / 2)
    if shift:
        plan.boxes = {name: _Box(box.device, box.x + shift, box.y) for name, box in plan.boxes.items()}
        plan.pods = [(name, x + shift, *rest) for name, x, *rest in plan.pods]  # type: ignore[misc]
        right += 2 * shift
    _place(plan, supers, (_MARGIN + right) / 2, heights)
    plan.width = max(right + _MARGIN, 420)
    plan.height = heights[tiers[-1]] + _HIGH / 2 + 66 + _MARGIN / 2
    return plan


def _tier(device: ResolvedDevice) -> Role:
    return Role.LEAF if device.device.role.is_leaf else device.device.role


def _standing(device: ResolvedDevice) -> tuple[object, ...]:
    """From left to right: by rack, border leaves last."""
    return device.device.role is Role.BORDER_LEAF, natural(device.device.rack), natural(device.name)


def _row_width(row: Sequence[ResolvedDevice]) -> float:
    return len(row) * _WIDE + sum(_gap(one, other) for one, other in pairwise(row))


def _gap(one: ResolvedDevice, other: ResolvedDevice) -> float:
    """Switches of a rack stand closer together."""
    return _RACK_APART if one.device.rack and one.device.rack == other.device.rack else _APART


def _place(plan: _Plan, row: Sequence[ResolvedDevice], middle: float, heights: dict[Role, float]) -> None:
    x = middle - _row_width(row) / 2 + _WIDE / 2
    for number, one in enumerate(row):
        if number:
            x += _WIDE + _gap(row[number - 1], one)
        plan.boxes[one.name] = _Box(one, x, heights[_tier(one)])


# Shapes


def _pods(plan: _Plan) -> Iterator[str]:
    for name, x, y, wide, high in plan.pods:
        yield f'<rect class="pod" x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="12"/>'
        yield f'<text class="podname" x="{_n(x + 12)}" y="{_n(y + 18)}">{escape(name)}</text>'


def _switch(box: _Box) -> str:
    device = box.device
    facts = [
        f"AS {device.asn}" if device.asn else "",
        device.loopback_ipv4 or device.loopback_ipv6,
    ]
    details = [
        f"{device.name}: {device.device.role}",
        f"rack {device.device.rack}" if device.device.rack else "",
        *facts,
        f"VTEP {device.vtep_ipv4}" if device.vtep_ipv4 else "",
        f"networks {', '.join(network.name for network in device.networks)}" if device.networks else "",
    ]
    shown = [fact for fact in facts if fact]
    top = box.y + 5 - 7 * len(shown)
    return (
        f'<g class="{device.device.role}"><title>{escape(chr(10).join(filter(None, details)))}</title>'
        f'<rect class="box" x="{_n(box.x - _WIDE / 2)}" y="{_n(box.y - _HIGH / 2)}" width="{_WIDE}" height="{_HIGH}" '
        f'rx="7"/><text class="name" x="{_n(box.x)}" y="{_n(top)}">{escape(_shortened(device.name, 14))}</text>'
        + "".join(
            f'<text class="fact" x="{_n(box.x)}" y="{_n(top + 15 + 13 * line)}">{escape(_shortened(fact, 18))}</text>'
            for line, fact in enumerate(shown)
        )
        + "</g>"
    )


def _cables(fabric: ResolvedFabric, plan: _Plan) -> Iterator[str]:
    for link, line in _lines(fabric, plan).values():
        speed = f", {link.link.speed.removeprefix('SPEED_')}" if link.link.speed else ""
        told = [
            f"{link.a.port}{_addresses(link.a.ipv4, link.a.ipv6)}",
            f"{link.b.port}{_addresses(link.b.ipv4, link.b.ipv6)}",
            f"MTU {link.mtu}{speed}" + (", shut down" if link.link.shutdown else ""),
            link.link.description,
        ]
        shut = " shut" if link.link.shutdown else ""
        yield f'<path class="cable{shut}" d="{line}"><title>{escape(chr(10).join(filter(None, told)))}</title></path>'


def _addresses(*texts: str) -> str:
    return "".join(f"  {text}" for text in texts if text)


def _lines(fabric: ResolvedFabric, plan: _Plan) -> dict[frozenset[Port], tuple[ResolvedLink, str]]:
    """Every link with its line, drawn from the higher switch to the lower one; parallel links side by side."""
    together: dict[frozenset[str], list[ResolvedLink]] = {}
    for link in sorted(fabric.links, key=lambda link: natural(link.link.name)):
        together.setdefault(frozenset((link.link.a.device, link.link.b.device)), []).append(link)
    found = {}
    for links in together.values():
        for number, link in enumerate(links):
            aside = (number - (len(links) - 1) / 2) * _PARALLEL
            ends = sorted(
                (plan.boxes[port.device] for port in (link.link.a, link.link.b)), key=lambda box: (box.y, box.x)
            )
            found[cable(link.a)] = (link, _line(ends[0], ends[1], aside))
    return found


def _line(upper: _Box, lower: _Box, aside: float) -> str:
    if upper.y == lower.y:
        # Neighbours of one tier (leaf pairs): an arc below them.
        y, depth = upper.y + _HIGH / 2, 26 + aside
        return (
            f"M{_n(upper.x)} {_n(y)}C{_n(upper.x)} {_n(y + depth)} {_n(lower.x)} {_n(y + depth)} {_n(lower.x)} {_n(y)}"
        )
    start, end = upper.y + _HIGH / 2, lower.y - _HIGH / 2
    return f"M{_n(upper.x + aside)} {_n(start)}L{_n(lower.x + aside)} {_n(end)}"


def _servers(fabric: ResolvedFabric, plan: _Plan) -> Iterator[str]:
    """Attachments below their leaves; those on several leaves stand between them."""
    placed: dict[tuple[str, ...], list[Attachment]] = {}
    for attachment in sorted(fabric.fabric.attachments, key=lambda one: natural(one.name)):
        placed.setdefault(tuple(sorted({port.device for port in attachment.ports}, key=natural)), []).append(attachment)
    for names, group in placed.items():
        boxes = [plan.boxes[name] for name in names]
        middle = sum(box.x for box in boxes) / len(boxes)
        y = max(box.y for box in boxes) + _HIGH / 2 + (40 if len(boxes) > 1 else 22)
        few = group if len(group) <= _MOST_SERVERS else []
        named = len(few) <= _MOST_NAMED
        step = _WIDE / 2 if named else min(_SERVER, _WIDE / len(few))
        for number, attachment in enumerate(few):
            x = middle + (number - (len(few) - 1) / 2) * step
            yield from _server(attachment, boxes, x, y, step - 4, named=named)
        if not few:
            told = "\n".join(attachment.name for attachment in group)
            yield from (_drop(box, middle, y) for box in boxes)
            yield (
                f'<g><title>{escape(told)}</title><rect class="server" x="{_n(middle - 34)}" y="{_n(y)}" width="68" '
                f'height="16" rx="3"/><text class="serverfact" x="{_n(middle)}" y="{_n(y + 11)}">'
                f"{len(group)} attached</text></g>"
            )


def _server(
    attachment: Attachment, boxes: Sequence[_Box], x: float, y: float, size: float, *, named: bool
) -> Iterator[str]:
    yield from (_drop(box, x, y) for box in boxes)
    networks = ", ".join(filter(None, (attachment.network, *attachment.tagged)))
    told = [attachment.name, " ".join(map(str, attachment.ports)), f"networks {networks}" if networks else ""]
    yield (
        f"<g><title>{escape(chr(10).join(filter(None, told)))}</title>"
        f'<rect class="server" x="{_n(x - size / 2)}" y="{_n(y)}" width="{_n(size)}" height="16" rx="3"/>'
        + (
            f'<text class="serverfact" x="{_n(x)}" y="{_n(y + 11)}">{escape(_shortened(attachment.name, 9))}</text>'
            if named
            else ""
        )
        + "</g>"
    )


def _drop(box: _Box, x: float, y: float) -> str:
    near = min(max(x, box.x - _WIDE / 2 + 8), box.x + _WIDE / 2 - 8)
    return f'<path class="drop" d="M{_n(near)} {_n(box.y + _HIGH / 2)}L{_n(x)} {_n(y)}"/>'


def _paths(fabric: ResolvedFabric, plan: _Plan, shown: Sequence[ComputedPath]) -> Iterator[str]:
    lines = _lines(fabric, plan)
    users: dict[frozenset[Port], list[str]] = {}
    for one in shown:
        for step in one.steps:
            users.setdefault(cable(step), []).append(one.path.name)
    for number, one in enumerate(shown):
        yield f'<g stroke="{_colour(number)}"><title>{escape(_told(one))}</title>'
        for step in one.steps:
            sharing = users[cable(step)]
            # Paths on one link are drawn beside each other.
            aside = (sharing.index(one.path.name) - (len(sharing) - 1) / 2) * 5
            yield f'<path class="path" transform="translate({_n(aside)} 0)" d="{lines[cable(step)][1]}"/>'
        yield "</g>"


def _legend(plan: _Plan, shown: Sequence[ComputedPath]) -> Iterator[str]:
    for number, one in enumerate(shown):
        y = plan.height + 14 + 22 * number
        yield f'<path class="path" stroke="{_colour(number)}" d="M{_MARGIN} {_n(y)}h28"/>'
        yield f'<text class="sub" x="{_MARGIN + 38}" y="{_n(y + 4)}">{escape(_told(one))}</text>'


def _told(one: ComputedPath) -> str:
    return f"{one.path.name} ({one.path.traffic_class}): {' → '.join(one.devices)}"


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _n(number: float) -> str:
    """A coordinate without needless digits."""
    return f"{number:.1f}".removesuffix(".0")
