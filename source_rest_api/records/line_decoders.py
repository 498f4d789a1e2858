"""JSON Lines, and the base of formats with one record per line. They are read while the body arrives."""

import codecs
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Raw
from pydantic import AfterValidator

from source_rest_api.errors import TOO_DEEP, BrokenAnswerError, ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.formats.raw_json import parse
from source_rest_api.http.response import (
    BOMS,
    Response,
    checked_charset,
    known_charset,
    named_charset,
    reading_as,
    refuse_zip,
)
from source_rest_api.model import Model

_RECORDS = 5000
_BYTES = 1 << 20
_LONGEST_LINE = 1 << 26
HTML = frozenset({"text/html", "application/xhtml+xml"})


class Lines(Model):
    """The common base of the line formats."""

    encoding: Annotated[str, AfterValidator(known_charset)] | None = None
    """Charset of the text. By default from the byte order mark, then the content type, otherwise UTF-8."""

    require_frame: bool = False
    """Refuse a response without `Content-Length`, chunks or compression. It ends where the server closes the
    connection, so nothing proves that it is complete. By default the log warns."""

    selects: ClassVar[bool] = False
    refused: ClassVar[frozenset[str]] = HTML

    def lines(self, response: Response) -> Iterator[bytes]:
        """Yields the lines in UTF-8, without line ends."""
        if response.content_type in self.refused:
            raise ConfigError(
                f"The API returned {response.content_type}, but the `decoder` expects another format. Check "
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
                raise ConfigError(f"A line is longer than {_LONGEST_LINE >> 20} MB. Check `decoder`.")
        if rest := b"".join(parts):
            yield rest


class Jsonl(Lines):
    """JSON Lines: each line is a record. Records are read while the body arrives."""

    type: Literal["jsonl"] = "jsonl"

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """Yields the records in batches of some thousands.

        Raises:
            BrokenAnswerError: A line is not JSON, or the text is not valid in its charset.
            ConfigError: A line is not an object, or nested too deeply.
        """
        return batches(self._records(response))

    def _records(self, response: Response) -> Iterator[Raw]:
        for number, line in enumerate(self.lines(response), 1):
            if not line or line.isspace():
                continue
            try:
                record = parse(line)
            except msgspec.DecodeError as error:
                raise BrokenAnswerError(f"Line {number} is not complete, valid JSON.", str(error)) from None
            except RecursionError:
                raise ConfigError(f"{TOO_DEEP} (line {number}).") from None
            if raw_json.kind(record) != "object":
                raise ConfigError(f"Line {number} is not an object but {raw_json.kind(record)}. Check `decoder`.")
            yield record


def batches(records: Iterator[Raw]) -> Iterator[list[Raw]]:
    """Groups records into batches of some thousands."""
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
    """Yields the text in UTF-8. The byte order mark decides, then `encoding`, then the declared charset."""
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
