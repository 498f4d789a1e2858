"""Where in the work an error happened."""

from __future__ import annotations

from source_rest_api.errors import SourceError


class Place:
    """Adds stream, request and page to the errors that pass."""

    def __init__(self, stream: str, *where: str) -> None:
        self._where = (f"Stream {stream}", *where)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            error.at(*self._where)
