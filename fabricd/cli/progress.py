"""Progress of what takes a while: a bar for whoever watches the terminal, nothing for a pipe.

Used by the commands that wait. Knows nothing of what is waited for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Protocol, TypeVar

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fabricd.cli.terminal import Terminal, plain


class Advance(Protocol):
    """Shows how far it is: `done` of `total` (0: nobody knows), and what is being done now."""

    def __call__(self, done: int, total: int, step: str) -> None: ...


class Told(Protocol):
    """A message of progress."""

    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def step(self) -> str: ...


T = TypeVar("T", bound=Told)


@contextmanager
def progress_bar(terminal: Terminal, title: str = "", *, quiet: bool) -> Iterator[Advance]:
    """A bar that is redrawn in place and gone at the end; nothing when quiet, or when nobody watches."""
    bar = Progress(
        TextColumn(f"  {title}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=terminal.out,
    )
    task = bar.add_task("", total=None, step="")

    def advance(done: int, total: int, step: str) -> None:
        bar.update(task, completed=done, total=total or None, step=plain(step))

    if quiet or not terminal.live:
        yield advance
        return
    with Live(bar, console=terminal.out, transient=True, refresh_per_second=8):
        yield advance


async def followed(stream: AsyncGenerator[T, None], terminal: Terminal, *, quiet: bool) -> T:
    """The last message of a stream of progress, all of which are shown. At least one comes, or an error."""
    last: T | None = None
    with progress_bar(terminal, quiet=quiet) as advance:
        async with aclosing(stream):
            async for last in stream:
                advance(last.done, last.total, last.step)
    assert last is not None
    return last
