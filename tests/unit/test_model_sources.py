"""Modules out of folders, archives and git repositories: what is taken, and what is refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import socketserver
import subprocess
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from fabricd.cli.model_source import read_source
from fabricd.errors import InputError
from fabricd.schema.module_files import MOST_FILE_BYTES

A, B = b"module a { }", b"module b { }"
FILES = {"release/models/a.yang": A, "release/models/sub/b.yang": B, "release/README.md": b"not taken"}


def tar(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for entry in more:
            archive.addfile(entry)
    return packed.getvalue()


def zipped(files: dict[str, bytes], *more: zipfile.ZipInfo) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for entry in more:
            archive.writestr(entry, "a.yang")
    return packed.getvalue()


PACKED: dict[str, Callable[[], bytes]] = {
    "x.zip": lambda: zipped(FILES),
    "x.tar": lambda: tar(FILES),
    "x.tar.gz": lambda: gzip.compress(tar(FILES)),
    "x.tar.bz2": lambda: bz2.compress(tar(FILES)),
    "x.tar.xz": lambda: lzma.compress(tar(FILES)),
    "x.tar.zst": lambda: zstandard.compress(tar(FILES)),
}


def laid_out(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def repository(folder: Path) -> Path:
    """A bare repository with two commits; the first one, tagged v1, lacks b.yang."""
    work, bare = laid_out(folder / "work"), folder / "models.git"

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example", *arguments],
            cwd=work, check=True, capture_output=True,
        )  # fmt: skip

    git("init", "-b", "main")
    git("add", "release/models/a.yang")
    git("commit", "-m", "one")
    git("tag", "v1")
    git("add", ".")
    git("commit", "-m", "two")
    git("clone", "--bare", ".", str(bare))
    return bare


@pytest.mark.parametrize("name", PACKED)
def test_archives_give_their_modules_and_nothing_else(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(PACKED[name]())
    assert sorted(one.text for one in read_source(str(file)).files) == [A, B]
    assert [one.text for one in read_source(str(file), inside="release/models/sub").files] == [B]


def test_a_folder_gives_its_modules(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    assert sorted(one.text for one in read_source(str(folder)).files) == [A, B]
    assert [one.text for one in read_source(str(folder), inside="release/models/sub").files] == [B]


def test_a_git_repository_is_read_at_a_branch_or_tag(tmp_path: Path) -> None:
    bare = repository(tmp_path)
    assert sorted(one.text for one in read_source(str(bare)).files) == [A, B]
    assert sorted(one.text for one in read_source(f"file://{bare}", ref="main").files) == [A, B]
    assert [one.text for one in read_source(f"file://{bare}", ref="v1").files] == [A]
    for ref in ("v9", "--upload-pack=touch x"):
        with pytest.raises(InputError):
            read_source(f"file://{bare}", ref=ref)


def test_a_git_repository_cannot_name_a_program(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not allowed|transport"):
        read_source(f"ext::sh -c 'touch {tmp_path}/ran' ://", ref="main")
    assert not (tmp_path / "ran").exists()


def test_a_git_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in time|failed"):
        read_source("ssh://git@192.0.2.1/models.git", timeout=0.3)


@contextmanager
def http_server(answer: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server that says this to every request and nothing after it; the event tells that a client hung up."""
    gone = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            if answer:
                self.request.sendall(answer)
                return
            while self.request.recv(1 << 16):
                pass
            gone.set()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/models.git", gone
        finally:
            server.shutdown()


def test_nothing_of_git_is_left_when_it_is_given_up(tmp_path: Path) -> None:
    """What talks to the server is a child of git's."""
    with http_server(b"") as (url, gone):
        with pytest.raises(InputError, match="did not come to an end in time") as refused:
            read_source(url, timeout=2)
        assert url in str(refused.value)
        assert gone.wait(30)


def test_a_git_server_that_wants_a_password_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_ASKPASS", raising=False)
    monkeypatch.delenv("SSH_ASKPASS", raising=False)
    said = b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    with http_server(said) as (url, _), pytest.raises(InputError, match="git fetch failed") as refused:
        read_source(url)
    assert url in str(refused.value)


def test_a_repository_that_the_environment_names_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook of git's, or under `git rebase --exec`."""
    bare = repository(tmp_path)
    other = tmp_path / "other.git"
    subprocess.run(["git", "init", "--bare", "--quiet", str(other)], check=True)
    before = sorted(file.relative_to(other) for file in other.rglob("*"))
    monkeypatch.setenv("GIT_DIR", str(other))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / "objects"))
    assert sorted(one.text for one in read_source(f"file://{bare}", ref="main").files) == [A, B]
    assert sorted(file.relative_to(other) for file in other.rglob("*")) == before


def link(name: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry


def zip_link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


def long_header(kind: bytes, size: int) -> bytes:
    """What tarfile reads before it looks at the next entry."""
    entry = tarfile.TarInfo("header")
    entry.type, entry.size = kind, size
    return entry.tobuf() + bytes(size + -size % 512)


def sparse(numbers: bytes) -> bytes:
    """A sparse file as GNU tar writes it, the map of its holes being wrong."""
    entry = tarfile.TarInfo("a.yang")
    entry.size = len(numbers)
    entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "3"}
    return entry.tobuf() + numbers + bytes(-len(numbers) % 512 + 1024)


HEADERS = [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_as_large_as_the_memory_is_not_read(tmp_path: Path, kind: bytes) -> None:
    file = tmp_path / "bomb"
    file.write_bytes(gzip.compress(long_header(kind, 64 << 20), 1))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="a header of 67,108,864 bytes"):
            read_source(str(file))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (sparse(b"nonsense"), "cannot be read as an archive"),
        (sparse(b"1\n0"), "cannot be read as an archive"),
        (tar({"/etc/a.yang": A}), "/etc/a.yang: is an absolute path"),
        (tar({"x/../../a.yang": A}), "x/../../a.yang: leads out of the archive"),
        (tar({}, link("evil.yang")), "evil.yang: is a link"),
        (tar({}, link("hard.yang", tarfile.LNKTYPE)), "hard.yang: is a link"),
        (tar({"a.yang": b" " * (MOST_FILE_BYTES + 1)}), "a.yang: has more than"),
        (zipped({"../a.yang": A}), "../a.yang: leads out of the archive"),
        (zipped({"c:\\a.yang": A}), "a.yang: is an absolute path"),
        (zipped({"x\\..\\..\\a.yang": A}), "leads out of the archive"),
        (zipped({}, zip_link("evil.yang")), "evil.yang: is a link"),
        (zipped({"a.yang": b" " * (MOST_FILE_BYTES + 1)}), "a.yang: has more than"),
        (zipped(FILES)[:-30], "cannot be read as an archive"),
        (gzip.compress(tar(FILES))[:-40], "cannot be read as an archive"),
        (lzma.compress(tar(FILES))[:-40], "cannot be read as an archive"),
        (b"\x1f\x8b" + b"nonsense" * 9, "cannot be read as an archive"),
        (b"nothing of the sort", "cannot be read as an archive"),
        (b"", "cannot be read as an archive"),
        (tar({"README": b"hello"}), "no *.yang files in it"),
    ],
)
def test_hostile_archives_are_refused_by_the_name_of_the_entry(tmp_path: Path, data: bytes, told: str) -> None:
    file = tmp_path / "archive"
    file.write_bytes(data)
    with pytest.raises(InputError) as refused:
        read_source(str(file))
    assert told in str(refused.value)


def test_too_many_modules_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "many.zip"
    file.write_bytes(zipped({f"m{number}.yang": b"" for number in range(3_001)}))
    with pytest.raises(InputError, match=r"m3000.yang: is one more than the 3000 files"):
        read_source(str(file))


def test_links_in_a_folder_and_places_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.yang").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"evil.yang: is a link"):
        read_source(str(tmp_path))
    with pytest.raises(InputError, match="no such folder or archive"):
        read_source(str(tmp_path / "nowhere"))
