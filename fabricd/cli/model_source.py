"""Where `models install` takes modules from: a folder, an archive, or a git repository.

Called by the models commands. Gathers files; what becomes of them is the daemon's (or the offline command's) affair.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from fabricd.cli.archive import read_archive, read_tar
from fabricd.errors import InputError, Problem
from fabricd.schema.module_files import MOST_FILE_BYTES, Pile

GIT_TIMEOUT = 300.0  # seconds for all of it

# Variables by which git finds the repository that it works on (git(1), "The Git Repository").
_OF_A_REPOSITORY = frozenset(
    (
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_WORK_TREE",
    )
)


def read_source(source: str, *, ref: str = "", inside: str = "", timeout: float = GIT_TIMEOUT) -> Pile:
    """The *.yang files of SOURCE, below its folder `inside` if given.

    A folder, a zip or tar archive, or anything that git can fetch from (a bare repository too), of which `ref` is the
    branch, tag or commit. Raises InputError naming what cannot be had or must not be taken.
    """
    place = Path(source).expanduser()
    if ref or _is_git(source, place):
        pile = _read_git(str(place.resolve()) if place.exists() else source, ref or "HEAD", inside, timeout)
    elif place.is_dir():
        pile = _read_folder(place / inside)
    elif place.exists():
        pile = read_archive(place, inside=inside)
    else:
        raise _refused("no such folder or archive, and not the address of a git repository", source)
    if not pile.files:
        raise _refused("no *.yang files in it" + (f" below {inside}" if inside else ""), source)
    return pile


def _is_git(source: str, place: Path) -> bool:
    if place.exists():
        return (place / "HEAD").is_file() and (place / "objects").is_dir()
    return "://" in source or source.endswith(".git") or ("@" in source.partition(":")[0] and ":" in source)


def _read_folder(folder: Path) -> Pile:
    pile = Pile()
    for file in sorted(folder.rglob("*.yang")):
        if file.is_symlink() or not file.is_file():
            raise _refused("is a link or no plain file", str(file))
        try:
            with file.open("rb") as opened:
                pile.add(str(file), opened.read(MOST_FILE_BYTES + 1))
        except OSError as error:
            raise _refused(error.strerror or str(error), str(file)) from error
    return pile


def _read_git(url: str, ref: str, inside: str, timeout: float) -> Pile:
    """What `ref` holds, fetched alone and read as an archive: nothing of the repository is checked out or run."""
    if url.startswith("-") or ref.startswith("-"):
        raise _refused("an address or ref does not begin with a dash", url)
    pile = Pile()
    deadline = time.monotonic() + timeout
    with tempfile.TemporaryDirectory(prefix="fabricctl-") as folder, (Path(folder) / "tree.tar").open("w+b") as tree:
        _git(folder, url, deadline, "init", "--quiet", "--bare", ".")
        _git(folder, url, deadline, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref)
        _git(folder, url, deadline, "archive", "--format=tar", "FETCH_HEAD", out=tree)
        tree.seek(0)
        read_tar(tree, pile, url, inside=inside)
    return pile


def _git(folder: str, url: str, deadline: float, *arguments: str, out: IO[bytes] | None = None) -> None:
    # Nobody is there to be asked for a password; a repository must not name programs to run; and whatever repository
    # we are started in (a hook, `git rebase --exec`) is not the one that is meant.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    }  # fmt: skip
    try:
        process = subprocess.Popen(  # noqa: S603 arguments are checked by the caller, and there is no shell
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],  # noqa: S607 the user's own git
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out or subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError("there is no git command; install git, or give an archive or a folder") from error
    try:
        _, told = process.communicate(timeout=max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired as error:
        raise _refused("git did not come to an end in time", url) from error
    finally:
        if process.returncode is None:
            # With its children, which speak with the server.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        said = told.decode("utf-8", "replace").strip().splitlines()
        raise _refused(f"git {arguments[0]} failed: {said[-1] if said else f'exit code {process.returncode}'}", url)


def _refused(message: str, source: str) -> InputError:
    return InputError.of([Problem(message, path=source)])
