"""A record that is too large loses its largest fields, says which, and keeps all else."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.protocol import messages
from source_rest_api.records.size_limit import Fitted, RecordSize


def raw(record: Any, **how: Any) -> Raw:
    """A record as an API may send it."""
    return Raw(json.dumps(record, **how).encode())


def fitted(records: list[Raw], largest: int, *kept: tuple[str, ...]) -> Fitted:
    """Returns the records to emit."""
    return RecordSize(largest, kept).fit(records, sum(map(len, records)))


def line_of(fit: Fitted, index: int = 0) -> dict[str, Any]:
    """The RECORD message of a record."""
    lines = b"".join(messages.records("s", fit.records, 1, fit.nulled)).splitlines()
    record: dict[str, Any] = json.loads(lines[index])["record"]
    return record


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=400) | st.lists(st.integers(), max_size=40), max_size=12),
    st.integers(200, 2000),
)
def test_what_is_too_large_fits_afterwards(record: dict[str, Any], largest: int) -> None:
    """Every line fits the size or is an error; only the largest fields become null."""
    record = {"id": 1, **record}
    try:
        fit = fitted([raw(record)], largest, ("id",))
    except ConfigError:
        return
    nulled = fit.nulled.get(0, ())
    emitted = line_of(fit)["data"]
    assert emitted == {**record, **dict.fromkeys(nulled)}
    assert len(fit.records[0]) <= largest
    assert "id" not in nulled
    values = {name: raw(value, separators=(",", ":")) for name, value in record.items()}
    sizes = {name: len(value) for name, value in values.items() if name != "id"}
    left = [size for name, size in sizes.items() if name not in nulled]
    assert not nulled or not left or min(sizes[name] for name in nulled) >= max(left) - 20
    assert bool(nulled) == (len(msgspec.json.encode(values)) > largest)


def test_only_the_record_that_is_too_large_changes() -> None:
    """Its neighbours are the bytes that came, and its line says which fields are null and why."""
    small, large = Raw(b'{"id": 1.10, "x": "x"}'), raw({"id": 2, "a": "a" * 500, "b": "b" * 900, "c": "c"})
    fit = fitted([small, large, small], 1000, ("id",))
    assert (fit.records[0], fit.records[2]) == (small, small)
    record = line_of(fit, 1)
    assert record["data"] == {"id": 2, "a": "a" * 500, "b": None, "c": "c"}
    assert record["meta"] == {
        "changes": [{"field": "b", "change": "NULLED", "reason": "SOURCE_RECORD_SIZE_LIMITATION"}]
    }
    assert "meta" not in line_of(fit, 0)


def test_records_that_are_small_are_not_looked_at() -> None:
    """A page within the size costs nothing: its records are the very same list."""
    records = [Raw(b"not even JSON")] * 3
    assert fitted(records, 1000).records is records


def test_a_record_is_measured_without_the_blanks_between_its_tokens() -> None:
    """Blanks are not emitted."""
    wide = raw({"id": 1, "a": [1] * 50}, indent=40)
    fit = fitted([wide], 1000)
    assert (line_of(fit)["data"], fit.nulled) == ({"id": 1, "a": [1] * 50}, {})


@pytest.mark.parametrize("path", [("key",), ("key", "inner"), ("key.inner",), ("no",)])
def test_fields_that_records_are_known_by_are_kept(path: tuple[str, ...]) -> None:
    """Primary key and cursor, also inside an object, or by a name with dots in it."""
    record = {path[0]: {"inner": "k" * 600}, "a": "a" * 500}
    assert fitted([raw(record)], 900, path).nulled == {0: ("a",)}


@pytest.mark.parametrize(
    "record", [{"id": "i" * 2000}, {"id": 1, **{f"f{n}": n for n in range(400)}}], ids=["key", "many fields"]
)
def test_what_does_not_fit_even_so_is_an_error(record: dict[str, Any]) -> None:
    """It names the settings that help."""
    with pytest.raises(ConfigError, match=r"`remove_fields`\), or raise `limits.record_megabytes`"):
        fitted([raw(record)], 1000, ("id",))
