"""What can go wrong, by what has to happen next.

    SourceError
    ├── ConfigError        somebody has to change a setting or a permission    config_error
    ├── TransientError     the same thing may work later: try again            transient_error
    │   ├── BrokenAnswerError  ... at once: the body was cut or is not decodable
    │   └── RateLimitedError   ... when the API takes more requests
    └── InternalError      a bug of this connector: report it                  system_error

The failure types are those of the Airbyte protocol's error trace.
"""

from __future__ import annotations

from copy import copy
from typing import ClassVar, Literal

TOO_DEEP = "The answer is nested too deeply to be read: have the API leave out the field (`params`)"
FailureType = Literal["config_error", "transient_error", "system_error"]


class SourceError(Exception):
    """Base of all expected errors.

    Args:
        message: One or two sentences for the user: what was found, which setting to change. Holds no secret.
        detail: What an engineer wants to know beyond it.
    """

    failure_type: ClassVar[FailureType]

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.where: list[str] = []
        self.status: int | None = None
        """The HTTP status of the response that it is about, if it is about one."""

    def at(self, *where: str) -> SourceError:
        """Prepend the place where it happened: a stream, a request, a page. Returns itself."""
        self.where[:0] = [place for place in where if place not in self.where]
        return self

    def copy(self) -> SourceError:
        """The same error for somebody else, who adds a place of their own to it."""
        again = copy(self)
        again.where = list(self.where)
        return again.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return f"{', '.join(self.where)}: {self.message}" if self.where else self.message


class ConfigError(SourceError):
    """The user has to act: a setting, a credential, a permission."""

    failure_type = "config_error"


class TransientError(SourceError):
    """The API or the network failed; a later attempt may succeed."""

    failure_type = "transient_error"


class BrokenAnswerError(TransientError):
    """The answer's body is cut or cannot be decoded; worth asking again at once."""


class RateLimitedError(TransientError):
    """The body of a success says that there were too many requests."""


class InternalError(SourceError):
    """This connector is wrong."""

    failure_type = "system_error"


def as_source_error(error: BaseException) -> SourceError:
    """Translate any exception into the tree: what is not expected is a bug."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, MemoryError):
        return TransientError("The connector ran out of memory: give it more, or ask for smaller pages.")
    kind = type(error).__name__
    if isinstance(error, RecursionError):  # nothing here is deeper than the data
        return ConfigError(f"{TOO_DEEP}.", f"{kind}: {error}")
    return InternalError(f"Unexpected {kind} in the connector; please report it.", f"{kind}: {error}")


class ErrorContext:
    """Adds stream, request and page to the errors that pass; they are put into words only then."""

    def __init__(self, stream: str, *where: object) -> None:
        self._stream = stream
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            error.at(f"Stream {self._stream}", *map(str, self._where))


class Stopped(Exception):  # noqa: N818 -- not an error: somebody asked for it
    """The read was told to stop while it waited."""
