"""CSV and similar tables, read while they arrive."""

import csv
import fnmatch
import re
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Annotated, Literal

import msgspec
from msgspec import Raw
from pydantic import AfterValidator, NonNegativeInt, model_validator

from source_rest_api.errors import BrokenAnswerError, ConfigError
from source_rest_api.http.response import Response
from source_rest_api.plurals import counted
from source_rest_api.records.line_decoders import HTML, Lines, batches

_LONGEST_FIELD = 1 << 24
_JSON = frozenset({"application/json", "application/problem+json"})
_SKIP = "If there are lines before the header, or totals, set `decoder.skip_to_column` or `decoder.skip_rows`."


def _one_character(value: str) -> str:
    value = "\t" if value == r"\t" else value
    if len(value) != 1 or value in "\r\n":
        raise ValueError("must be one character; `\\t` is a tab")
    return value


class Csv(Lines):
    """CSV (RFC 4180) and similar tables: each row is a record with text values, read while the body arrives."""

    type: Literal["csv"] = "csv"
    delimiter: Annotated[str, AfterValidator(_one_character)] = ","
    """Delimiter between values, such as `;`, or `\\t` for a tab."""
    quote: Annotated[str, AfterValidator(_one_character)] = '"'
    """Quote character around values that contain a delimiter. A quote inside such a value is doubled."""
    escape: Annotated[str, AfterValidator(_one_character)] | None = None
    """Character before a quote or a delimiter inside a value, such as `\\`. By default only doubled quotes are read."""
    header: bool = True
    """True if the first row has the column names."""
    columns: list[str] = []  # noqa: RUF012 -- pydantic copies defaults
    """Column names. They replace the names in the first row."""

    null_values: list[str] = []  # noqa: RUF012 -- as above
    """Values that become null, such as `--`. By default all values are strings, including empty ones."""
    skip_lines: NonNegativeInt = 0
    """Number of lines before the header to skip."""
    skip_to_column: str | None = None
    """Set this if the number of lines before the header varies. Name of a column, such as `Date`. The connector skips
    the lines before the first line with this value."""
    skip_rows: list[str] = []  # noqa: RUF012 -- as above
    """Rows below the header to skip, such as totals, as patterns: `Grand Total*`. A pattern must match the whole row,
    its values joined by `delimiter`."""
    skip_last_rows: NonNegativeInt = 0
    """Number of rows to skip at the end, such as totals. Prefer `skip_rows`, which keeps the last record if the API
    sends no totals."""

    refused = HTML | _JSON

    @model_validator(mode="after")
    def _check_columns(self) -> "Csv":
        if not self.header and not self.columns:
            raise ValueError("`header: false` needs `columns`: list the column names there")
        if not self.header and self.skip_to_column is not None:
            raise ValueError("`skip_to_column` is a name in the header: remove it, or `header: false`")
        if self.columns:
            _check_names(self.columns)
        return self

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """Yields the records in batches of some thousands. Blank lines are skipped.

        Raises:
            BrokenAnswerError: A quote is not closed, or the text is not valid in its charset.
            ConfigError: The header is missing or has duplicate names, or a row has the wrong number of values.
        """
        return batches(self._records(response))

    def _records(self, response: Response) -> Iterator[Raw]:
        csv.field_size_limit(_LONGEST_FIELD)
        nulls = frozenset(self.null_values)
        table = _Table(self, (line.decode() + "\n" for line in self.lines(response)))
        try:
            names = self._names(table.header()) if self.header else self.columns
            for number, row in enumerate(table.rows(), 1):
                if len(row) != len(names):
                    raise ConfigError(
                        f"Row {number} (line {table.line}) has {counted(len(row), 'value')} for "
                        f"{counted(len(names), 'column')}. Check `decoder` (`delimiter`, `quote`, `header`). {_SKIP}"
                    )
                values = [None if value in nulls else value for value in row] if nulls else row
                yield Raw(msgspec.json.encode(dict(zip(names, values, strict=True))))
        except csv.Error as error:
            raise BrokenAnswerError(
                f"The table cannot be read at line {table.line} ({error}). If the error persists, check "
                "`decoder.quote`. If a backslash precedes quotes inside values, set `decoder.escape`."
            ) from None

    def _names(self, row: list[str]) -> list[str]:
        if not self.columns:
            try:
                _check_names(row)
            except ValueError as error:
                raise ConfigError(
                    f"The table's first row: {error}. Set the names in `decoder.columns`. {_SKIP}"
                ) from None
            return row
        if len(row) != len(self.columns):
            raise ConfigError(
                f"The table has {counted(len(row), 'column')}, but `decoder.columns` has "
                f"{counted(len(self.columns), 'name')}. Correct it. {_SKIP}"
            )
        return self.columns


class _Table:
    """The rows of a table without its preamble and totals, each as its values.

    Args:
        form: The format.
        lines: The lines of the body, each with a line break.

    Raises:
        ConfigError: No line has the column `skip_to_column`.
    """

    def __init__(self, form: Csv, lines: Iterator[str]) -> None:
        self._form = form
        self._skipped = sum(1 for _ in islice(lines, form.skip_lines))
        self._read = partial(csv.reader, delimiter=form.delimiter, quotechar=form.quote, escapechar=form.escape)
        self._reader = self._read(self._without_preamble(lines), strict=True)
        self._filled = filter(None, self._reader)
        self._line_held: int | None = None

    @property
    def line(self) -> int:
        """The line of the body where the current row ends."""
        return self._skipped + self._reader.line_num if self._line_held is None else self._line_held

    def header(self) -> list[str]:
        """Returns the first row.

        Raises:
            ConfigError: There is none.
            csv.Error: A quote is not closed.
        """
        for row in self._filled:
            return row
        raise ConfigError("The table is empty, without a header. Check `path`, or set `header: false` and `columns`.")

    def rows(self) -> Iterator[list[str]]:
        """Returns the rows that are records.

        Raises:
            csv.Error: A quote is not closed.
        """
        rows = self._without_last(self._form.skip_last_rows) if self._form.skip_last_rows else self._filled
        if not self._form.skip_rows:
            return rows
        skipped = re.compile("|".join(map(fnmatch.translate, self._form.skip_rows))).match
        return (row for row in rows if not skipped(self._form.delimiter.join(row)))

    def _without_last(self, count: int) -> Iterator[list[str]]:
        held: deque[tuple[list[str], int]] = deque()
        for row in self._filled:
            held.append((row, self._skipped + self._reader.line_num))
            if len(held) > count:
                record, self._line_held = held.popleft()
                yield record
        self._line_held = None

    def _without_preamble(self, lines: Iterator[str]) -> Iterator[str]:
        name = self._form.skip_to_column
        if name is None:
            return lines
        for line in lines:
            if any(name in map(str.strip, row) for row in self._read([line])):
                return chain([line], lines)
            self._skipped += 1
        raise ConfigError(
            f"No line has the column `{name}` (`decoder.skip_to_column`). Check its spelling, and `decoder.delimiter`."
        )


def _check_names(names: list[str]) -> None:
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise ValueError(f"two columns have the name `{twice}`")
