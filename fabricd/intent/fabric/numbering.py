"""What the numbers of each pool purpose look like: as text, as integers, and which purposes share one number space.

Used by pools.py. Fast on purpose: a large fabric has tens of thousands of link addresses.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

from fabricd.intent.fabric.values import PoolPurpose

Span = range  # of the integers of one prefix or range that may be handed out

_ESI = re.compile(r"[0-9a-f]{20}")


def parse_ipv4(text: str) -> int:
    """Raises ValueError for anything that is not a dotted quad."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except OSError as error:
        raise ValueError(f"{text!r} is no IPv4 address") from error


def show_ipv4(number: int) -> str:
    return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big"))


def parse_ipv6(text: str) -> int:
    """Raises ValueError for anything that is not an IPv6 address."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except OSError as error:
        raise ValueError(f"{text!r} is no IPv6 address") from error


def show_ipv6(number: int) -> str:
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


@dataclass(frozen=True, slots=True)
class Kind:
    """Numbers of one purpose. `width` is how many integers one of them covers (links: two addresses). `bits` is the
    length of an address, 0 for plain numbers, which lie between `lowest` and `highest`."""

    parse: Callable[[str], int]
    show: Callable[[int], str]
    unit: str = "ranges"
    width: int = 1
    bits: int = 0
    lowest: int = 1
    highest: int = 0

    def prefix(self, text: str) -> tuple[Span, tuple[int, int]]:
        """What a prefix has to hand out, and its whole extent. Raises ValueError."""
        if not self.bits:
            raise ValueError(f"has ranges of numbers, not prefixes ({text})")
        network = ipaddress.ip_network(text)
        if network.max_prefixlen != self.bits:
            raise ValueError(f"{text} is of the wrong address family")
        first, last = int(network.network_address), int(network.broadcast_address)
        if self.width == 2:
            if network.prefixlen == self.bits:
                raise ValueError(f"{text} has no room for a link, which needs two addresses")
            return range(first, last, 2), (first, last)
        if network.prefixlen >= self.bits - 1:
            return range(first, last + 1), (first, last)
        # The network address (RFC 4291 section 2.6.1: the subnet-router anycast address) and IPv4's broadcast address.
        return range(first + 1, last + (1 if self.bits == 128 else 0)), (first, last)

    def range(self, first: int, last: int) -> tuple[Span, tuple[int, int]]:
        """What a range (inclusive) has to hand out, and its extent. Raises ValueError."""
        if self.bits:
            raise ValueError(f"has prefixes, not ranges of numbers ({first}..{last})")
        if not self.lowest <= first <= last <= self.highest:
            raise ValueError(f"{first}..{last} is no range within {self.lowest}..{self.highest}")
        return range(first, last + 1), (first, last)


def kind_of(purpose: PoolPurpose) -> Kind:
    return _KINDS[purpose]


def _link(parse: Callable[[str], int], length: int) -> Callable[[str], int]:
    def parse_link(text: str) -> int:
        address, _, found = text.partition("/")
        number = parse(address)
        if found != str(length) or number % 2:
            raise ValueError(f"{text!r} is no prefix of two addresses (/{length})")
        return number

    return parse_link


def _number(what: str, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else 0
        if not 1 <= number <= highest:
            raise ValueError(f"{text!r} is no {what} (1..{highest})")
        return number

    return parse


def _parse_segment(text: str) -> int:
    if not _ESI.fullmatch(text):
        raise ValueError(f"{text!r} is no ethernet segment identifier (20 lower-case hexadecimal digits)")
    return int(text, 16)


_HIGHEST_ASN, _HIGHEST_VNI, _HIGHEST_SEGMENT = 2**32 - 1, 2**24 - 1, 2**72 - 1
_IPV4 = Kind(parse_ipv4, show_ipv4, "prefixes", bits=32)
_VNI = Kind(_number("VNI", _HIGHEST_VNI), str, highest=_HIGHEST_VNI)

_KINDS = {
    PoolPurpose.LOOPBACK_IPV4: _IPV4,
    PoolPurpose.VTEP_IPV4: _IPV4,
    PoolPurpose.LOOPBACK_IPV6: Kind(parse_ipv6, show_ipv6, "prefixes", bits=128),
    PoolPurpose.LINK_IPV4: Kind(_link(parse_ipv4, 31), lambda n: f"{show_ipv4(n)}/31", "prefixes", width=2, bits=32),
    PoolPurpose.LINK_IPV6: Kind(_link(parse_ipv6, 127), lambda n: f"{show_ipv6(n)}/127", "prefixes", width=2, bits=128),
    PoolPurpose.ASN: Kind(_number("ASN", _HIGHEST_ASN), str, highest=_HIGHEST_ASN),
    PoolPurpose.L2_VNI: _VNI,
    PoolPurpose.L3_VNI: _VNI,
    # Type 0 (RFC 7432 section 5): operator configured, the type's octet and nine more.
    PoolPurpose.SEGMENT: Kind(_parse_segment, lambda number: f"{number:020x}", highest=_HIGHEST_SEGMENT),
}

SPACES: tuple[tuple[PoolPurpose, ...], ...] = (
    (PoolPurpose.LOOPBACK_IPV4, PoolPurpose.VTEP_IPV4, PoolPurpose.LINK_IPV4),
    (PoolPurpose.LOOPBACK_IPV6, PoolPurpose.LINK_IPV6),
    (PoolPurpose.ASN,),
    (PoolPurpose.L2_VNI, PoolPurpose.L3_VNI),
    (PoolPurpose.SEGMENT,),
)
