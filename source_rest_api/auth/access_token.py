"""Tokens that are asked for: how long they live, and how all threads of a session share one."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from source_rest_api.auth.credentials import Location, check_name, check_names, put
from source_rest_api.errors import ConfigError, SourceError
from source_rest_api.formats import raw_json
from source_rest_api.http import server_time
from source_rest_api.model import Model, Text
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from msgspec import Raw
    from requests import PreparedRequest
    from typing_extensions import Self

    from source_rest_api.auth.credentials import AuthContext
    from source_rest_api.http.credentials import Auth
    from source_rest_api.http.response import Response

_YEAR_2001 = 1e9
"""Seconds since 1970. A date before it, such as year 1, is how some servers write that there is none."""
_LONGEST = 1e9
"""Seconds; a life of 31 years or more says nothing."""


class TokenLocation(Model):
    """Where the token goes in a request; by default `Authorization: Bearer <token>`."""

    location: Location = Field(default="header", alias="in")
    """Where the token goes."""
    name: str = "Authorization"
    """Name of the header, parameter, cookie or field; in a JSON body dots lead into inner objects."""
    value: Text | None = None
    """Template of the value, such as `Token {{ token }}`. By default `Bearer {{ token }}` in `Authorization`, and the
    token alone elsewhere."""

    def put(self, request: PreparedRequest, token: str, context: Mapping[str, Any]) -> PreparedRequest:
        """Put the token on a request."""
        if self.value is not None:
            value = templates.render(self.value, {**context, "token": token})
        else:
            bearer = self.location == "header" and self.name.lower() == "authorization"
            value = f"Bearer {token}" if bearer else token
        return put(request, self.location, self.name, value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_name(self.location, self.name)
        check_names(self.value or "", "token")
        return self


@dataclass(frozen=True)
class Token:
    """A token as it was given."""

    value: str = field(repr=False)
    life: float
    """Seconds from when it was asked for."""


@dataclass(frozen=True, eq=False)
class _CurrentToken:
    """The token in use."""

    token: str = field(repr=False)
    until: float
    """When it is renewed, by the session's clock."""
    place: TokenLocation
    context: Mapping[str, Any] = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return self.place.put(request, self.token, self.context)


class SharedToken:
    """One token for all threads of a session, renewed ahead of its end and when the API refuses it.

    One thread asks for it while the others wait; they get the same token, or the same error.

    Args:
        ask: Gets a new token.
        place: Where it goes.
        desk: The session.
    """

    def __init__(self, ask: Callable[[], Token], place: TokenLocation, desk: AuthContext) -> None:
        self._ask = ask
        self._place = place
        self._desk = desk
        self._lock = Lock()
        self._held: _CurrentToken | None = None
        self._failure: SourceError | None = None
        self._attempts = 0

    def current(self) -> Auth:
        """The token, which is asked for if there is none or it is about to end."""
        held = self._held
        return held if held is not None and self._is_fresh(held) else self._newer_than(held)

    def renew(self, used: Auth, refused: Response) -> bool:  # noqa: ARG002 -- a 401 is all there is to know
        """Get another token than the one that was used, unless another thread did."""
        self._newer_than(used)
        return True

    def _is_fresh(self, held: _CurrentToken) -> bool:
        return self._desk.clock() < held.until

    def _newer_than(self, old: Auth | None) -> _CurrentToken:
        attempts = self._attempts
        # Held while the token is asked for, so that the others wait for it. Inside it take their own locks: the gates
        # and the pace of the token's requester, the mask (`learn`) and the writer to stdout (`replace`). None of them
        # ever asks for credentials, so the order never turns round.
        with self._lock:
            if self._held is not None and self._held is not old and self._is_fresh(self._held):
                return self._held
            if self._failure is not None and (attempts != self._attempts or isinstance(self._failure, ConfigError)):
                raise self._failure.copy()
            try:
                self._held = self._new()
                self._failure = None
            except SourceError as error:
                self._failure = error.copy()
                raise
            finally:
                self._attempts += 1
            return self._held

    def _new(self) -> _CurrentToken:
        started = self._desk.clock()
        token = self._ask()
        self._desk.learn(token.value)
        return _CurrentToken(token.value, started + token.life - margin(token.life), self._place, self._desk.context)


def margin(life: float) -> float:
    """How many seconds ahead of its end a token is renewed.

    A tenth of its life; at least a minute, for requests under way and clocks that differ; at most half of a short
    life, or a token of 50 s would be renewed with every request.
    """
    return min(max(life / 10, 60.0), life / 2)


def life(answer: Response, expires: Raw | None, default: float, now: float) -> float:
    """Seconds that a token lives, by what the answer says: seconds, a date, or seconds or milliseconds since 1970.

    A date is measured by the server's own clock (`Date`), if it tells. What is absent, null or 0 says nothing.

    Raises:
        ConfigError: It is none of these, or is past.
    """
    if expires is None or raw_json.kind(expires) == "null":
        return default
    found = server_time.named(raw_json.text(expires) or "")
    if found is None:
        raise ConfigError(
            "The expiry in the token's answer is neither a number of seconds nor a date: check `expires_path`."
        )
    seconds = found.seconds
    if found.is_moment:
        if seconds < _YEAR_2001:
            return default
        seconds -= server_time.now(answer.headers, lambda: now)
        if seconds <= 0:
            raise ConfigError("The token that was given has already expired: check `expires_path` and the clock.")
    return seconds if 0 < seconds < _LONGEST else default


def text_at(root: Raw, path: tuple[str, ...], what: str) -> str:
    """The token at a path of the answer.

    Raises:
        ConfigError: There is none. What stands there is not shown.
    """
    found = raw_json.find(root, path)
    value = None if found is None else raw_json.text(found)
    if not value:
        keys = ", ".join(list(raw_json.fields(root))[:20]) or "no keys"
        raise ConfigError(f"The answer has no token at `{what}: {'.'.join(path)}`; it has {keys}.")
    return value
