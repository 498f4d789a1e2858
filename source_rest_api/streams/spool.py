"""A list that may be too large for memory: it keeps a few megabytes there, and the rest in a temporary file."""

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
"""Bytes of rows to read at once."""


def _database(owner: object, table: str) -> Connection:
    """Returns a database that SQLite keeps in its page cache and, beyond that, in an unnamed temporary file.

    It is closed when its owner is garbage-collected. It has no journal, because nothing in it must survive.
    """
    import sqlite3  # noqa: PLC0415 -- slow to import, and few streams need it

    made = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    weakref.finalize(owner, made.close)
    for statement in (f"PRAGMA cache_size = -{_MEMORY_KIB}", "PRAGMA journal_mode = OFF", f"CREATE TABLE {table}"):
        made.execute(statement)
    return made


class _Room:
    """Turns errors of a full or read-only disk into a ConfigError that says what to do."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and type(error).__module__ == "sqlite3":
            raise ConfigError(
                f"The connector could not store the records of parent streams in a temporary file ({error}). "
                "Set the environment variable TMPDIR to a writable directory with free space.",
            ) from error


class Spool:
    """A list of byte rows that only grows; any number of threads can read it from the beginning."""

    def __init__(self) -> None:
        self._rows = _database(self, "row (number INTEGER PRIMARY KEY, bytes BLOB)")
        self._lock = Lock()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows at the end.

        Raises:
            ConfigError: The temporary file cannot be written.
        """
        with self._lock, _Room():
            self._rows.execute("BEGIN")
            self._rows.executemany("INSERT INTO row VALUES (?, ?)", enumerate(rows, self._count + 1))
            self._rows.execute("COMMIT")
            self._count += len(rows)

    def after(self, position: int) -> list[bytes]:
        """Returns some of the rows after the first `position` ones; an empty list at the end."""
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
    """A set of texts, for one thread.

    It keeps only 128-bit digests. The probability that two of a billion texts share one is below 1 in 10^20.
    """

    def __init__(self) -> None:
        self._digests = _database(self, "seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, text: str) -> bool:
        """Add a text, and return True if it is new.

        Raises:
            ConfigError: The temporary file cannot be written.
        """
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        with _Room():
            return self._digests.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1
