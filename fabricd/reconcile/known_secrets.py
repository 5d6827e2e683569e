"""The secrets that the daemon has to keep to itself, and texts without them.

Filled by DeviceSecrets; `conceal` is handed by the daemon to whoever tells people something. Knows no device.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from fabricd.model.secret import HIDDEN

# Secrets are looked up by so many characters; shorter ones would tear holes into every sentence.
_START = 3
_ALONE = re.compile("(?<=['\"`>]).{1,2}(?=['\"`<])", re.DOTALL)
# Nobody reads on, and a device may say as much as it likes.
_LONGEST = 16_384
# One character as programs spell it, also several times over: \u00e4, \xe4, \344, \n, \", %C3, &lt;, &amp;lt;, &#60;.
_SPELLED = re.compile(
    r"(?P<blank>(?:\s|\\+[nrt])+)"
    r"|(?P<unicode>(?:\\+u[0-9a-fA-F]{4})+)"
    r"|\\+(?:x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2}))"
    r"|(?P<quoting>\\+)"
    r"|%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
    r"|&(?:amp;)*(?P<entity>(?:lt|gt|amp|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)"
    r"|(?P<wide>[^\x00-\x7f])"
)


class KnownSecrets:
    """The secrets in the clear that this process has to keep to itself, and texts without them.

    One for each daemon, which hands it to everyone. `learn` is for its event loop, `conceal` for any thread.

    A secret of four characters or more is taken out wherever it stands, one of three where it is a word of its own, and
    a shorter one where it stands alone between quotation marks or tags: anywhere else it could not be told from the
    words around it, and what is missing would give it away. It is found whatever escapes it is spelled with: those of
    JSON, XML, URLs and program texts, also one in the other. At the end of a text four characters of a secret will do:
    devices say so much and no more.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._holders: Counter[str] = Counter()
        self._sorted: list[str] = []
        # By the first characters of secrets: which lengths there are, the longest first, and how many of each.
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._of_length: Counter[tuple[str, int]] = Counter()

    def learn(self, holder: str, values: Iterable[str]) -> None:
        """From now on these are the secrets that `holder` has. Those that it had before them stay known: a device may
        still have them, and name both when one is replaced by the other."""
        now = frozenset(filter(None, (_Plain.of(value).text for value in values)))
        before, forgotten = self._held.get(holder, (frozenset(), frozenset()))
        if now == before:
            return
        self._held[holder] = now, before
        for value in now:
            self._holders[value] += 1
            if self._holders[value] == 1:
                self._count(value, 1)
        for value in forgotten:
            self._holders[value] -= 1
            if not self._holders[value]:
                del self._holders[value]
                self._count(value, -1)

    def conceal(self, text: str) -> str:
        """The text without secrets. One of more than 16,384 characters is cut there, never inside a secret."""
        plain = _Plain.of(text)
        parts: list[str] = []
        done = 0
        for begin, end in sorted(self._found(plain.text)):
            first, last = plain.place(begin)[0], plain.place(end - 1)[1]
            if first >= _LONGEST:
                break
            if first >= done:
                parts += (text[done:first], HIDDEN)
                done = last
        end = max(done, min(len(text), _LONGEST))
        if not parts and end == len(text):
            return text
        rest = len(text) - end
        return "".join((*parts, text[done:end], f"... ({rest} more characters)" if rest else ""))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets are in a plain text."""
        begins = self._lengths
        if not begins:
            return
        for found in _ALONE.finditer(text):
            if found[0] in self._holders:
                yield found.span()
        done = 0
        for at in [at for at in range(len(text)) if text[at : at + _START] in begins]:
            if at >= done and (length := self._length_at(text, at) or self._length_begun(text, at)):
                done = at + length
                yield at, done

    def _length_at(self, text: str, at: int) -> int:
        """The length of the secret that begins there, 0 for none."""
        for length in self._lengths.get(text[at : at + _START], ()):
            if (
                length >= _START
                and text[at : at + length] in self._holders
                and (length > _START or _stands_alone(text, at, at + length))
                and not _is_hidden(text, at, at + length)
            ):
                return length
        return 0

    def _length_begun(self, text: str, at: int) -> int:
        """The length of what is left of the text, if a secret begins there and is cut off by its end; else 0."""
        left = len(text) - at
        longest = self._lengths.get(text[at : at + _START], (0,))[0]
        if not _START < left < longest:
            return 0
        tail = text[at:]
        place = bisect_left(self._sorted, tail)
        return left if any(one.startswith(tail) for one in self._sorted[place : place + 1]) else 0

    def _count(self, value: str, more: int) -> None:
        if more > 0:
            insort(self._sorted, value)
        else:
            del self._sorted[bisect_left(self._sorted, value)]
        start, length = value[:_START], len(value)
        self._of_length[start, length] += more
        known = set(self._lengths.get(start, ()))
        known = known | {length} if self._of_length[start, length] else known - {length}
        self._lengths[start] = tuple(sorted(known, reverse=True))
        if not self._of_length[start, length]:
            del self._of_length[start, length]
        if not known:
            del self._lengths[start]


@dataclass(frozen=True, slots=True)
class _Plain:
    """A text as it is without escapes, each byte of UTF-8 one character, white space one blank. `pieces` are where its
    characters come from: (its begin here, its begin and end there); what is not spelled out stands for itself."""

    text: str
    pieces: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of(cls, text: str) -> _Plain:
        parts: list[str] = []
        pieces: list[tuple[int, int, int]] = []
        at = length = 0
        for found in _SPELLED.finditer(text[: 2 * _LONGEST]):
            said = _character(found)
            if said == found[0]:
                continue
            parts += (text[at : found.start()], said)
            length += found.start() - at
            pieces.append((length, *found.span()))
            length += len(said)
            at = found.end()
            pieces.append((length, at, at))
        return cls("".join((*parts, text[at : 2 * _LONGEST])), tuple(pieces))

    def place(self, at: int) -> tuple[int, int]:
        """Where in the original the character comes from."""
        here = bisect_right(self.pieces, at, key=itemgetter(0)) - 1
        if here < 0:
            return at, at + 1
        begin, first, last = self.pieces[here]
        return (first, last) if last > first else (first + at - begin, first + at - begin + 1)


def _character(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "unicode":
            units = (int(one[-4:], 16).to_bytes(2, "big") for one in re.findall(r"u[0-9a-fA-F]{4}", found[0]))
            return _bytes(b"".join(units).decode("utf-16-be", "surrogatepass"))
        case "hex" | "percent":
            return chr(int(found[found.lastgroup], 16))
        case "octal":
            return chr(int(found["octal"], 8))
        case "entity":
            return _bytes(html.unescape(f"&{found['entity']}"))
        case "quoting":
            return ""
        case "wide":
            return _bytes(found[0])
        case _:
            return " "


def _bytes(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _stands_alone(text: str, begin: int, end: int) -> bool:
    around = text[max(0, begin - 1) : begin] + text[end : end + 1]
    return not any(one.isalnum() or one == "_" for one in around)


def _is_hidden(text: str, begin: int, end: int) -> bool:
    """Whether that is what stands in the place of a secret already: texts are concealed more than once."""
    beyond = len(HIDDEN) - 1
    return text.find(HIDDEN, max(0, begin - beyond), end + beyond) >= 0
