"""Asks questions on the terminal for `init`, and shows its findings on stderr."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING

from source_rest_api.formats.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Dialogue:
    """The dialogue of `init`.

    Args:
        silent: True to ask nothing.
        yes: True to answer yes to every question.
    """

    def __init__(self, *, silent: bool, yes: bool) -> None:
        self._silent = silent or yes
        self._yes = yes

    def secret(self, name: str) -> str | None:
        """Returns the value of a variable that is not set; None if nobody can be asked."""
        return None if self._silent else getpass(f"Value of {name} (not shown, not saved): ")

    def chosen(self, names: Sequence[str]) -> Sequence[str]:
        """Returns the endpoints to try: all, or those that the user names."""
        if self._silent or len(names) == 1:
            return names
        for name in names:
            self.tell(f"  {name}")
        wanted = [name.strip() for name in self._asked("Endpoints to try, separated by commas [all]: ").split(",")]
        return [name for name in names if name in wanted] or names

    def may_replace(self, path: Path) -> bool:
        """Returns whether an existing file may be replaced."""
        if self._silent:
            return self._yes
        return self._asked(f"Replace {path}? [y/N] ").lower() in {"y", "yes"}

    def tell(self, line: str) -> None:
        """Shows a line on stderr, without control characters."""
        print(printable(line), file=sys.stderr)  # noqa: T201 -- stdout is for results

    def _asked(self, question: str) -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()
