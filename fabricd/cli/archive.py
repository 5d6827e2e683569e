"""YANG files out of archives that nobody vouches for: read in memory, bounded, never unpacked to a disk.

Called by model_source. Knows zip and tar; nothing of what is done with the files.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import zstandard

from fabricd.errors import InputError, Problem
from fabricd.schema.module_files import MOST_FILE_BYTES, Pile

_MOST_ENTRIES = 200_000
_MOST_UNPACKED = 2 << 30  # bytes, of all entries; only those of modules are kept
_LONGEST_HEADER = 1 << 20  # bytes of what stands before an entry: its long name, or attributes
_READ_WHOLE = frozenset(
    (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )
)
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    EOFError,
    OSError,
    RuntimeError,  # zipfile: encrypted entries
    NotImplementedError,  # zipfile: a compression that it does not know
    ValueError,  # tarfile: numbers of sparse files that are none; zipfile: a name that is not in the encoding it says
)
_OPENERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x28\xb5\x2f\xfd", lambda file: zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file)),
)


def read_archive(file: Path, *, inside: str = "") -> Pile:
    """The *.yang files of a zip or tar (plain, gz, bz2, xz, zst) archive, those below the folder `inside` if given.

    Raises InputError naming the entry that is absolute, leads out of the archive, is a link, or is too much.
    """
    pile = Pile()
    try:
        with file.open("rb") as opened:
            if zipfile.is_zipfile(opened):
                opened.seek(0)
                _read_zip(opened, pile, str(file), inside)
                return pile
            opened.seek(0)
            head = opened.read(8)
            opened.seek(0)
            opener = next((one for magic, one in _OPENERS if head.startswith(magic)), None)
            read_tar(opener(opened) if opener else opened, pile, str(file), inside=inside)
    except _DAMAGED as error:
        raise InputError.of([Problem(f"cannot be read as an archive: {error}", path=str(file))]) from error
    return pile


def read_tar(stream: IO[bytes], pile: Pile, source: str, *, inside: str = "") -> None:
    """Add the *.yang files of an uncompressed tar stream. Raises InputError, and what tarfile raises."""
    bounded = _Bounded(stream, source)
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header) as archive:  # type: ignore[call-overload]
        for count, entry in enumerate(archive):
            _bounded_count(count, entry.name, source)
            if not _wanted(entry.name, source, inside) or entry.isdir():
                continue
            if not entry.isreg():
                raise _refused("is a link or no plain file", source, entry.name)
            content = archive.extractfile(entry)
            assert content is not None  # a plain file has content
            pile.add(f"{source}: {entry.name}", content.read(MOST_FILE_BYTES + 1))


def _read_zip(opened: IO[bytes], pile: Pile, source: str, inside: str) -> None:
    with zipfile.ZipFile(opened) as archive:
        for count, entry in enumerate(archive.infolist()):
            _bounded_count(count, entry.filename, source)
            if not _wanted(entry.filename, source, inside) or entry.is_dir():
                continue
            mode = entry.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise _refused("is a link or no plain file", source, entry.filename)
            with archive.open(entry) as content:
                pile.add(f"{source}: {entry.filename}", content.read(MOST_FILE_BYTES + 1))


def _wanted(name: str, source: str, inside: str) -> bool:
    """Whether an entry is a module to take. Raises InputError for a name that would lead somewhere else."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or parts[0].endswith(":"):
        raise _refused("is an absolute path", source, name)
    if ".." in parts:
        raise _refused("leads out of the archive", source, name)
    plain = [part for part in parts if part not in ("", ".")]
    below = [part for part in inside.split("/") if part not in ("", ".")]
    return name.endswith(".yang") and plain[: len(below)] == below


def _bounded_count(count: int, name: str, source: str) -> None:
    if count >= _MOST_ENTRIES:
        raise _refused(f"is one more than the {_MOST_ENTRIES} entries that an archive may have", source, name)


def _refused(message: str, source: str, name: str) -> InputError:
    return InputError.of([Problem(message, path=f"{source}: {name}")])


class _Header(tarfile.TarInfo):
    """tarfile reads long names and attributes whole into memory, as long as they say they are."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        made = super().frombuf(buf, encoding, errors)
        if made.type in _READ_WHOLE and made.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {made.size:,} bytes")
        return made


class _Bounded:
    """A stream that ends in an error when more comes out of it than an archive of modules can hold."""

    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream = stream
        self._source = source
        self._left = _MOST_UNPACKED

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            message = f"unpacks to more than {_MOST_UNPACKED >> 30} GiB"
            raise InputError.of([Problem(message, path=self._source)])
        return data
