"""Formats whose records stand line after line. They are read while they arrive, so memory does not grow with them."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from msgspec import Raw
from pydantic import AfterValidator, model_validator

from source_rest_api.errors import TOO_DEEP, BrokenAnswerError, ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.formats.raw_json import parse
from source_rest_api.http.response import BOMS, checked_charset, known_charset, named_charset, reading_as, refuse_zip
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.http.response import Response

_RECORDS = 5000
_BYTES = 1 << 20
_LONGEST_LINE = 1 << 26
_LONGEST_FIELD = 1 << 24
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_JSON = frozenset({"application/json", "application/problem+json"})


def _one_character(value: str) -> str:
    value = "\t" if value == r"\t" else value
    if len(value) != 1 or value in "\r\n":
        raise ValueError("must be one character; `\\t` is a tab")
    return value


class _Lines(Model):
    """Base of the formats whose records are lines."""

    encoding: Annotated[str, AfterValidator(known_charset)] | None = None
    """Charset of the text. By default what its byte order mark or the content type says, else UTF-8."""

    selects: ClassVar[bool] = False
    refused: ClassVar[frozenset[str]] = _HTML

    def _lines(self, response: Response) -> Iterator[bytes]:
        """The lines in UTF-8, without their ends."""
        if response.content_type in self.refused:
            raise ConfigError(
                f"The API answered with {response.content_type} where the `decoder` expects another format: check "
                "`authentication`, `path` and `decoder`."
            )
        parts: list[bytes] = []
        size = 0
        for text in _utf8(response, self.encoding):
            begin, *lines = text.split(b"\n")
            parts.append(begin)
            size += len(begin)
            if lines:
                yield b"".join(parts)
                *lines, rest = lines
                yield from lines
                parts, size = [rest], len(rest)
            if size > _LONGEST_LINE:
                raise ConfigError(f"A line is longer than {_LONGEST_LINE >> 20} MB: check `decoder`.")
        if rest := b"".join(parts):
            yield rest


class Jsonl(_Lines):
    """JSON Lines: each line is a record. Read while it arrives."""

    type: Literal["jsonl"] = "jsonl"

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """The records, some thousands at a time.

        Raises:
            BrokenAnswerError: A line is not JSON, or the text is not in its charset.
            ConfigError: A line is not an object, or nested too deeply.
        """
        return _batches(self._records(response))

    def _records(self, response: Response) -> Iterator[Raw]:
        for number, line in enumerate(self._lines(response), 1):
            if not line or line.isspace():
                continue
            try:
                record = parse(line)
            except msgspec.DecodeError as error:
                raise BrokenAnswerError(f"Line {number} is not complete, valid JSON.", str(error)) from None
            except RecursionError:
                raise ConfigError(f"{TOO_DEEP} (line {number}).") from None
            if raw_json.kind(record) != "object":
                raise ConfigError(f"Line {number} is not an object but {raw_json.kind(record)}: check `decoder`.")
            yield record


class Csv(_Lines):
    """CSV (RFC 4180) or another table of text: each row is a record, its values texts. Read while it arrives."""

    type: Literal["csv"] = "csv"
    delimiter: Annotated[str, AfterValidator(_one_character)] = ","
    """Delimiter between values: `;`, or `\\t` for a tab."""
    quote: Annotated[str, AfterValidator(_one_character)] = '"'
    """Quote character around values that contain a delimiter. Inside a quoted value it is doubled."""
    header: bool = True
    """True if the first row holds the names of the columns."""
    columns: list[str] = []  # noqa: RUF012 -- pydantic copies defaults
    """Names of the columns, in place of those of the first row."""

    refused = _HTML | _JSON

    @model_validator(mode="after")
    def _check_columns(self) -> Csv:
        if not self.header and not self.columns:
            raise ValueError("without a header, `columns` must name the columns")
        if self.columns:
            _check_names(self.columns)
        return self

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """The records, some thousands at a time. Blank lines are left out.

        Raises:
            BrokenAnswerError: A quote is not closed, or the text is not in its charset.
            ConfigError: The header is missing or has a name twice, or a row has more or fewer values than it.
        """
        return _batches(self._records(response))

    def _records(self, response: Response) -> Iterator[Raw]:
        csv.field_size_limit(_LONGEST_FIELD)
        texts = (line.decode() + "\n" for line in self._lines(response))
        rows = csv.reader(texts, delimiter=self.delimiter, quotechar=self.quote, strict=True)
        names = self.columns
        number = 0
        try:
            for row in rows:
                if not row:
                    continue
                if self.header and not number:
                    names = self._names(row)
                elif len(row) != len(names):
                    raise ConfigError(
                        f"Row {number + (not self.header)} (line {rows.line_num}) has {len(row)} values for "
                        f"{len(names)} columns: check `decoder` (`delimiter`, `quote`, `header`)."
                    )
                else:
                    yield Raw(msgspec.json.encode(dict(zip(names, row, strict=True))))
                number += 1
        except csv.Error as error:
            raise BrokenAnswerError(
                f"The table cannot be read at line {rows.line_num} ({error}); if it stays so, check `decoder.quote`."
            ) from None
        if self.header and not number:
            raise ConfigError("The table has not even a header: check `path`, or set `header: false` and `columns`.")

    def _names(self, row: list[str]) -> list[str]:
        if not self.columns:
            try:
                _check_names(row)
            except ValueError as error:
                raise ConfigError(f"The table's first row: {error}. Give the names as `decoder.columns`.") from None
            return row
        if len(row) != len(self.columns):
            raise ConfigError(f"The table has {len(row)} columns, and `decoder.columns` names {len(self.columns)}.")
        return self.columns


def _check_names(names: list[str]) -> None:
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise ValueError(f"two columns have the name `{twice}`")


def _batches(records: Iterator[Raw]) -> Iterator[list[Raw]]:
    batch: list[Raw] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record)
        if len(batch) >= _RECORDS or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _utf8(response: Response, encoding: str | None) -> Iterator[bytes]:
    """The text in UTF-8, by its byte order mark, else by the given, else by the declared charset."""
    head = b""
    for chunk in response.chunks:
        head += chunk
        if len(head) >= len(codecs.BOM_UTF32_LE):
            break
    refuse_zip(head)
    charset = encoding or named_charset(response) or "utf-8"
    mark, charset = next(((bom, name) for bom, name in BOMS if head.startswith(bom)), (b"", charset))
    with reading_as(charset):
        decoder = codecs.getincrementaldecoder(checked_charset(charset))()
        yield decoder.decode(head[len(mark) :]).encode()
        for chunk in response.chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
