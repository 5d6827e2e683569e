"""Tables of the commands: aligned columns without lines, of which nothing is ever cut off.

Used by the commands. Knows nothing of what is listed.
"""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table

_ANY_WIDTH = 1 << 16  # cells


class Listing(Table):
    """Columns named in `folds` may break their text between words to fit the terminal, no other does.

    On a terminal that is too narrow even so a line is longer than it, and a name can still be read and copied as a
    whole; where lines must not be (rich's Live), their ends are cut off, not the middle of each.
    """

    def __init__(self, *columns: str, folds: Collection[str] = ()) -> None:
        super().__init__(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for column in columns:
            self.add_column(column, overflow="fold", no_wrap=column not in folds)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        roomy = options.update_width(_ANY_WIDTH)
        for column in self.columns:
            sizes = [Measurement.get(console, roomy, cell) for cell in (column.header, *column.cells)]
            column.min_width = max(size.maximum if column.no_wrap else size.minimum for size in sizes)
        least = self.__rich_measure__(console, roomy).minimum
        yield from super().__rich_console__(console, options.update_width(max(options.max_width, least)))
