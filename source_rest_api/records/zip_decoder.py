"""Zip files of records, and the union of all formats."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO, Annotated, Literal, TypeAlias

from msgspec import Raw

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError, TransientError
from source_rest_api.http import compression
from source_rest_api.http.body_reader import with_own_end
from source_rest_api.http.response import Response
from source_rest_api.lazy_models import ByType
from source_rest_api.model import Model, own
from source_rest_api.plurals import counted
from source_rest_api.records.csv_decoder import Csv
from source_rest_api.records.decoders import DecoderProtocol, Json, WholeBody
from source_rest_api.records.line_decoders import Jsonl
from source_rest_api.records.xml_decoder import Xml

_LARGEST = 1 << 32
"""Maximum bytes of a zip file. It is kept in a temporary file, because the directory is at the end of a zip file."""
_CHUNK = 1 << 18
_ENCRYPTED = 1
"""The flag in a file's header (APPNOTE 4.4.4)."""
_SHOWN = 10

Format: TypeAlias = Annotated[Json | Jsonl | Csv | Xml, ByType()]
"""Formats of the files in a zip file."""


class Zip(Model):
    """A zip file whose files contain the records."""

    type: Literal["zip"] = "zip"
    decoder: Format = Json()
    """Format of the files in the zip file."""
    members: str = "*"
    """Names of the files to read, as a pattern such as `*.csv`."""

    @property
    def selects(self) -> bool:
        """True if a selector finds the records in the decoded value."""
        return self.decoder.selects

    def pages(self, response: Response, select: Callable[[Raw], list[Raw]]) -> Iterator[list[Raw]]:
        """Yields the records of one file after another, in batches.

        Args:
            response: The response with the zip file.
            select: Finds the records in a file's value.

        Raises:
            BrokenAnswerError: The response is not a zip file, is truncated or damaged, or has a file in another format.
            ConfigError: No file matches `members`, a file is encrypted, or the files expand to more than 100 times the
                size of the zip file.
        """
        from tempfile import TemporaryFile  # noqa: PLC0415 -- start-up counts

        with TemporaryFile() as file:
            size = _spool(with_own_end(response.chunks), file)
            what = f"{response.content_type or 'no content type'}, {counted(size, 'byte')}"
            with _sound(what):
                archive = zipfile.ZipFile(file)
            yield from self._records(_Archive(archive, size, response.largest, what), select)

    def _records(self, archive: "_Archive", select: Callable[[Raw], list[Raw]]) -> Iterator[list[Raw]]:
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
        archive: The open zip file.
        size: The size of the zip file in bytes.
        largest: Maximum bytes of a file that is buffered as a whole.
        what: The description of the zip file in errors.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int, largest: int, what: str) -> None:
        self.largest = largest
        self._archive = archive
        self._what = what
        self._size = size
        self._given = 0

    def chosen(self, pattern: str) -> list[zipfile.ZipInfo]:
        """Returns the files whose names match.

        Raises:
            ConfigError: No name matches.
        """
        files = [
            info
            for info in self._archive.infolist()
            # Folder names end in a slash; macOS adds its own metadata files.
            if not info.filename.endswith("/") and not info.filename.startswith("__MACOSX/")
        ]
        chosen = [info for info in files if fnmatchcase(info.filename, pattern)]
        if not chosen:
            names = ", ".join(info.filename for info in files[:_SHOWN]) or "no files"
            raise ConfigError(
                f"No file in the zip file matches `decoder.members: {pattern}`. The zip file has {names}. Correct the "
                "pattern."
            )
        return chosen

    def read(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yields the bytes of a file.

        Files may share compressed bytes, so the limit on growth applies to all files together.
        """
        if member.flag_bits & _ENCRYPTED:
            raise ConfigError("The file is encrypted and cannot be read. Exclude it with `decoder.members`.")
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


Decoder: TypeAlias = Annotated[
    Annotated[Json | Jsonl | Csv | Xml | Zip, ByType()],
    own(DecoderProtocol, advice="derive it from `RecordDecoder`"),
]
"""Formats of response bodies, or one of a connector of your own."""


@contextmanager
def _sound(what: str) -> Iterator[None]:
    """Converts the errors of `zipfile` to errors for the user."""
    try:
        yield
    except NotImplementedError as error:
        raise ConfigError(f"The file cannot be read: {error}.") from None
    except Exception as error:  # noqa: BLE001 -- zipfile lets errors of many kinds through, such as of indexes and seeks
        raise BrokenAnswerError(
            f"The response is not a zip file, or is truncated or damaged ({what}).", str(error)
        ) from None


def _spool(chunks: Iterator[bytes], file: IO[bytes]) -> int:
    """Writes the chunks to the file, and returns the number of bytes."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _LARGEST:
            raise ConfigError(f"The zip file is larger than {_LARGEST >> 30} GB. Request less data at once.")
        try:
            file.write(chunk)
        except OSError as error:
            raise TransientError(
                "The zip file cannot be written to the temporary folder. Free space there, or set `TMPDIR`.", str(error)
            ) from None
    return size
