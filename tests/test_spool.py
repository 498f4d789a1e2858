"""Rows beyond the memory limit go to disk, and are read back unchanged."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.streams.spool import Seen, Spool


def everything(spool: Spool) -> list[bytes]:
    """All rows, as a reader takes them."""
    found: list[bytes] = []
    while rows := spool.after(len(found)):
        found += rows
    return found


@given(st.lists(st.lists(st.binary(max_size=200_000), max_size=4), max_size=4))
def test_rows_come_back_in_order(pages: list[list[bytes]]) -> None:
    """For any rows, read in any number of pieces."""
    spool = Spool()
    for page in pages:
        spool.add(page)
    assert everything(spool) == [row for page in pages for row in page]
    assert len(spool) == sum(map(len, pages))


def test_it_is_read_while_it_grows() -> None:
    """Several threads read it at once, each from the beginning."""
    spool = Spool()
    expected = [b"%d" % n for n in range(3000)]
    found: list[list[bytes]] = [[], [], []]

    def read(rows: list[bytes]) -> None:
        while len(rows) < len(expected):
            rows += spool.after(len(rows))

    readers = [Thread(target=read, args=(rows,)) for rows in found]
    for reader in readers:
        reader.start()
    for start in range(0, 3000, 100):
        spool.add(expected[start : start + 100])
    for reader in readers:
        reader.join()
    assert found == [expected] * 3


def test_memory_does_not_grow_with_the_rows() -> None:
    """A hundred megabytes are not held, and are not read in one go."""
    spool = Spool()
    row = bytes(10_000)
    before = resident()
    for _ in range(100):
        spool.add([row] * 100)
    count = 0
    while rows := spool.after(count):
        assert sum(map(len, rows)) < 1 << 20
        count += len(rows)
    grown = resident() - before
    assert count == 10_000
    assert grown < 30 << 20


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * 4096


def test_seen() -> None:
    """Each text is new once."""
    seen = Seen()
    texts = ["a", "b", "a", "", "ü", "", "b"]
    assert [seen.add(text) for text in texts] == [True, True, False, True, True, False, False]
    other = Seen()
    assert other.add("a")


def test_no_room_is_told() -> None:
    """The user reads where the room is missing, and what to set."""
    spool = Spool()
    spool._rows.execute("PRAGMA query_only = ON")  # as a full disk
    with pytest.raises(ConfigError, match="Set the environment variable TMPDIR"):
        spool.add([b"a"])
