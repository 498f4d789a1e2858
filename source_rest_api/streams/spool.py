"""A list that may be too large for memory: some megabytes stay there, the rest is in a private temporary file."""

from __future__ import annotations

import hashlib
import weakref
from threading import Lock
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

_MEMORY_KIB = 4096
_HANDED_OUT = 1 << 18
"""Bytes of rows that are read at once."""


def _database(owner: object, table: str) -> Connection:
    """A database that SQLite keeps in its page cache, and in an unnamed file where that is full.

    It is gone with its owner. Nothing of it has to survive, so nothing is journaled.
    """
    import sqlite3  # noqa: PLC0415 -- start-up counts

    made = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    weakref.finalize(owner, made.close)
    for statement in (f"PRAGMA cache_size = -{_MEMORY_KIB}", "PRAGMA journal_mode = OFF", f"CREATE TABLE {table}"):
        made.execute(statement)
    return made


class _Room:
    """Says of a full or missing disk what to do."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and type(error).__module__ == "sqlite3":
            raise ConfigError(
                f"The records of parent streams are kept in a temporary file, and that failed ({error}). "
                "Set the environment variable TMPDIR to a directory that can be written and has room.",
            ) from error


class Spool:
    """Rows of bytes, added at one end and read from the beginning by any number of threads."""

    def __init__(self) -> None:
        self._rows = _database(self, "row (number INTEGER PRIMARY KEY, bytes BLOB)")
        self._lock = Lock()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows at the end.

        Raises:
            ConfigError: There is no room for them.
        """
        with self._lock, _Room():
            self._rows.execute("BEGIN")
            self._rows.executemany("INSERT INTO row VALUES (?, ?)", enumerate(rows, self._count + 1))
            self._rows.execute("COMMIT")
            self._count += len(rows)

    def after(self, position: int) -> list[bytes]:
        """The rows that follow the first `position` ones: some of them, or none at the end."""
        found, size = [], 0
        with self._lock, _Room():
            rows = self._rows.execute("SELECT bytes FROM row WHERE number > ? ORDER BY number", (position,))
            for (row,) in rows:
                found.append(row)
                size += len(row)
                if size >= _HANDED_OUT:
                    break
            rows.close()
        return found


class Seen:
    """Which texts were there before; used by one thread at a time.

    It keeps their digests of 128 bits: that two of a billion texts share one is less likely than 1 in 10^20.
    """

    def __init__(self) -> None:
        self._digests = _database(self, "seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, text: str) -> bool:
        """Note a text; whether it is new.

        Raises:
            ConfigError: There is no room for it.
        """
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        with _Room():
            return self._digests.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1
