"""Modules out of folders, archives and git repositories: what is taken, and what is refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
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


def link(name: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry


def zip_link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


@pytest.mark.parametrize(
    ("data", "told"),
    [
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
