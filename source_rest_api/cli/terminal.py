"""The terminal that somebody may be watching: its width, and what it can show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Self


class Terminal(Struct, frozen=True):
    """What a stream of output can show. The defaults are those of a file or a pipe."""

    width: int | None = None
    """The number of columns; None without a terminal."""
    redraws: bool = False
    """True if the cursor can be moved."""
    styled: bool = False
    """True if text may be bold. `NO_COLOR` (https://no-color.org) switches it off."""

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        """Returns the terminal behind a stream."""
        if not stream.isatty():
            return cls()
        import shutil  # noqa: PLC0415 -- the platform has no terminal; start-up counts

        redraws = os.environ.get("TERM", "") not in {"", "dumb"}
        return cls(shutil.get_terminal_size().columns, redraws, redraws and not os.environ.get("NO_COLOR"))
