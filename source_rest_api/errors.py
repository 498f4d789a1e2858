"""The errors of the connector, grouped by how to recover.

    SourceError
    ├── ConfigError        the user must change a setting or a permission      config_error
    ├── TransientError     a later attempt may succeed: retry                  transient_error
    │   ├── BrokenAnswerError  ... retry at once: the body is cut or cannot be decoded
    │   └── RateLimitedError   ... retry once the rate limit allows it
    └── InternalError      a bug in this connector: report it                  system_error

The failure types are those of the error trace in the Airbyte protocol.
"""

from __future__ import annotations

from copy import copy
from typing import ClassVar, Literal

TOO_DEEP = "The response is nested too deeply. Ask the API to leave out the deep field, with a parameter in `params`"
FailureType = Literal["config_error", "transient_error", "system_error"]


class SourceError(Exception):
    """Base class of all expected errors.

    Args:
        message: One or two sentences for the user: what was found, which setting to change. Contains no secret.
        detail: Further details for engineers.
    """

    failure_type: ClassVar[FailureType]

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.where: list[str] = []
        self.is_exhausted = False
        """True if it was retried as often as `retry` allows, so that nobody else retries it."""
        self.begins_anew = False
        """True if an error rule says that the list it interrupts is read from its first page again."""
        self.status: int | None = None
        """The HTTP status of the response that caused the error, if there is one."""

    def at(self, *where: str) -> SourceError:
        """Prepends the place of the error (stream, request, page) and returns the error itself."""
        self.where[:0] = [place for place in where if place not in self.where]
        return self

    def copy(self) -> SourceError:
        """Returns a copy of the error, to which another stream can add its own place."""
        again = copy(self)
        again.where = list(self.where)
        return again.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return f"{', '.join(self.where)}: {self.message}" if self.where else self.message


class ConfigError(SourceError):
    """The user must change a setting, a credential or a permission."""

    failure_type = "config_error"


class TransientError(SourceError):
    """The API or the network failed; a later attempt may succeed."""

    failure_type = "transient_error"


class BrokenAnswerError(TransientError):
    """The response body is cut or cannot be decoded; it is worth retrying at once."""


class RateLimitedError(TransientError):
    """The body of a successful response reports a rate limit."""


class InternalError(SourceError):
    """This connector has a bug."""

    failure_type = "system_error"


def as_source_error(error: BaseException) -> SourceError:
    """Converts any exception to a `SourceError`; an unexpected one becomes an `InternalError`."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, MemoryError):
        return TransientError(
            "The connector ran out of memory. Set a smaller `page_size` (try 100) or `max_concurrency`, or give the "
            "container more memory."
        )
    kind = type(error).__name__
    if isinstance(error, RecursionError):  # only the data is nested this deeply
        return ConfigError(f"{TOO_DEEP}.", f"{kind}: {error}")
    return InternalError(f"Unexpected {kind} in the connector. Please report this bug.", f"{kind}: {error}")


class ErrorContext:
    """Adds stream, request and page to errors raised inside it.

    The places are converted to text only if there is an error.
    """

    def __init__(self, stream: str, *where: object) -> None:
        self._stream = stream
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            error.at(f"Stream {self._stream}", *map(str, self._where))


class Stopped(Exception):  # noqa: N818 -- not an error: it was requested from outside
    """The read was stopped from outside."""
