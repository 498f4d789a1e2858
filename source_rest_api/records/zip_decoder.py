"""Zip files of records, and the union of all formats."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from fnmatch import fnmatchcase
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError, TransientError
from source_rest_api.http import compression
from source_rest_api.http.response import Response
from source_rest_api.model import Model
from source_rest_api.records.decoders import Json, WholeBody
from source_rest_api.records.line_decoders import Csv, Jsonl
from source_rest_api.records.xml_decoder import Xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msgspec import Raw

_LARGEST = 1 << 32
"""Bytes of a zip file, which waits in a temporary file because its directory stands at its end."""
_CHUNK = 1 << 18
_ENCRYPTED = 1
"""The flag in a file's header (APPNOTE 4.4.4)."""
_SHOWN = 10

Format: TypeAlias = Annotated[Json | Jsonl | Csv | Xml, Field(discriminator="type")]
"""The formats of files in a zip file."""


class Zip(Model):
    """A zip file, whose files hold the records."""

    type: Literal["zip"] = "zip"
    decoder: Format = Json()
    """The format of the files in it."""
    members: str = "*"
    """Which of the files to read, by their names, such as `*.csv`."""

    @property
    def selects(self) -> bool:
        """True if records are selected from what is decoded."""
        return self.decoder.selects

    def pages(self, response: Response, select: Callable[[Raw], list[Raw]]) -> Iterator[list[Raw]]:
        """The records of one file after the other, in parts.

        Args:
            response: The zip file.
            select: Finds the records in a file's value.

        Raises:
            BrokenAnswerError: It is no zip file, or cut or damaged, or a file in it is not in its format.
            ConfigError: None of its files is asked for, one is encrypted, or it inflates to more than 100 times its
                size.
        """
        with TemporaryFile() as file:
            size = _spool(response.chunks, file)
            what = f"{response.content_type or 'no content type'}, {size} bytes"
            with _sound(what):
                archive = zipfile.ZipFile(file)
            yield from self._records(_Archive(archive, size, response.largest, what), select)

    def _records(self, archive: _Archive, select: Callable[[Raw], list[Raw]]) -> Iterator[list[Raw]]:
        for member in archive.chosen(self.members):
            yield from self._records_of(archive.read(member), member.filename, archive.largest, select)

    def _records_of(
        self, contents: Iterator[bytes], name: str, largest: int, select: Callable[[Raw], list[Raw]]
    ) -> Iterator[list[Raw]]:
        chunks = compression.plain(contents, "")
        try:
            if isinstance(self.decoder, WholeBody):
                yield select(self.decoder.decode(Response(200, {}, compression.joined(chunks, largest), "")))
            else:
                yield from self.decoder.pages(Response(200, {}, b"", "", chunks))
        except SourceError as error:
            raise error.at(f"file {name}") from None


class _Archive:
    """The files of a zip file.

    Args:
        archive: It.
        size: Its bytes.
        largest: Bytes that a file may come to which is held at once.
        what: What it is called in errors.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int, largest: int, what: str) -> None:
        self.largest = largest
        self._archive = archive
        self._what = what
        self._size = size
        self._given = 0

    def chosen(self, pattern: str) -> list[zipfile.ZipInfo]:
        """The files whose names match.

        Raises:
            ConfigError: None does.
        """
        files = [
            info
            for info in self._archive.infolist()
            # A folder's name ends in a slash; macOS puts more beside the files.
            if not info.filename.endswith("/") and not info.filename.startswith("__MACOSX/")
        ]
        chosen = [info for info in files if fnmatchcase(info.filename, pattern)]
        if not chosen:
            names = ", ".join(info.filename for info in files[:_SHOWN]) or "no files"
            raise ConfigError(f"No file in the zip file matches `decoder.members: {pattern}`; it holds {names}.")
        return chosen

    def read(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """A file's bytes. Files may share theirs, so it is all files together that must not grow too large."""
        if member.flag_bits & _ENCRYPTED:
            raise ConfigError("The file is encrypted, and cannot be read.")
        with _sound(self._what):
            file = self._archive.open(member)
        with file:
            while chunk := self._chunk(file):
                self._given += len(chunk)
                compression.check_growth(self._size, self._given, self.largest)
                yield chunk

    def _chunk(self, file: IO[bytes]) -> bytes:
        with _sound(self._what):
            return file.read(_CHUNK)


Decoder: TypeAlias = Annotated[Json | Jsonl | Csv | Xml | Zip, Field(discriminator="type")]
"""The formats of bodies."""


@contextmanager
def _sound(what: str) -> Iterator[None]:
    """Says what is wrong with a zip file."""
    try:
        yield
    except NotImplementedError as error:
        raise ConfigError(f"The file cannot be read: {error}.") from None
    except Exception as error:  # noqa: BLE001 -- zipfile lets errors of many kinds through, such as of indexes and seeks
        raise BrokenAnswerError(f"The answer is no zip file, or it is cut or damaged ({what}).", str(error)) from None


def _spool(chunks: Iterator[bytes], file: IO[bytes]) -> int:
    """Keep the file until its end has come; its bytes."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _LARGEST:
            raise ConfigError(f"The zip file is larger than {_LARGEST >> 30} GB: ask for less at once.")
        try:
            file.write(chunk)
        except OSError as error:
            raise TransientError("There is no room for the zip file in the temporary folder.", str(error)) from None
    return size
