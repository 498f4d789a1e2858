"""The credentials of a session, as the HTTP layer sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.response import Response


Auth: TypeAlias = "Callable[[Prepared], Prepared]"
"""Puts credentials on one request; `requests` calls this an auth."""


class Credentials(Protocol):
    """The credentials of one session, shared by all its threads."""

    def current(self) -> Auth:
        """Return the credentials for the next request; may request a token first."""

    def renew(self, used: Auth, refused: Response) -> bool:
        """Renew the credentials after a 401; return True if `current` now differs from `used`."""


@runtime_checkable
class Answered(Protocol):
    """Credentials that a response contained, such as an access token."""

    def answer(self) -> Mapping[str, Any]:
        """Return the values of the response; may request a token first."""


def answer_of(credentials: Credentials) -> Mapping[str, Any]:
    """Return the values of the response that contained the credentials; empty if no response did."""
    return credentials.answer() if isinstance(credentials, Answered) else {}


class Static(Struct, frozen=True):
    """Credentials that never change."""

    auth: Auth

    def current(self) -> Auth:
        """Return the same credentials for each request."""
        return self.auth

    def renew(self, used: Auth, refused: Response) -> bool:  # noqa: ARG002 -- fixed credentials cannot be renewed
        """Return False: fixed credentials cannot be renewed."""
        return False
