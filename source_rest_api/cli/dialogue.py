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
        """Returns the endpoints to try: all, or those that the user names by number, path or last word of the path."""
        if self._silent or len(names) == 1:
            return names
        for number, name in enumerate(names, 1):
            self.tell(f"{number:>4}  {name}")
        while True:
            answer = self._asked("Endpoints to try, by number or name, separated by commas [all]: ")
            if not answer:
                return names
            wanted = {word.strip(): _matching(word.strip(), names) for word in answer.split(",") if word.strip()}
            unknown = [word for word, found in wanted.items() if not found]
            if not unknown:
                return [name for name in names if any(name in found for found in wanted.values())]
            self.tell(f"There is no endpoint {', '.join(unknown)}.")

    def may_replace(self, path: Path) -> bool:
        """Returns whether an existing file may be replaced."""
        if self._silent:
            return self._yes
        return self._asked(f"Replace {path}? [y/N] ").lower() in {"y", "yes"}

    def tell(self, line: str) -> None:
        """Shows a line on stderr, without control characters."""
        sys.stderr.write(f"{printable(line)}\n")  # in one piece, as several threads show lines

    def _asked(self, question: str) -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()


def _matching(word: str, names: Sequence[str]) -> list[str]:
    if word.isdecimal() and 0 < int(word) <= len(names):
        return [names[int(word) - 1]]
    return [name for name in names if word in {name, name.rpartition("/")[2]}]
