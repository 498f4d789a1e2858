"""The credentials of a session, as what sends requests sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from source_rest_api.http.response import Response


Auth: TypeAlias = "Callable[[PreparedRequest], PreparedRequest]"
"""Puts credentials on one request; what `requests` calls an auth."""


class Credentials(Protocol):
    """The credentials of one session, for all its threads."""

    def current(self) -> Auth:
        """What the next request is sent with; may have to ask for a token first."""

    def renew(self, used: Auth, refused: Response) -> bool:
        """After a 401: whether `current` has now something else to try than what was used."""


class Static(Struct, frozen=True):
    """Credentials that stay what they are."""

    auth: Auth

    def current(self) -> Auth:
        """The same for each request."""
        return self.auth

    def renew(self, used: Auth, refused: Response) -> bool:  # noqa: ARG002 -- there is nothing else to try
        """Never."""
        return False
