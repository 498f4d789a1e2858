"""Access tokens: their lifetime, their place in a request, and how all threads of a session share one."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from msgspec import Struct
from pydantic import Field, model_validator
from typing_extensions import Self

from source_rest_api.auth.credentials import AuthContext, Location, check_name, check_names, put
from source_rest_api.auth.token_answer import TokenAnswer
from source_rest_api.errors import ConfigError, SourceError
from source_rest_api.http.credentials import Auth
from source_rest_api.http.prepared import Prepared
from source_rest_api.http.response import Response
from source_rest_api.model import Model, Text
from source_rest_api.templates import templates

_REST = 60.0
"""Seconds after a failed token request before another stream may try again."""


class TokenLocation(Model):
    """The place of the token in a request; by default `Authorization: Bearer <token>`."""

    location: Location = Field(default="header", alias="in")
    """The part of the request that carries the token."""
    name: str = "Authorization"
    """Name of the header, query parameter, cookie or field. In a JSON body, dots lead into inner objects."""
    value: Text | None = None
    """Template of the value, such as `Token {{ token }}`. By default `Bearer {{ token }}` in `Authorization`, and only
    the token elsewhere."""

    def put(self, request: Prepared, token: str, context: Mapping[str, Any]) -> Prepared:
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


class Token(Struct, frozen=True):
    """A token as the API issued it."""

    value: str
    life: float
    """Lifetime in seconds, from the time of the request."""
    answer: TokenAnswer | None = None
    """The response that contained the token; None if the connector signed the token itself."""

    __repr__ = object.__repr__  # the fields have secrets


class _CurrentToken(Struct, frozen=True, eq=False):
    """The token in use; puts itself on requests."""

    token: str
    until: float
    """Time on the session's clock at which to renew it."""
    values: Mapping[str, Any]
    """The values of the token response."""
    place: TokenLocation
    context: Mapping[str, Any]

    __repr__ = object.__repr__  # the fields have secrets

    def __call__(self, request: Prepared) -> Prepared:
        return self.place.put(request, self.token, self.context)


class SharedToken:
    """One token for all threads of a session, renewed before it expires and when the API rejects it.

    One thread requests it while the others wait; they get the same token, or the same error.

    Args:
        ask: Requests a new token.
        place: The token's place in a request.
        desk: The services of the session.
    """

    def __init__(self, ask: Callable[[], Token], place: TokenLocation, desk: AuthContext) -> None:
        self._ask = ask
        self._place = place
        self._desk = desk
        self._lock = Lock()
        self._held: _CurrentToken | None = None
        self._failure: SourceError | None = None
        self._failed = 0.0
        self._attempts = 0

    def answer(self) -> Mapping[str, Any]:
        """Return the values of the token response; may request a token first."""
        return self.current().values

    def current(self) -> _CurrentToken:
        """Return the token; request a new one if there is none or it is about to expire."""
        held = self._held
        return held if held is not None and self._is_fresh(held) else self._newer_than(held)

    def renew(self, used: Auth, refused: Response) -> bool:  # noqa: ARG002 -- a 401 says nothing more
        """Request a new token in place of the used one, unless another thread already did."""
        self._newer_than(used)
        return True

    def _is_fresh(self, held: _CurrentToken) -> bool:
        return self._desk.clock() < held.until

    def _newer_than(self, old: "Auth | None") -> _CurrentToken:
        attempts = self._attempts
        # The lock is held during the token request, so that the other threads wait for its result. Lock order: inside
        # this lock, others take theirs: the gates and the pace of the token's requester, the mask (`learn`) and the
        # writer to stdout (`replace`). None of them ever requests credentials, so the order is never reversed.
        with self._lock:
            if self._held is not None and self._held is not old and self._is_fresh(self._held):
                return self._held
            failure = self._failure
            if failure is not None and (attempts != self._attempts or self._lasts(failure)):
                raise failure.copy()
            try:
                self._held = self._new()
                self._failure = None
            except SourceError as error:
                self._failure = error.copy()
                self._failed = self._desk.clock()
                raise
            finally:
                self._attempts += 1
            return self._held

    def _lasts(self, failure: SourceError) -> bool:
        """Return True if a new token request is useless or too soon: many failures in a row may lock an account."""
        return isinstance(failure, ConfigError) or (failure.is_exhausted and self._desk.clock() < self._failed + _REST)

    def _new(self) -> _CurrentToken:
        started = self._desk.clock()
        token = self._ask()
        for secret in (token.value, *(token.answer.secrets if token.answer else ())):
            self._desk.learn(secret)
        until = started + token.life - margin(token.life)
        values = token.answer.values if token.answer else {}
        return _CurrentToken(token.value, until, values, self._place, self._desk.context)


def margin(life: float) -> float:
    """Return the seconds before its expiry at which a token is renewed.

    This is a tenth of its lifetime, but at least a minute, to allow for running requests and clock differences. It is
    at most half of the lifetime: otherwise, a token of 50 s would be renewed with every request.
    """
    return min(max(life / 10, 60.0), life / 2)
