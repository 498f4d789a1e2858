"""Where in the work an error happened."""

from __future__ import annotations

from source_rest_api.errors import SourceError


class Place:
    """Adds stream, request and page to the errors that pass; they are put into words only then."""

    def __init__(self, stream: str, *where: object) -> None:
        self._stream = stream
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            error.at(f"Stream {self._stream}", *map(str, self._where))
