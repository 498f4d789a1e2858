"""The token request. Its secrets are added like credentials when it is sent, so the request itself can be logged."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from source_rest_api.auth import token_answer, token_fields
from source_rest_api.auth.credentials import check_names
from source_rest_api.auth.token_answer import TokenAnswer
from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.http import error_policy
from source_rest_api.http.error_policy import Verdict
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import JsonPayload
from source_rest_api.http.response import describe
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from msgspec import Raw

    from source_rest_api.auth.credentials import AuthContext
    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.response import Response

BodyFormat: TypeAlias = Literal["form", "json", "query"]

_ADVICE = {
    "invalid_grant": "the refresh token, assertion or password is wrong, expired, revoked or already used; authorize "
    "again, and set the new one in `authentication`",
    "invalid_client": "check `client_id`, `client_secret` and `credentials_in`",
    "unauthorized_client": "this client may not use this `grant_type`; set another one, or allow it for the client",
    "unsupported_grant_type": "check `grant_type`",
    "invalid_scope": "check `scopes`",
    "invalid_request": "check `fields`, `body_format` and `credentials_in`",
}
"""Advice for the user, by the error codes of RFC 6749, section 5.2."""
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


class TokenRequest(Struct, frozen=True):
    """A token request; calling it puts its fields and secrets on the bare request."""

    url: str
    fields: Mapping[str, Any]
    headers: Mapping[str, str] = {}
    basic: tuple[str, str] | None = None
    """User name and password of `Authorization: Basic`."""
    body_format: BodyFormat = "form"
    method: str = "POST"
    answers_json: bool = True
    """False if the response need not be JSON, because its token is the whole body, a header or a cookie."""

    __repr__ = object.__repr__  # the fields have secrets

    def __call__(self, request: Prepared) -> Prepared:
        """Put fields and secrets on the request."""
        request.headers.update(self.headers)
        if self.basic is not None:
            request.headers["Authorization"] = f"Basic {basic(*self.basic)}"
        if self.method == "GET" or self.body_format == "query":
            request.prepare_url(request.url, token_fields.pairs(self.fields))
        elif self.body_format == "json":
            request.prepare_body(self._json.encode(), None)
            request.headers["Content-Type"] = "application/json"
        else:
            request.prepare_body(token_fields.pairs(self.fields), None)
        return request

    @property
    def _json(self) -> JsonPayload:
        payload = JsonPayload({})
        for name, value in self.fields.items():
            payload = payload.with_field(name, value)
        return payload

    def send(self, desk: AuthContext) -> TokenAnswer:
        """Send the request and return the successful response.

        Raises:
            SourceError: No token could be obtained.
        """
        accept = "application/json" if self.answers_json else "application/json, */*;q=0.8"
        return TokenAnswer(desk.exchange(Request(self.method, self.url, headers={"Accept": accept}), self, self._judge))

    def _judge(self, response: Response) -> Verdict | None:
        return judge(response, answers_json=self.answers_json)


def judge(response: Response, *, answers_json: bool = True) -> Verdict | None:
    """Return the verdict on a token response; None for a success, which must also be readable.

    Args:
        response: The response.
        answers_json: True if a success that is not JSON is a failure.
    """
    status = response.status
    verdict = error_policy.judge(response)
    if verdict is not None and (verdict.retry or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        return verdict
    try:
        root = token_answer.json_of(response)
    except SourceError as error:
        if verdict is None and not answers_json and response.body.lstrip()[:1] not in {b"{", b"["}:
            return None
        if verdict is None:
            return Verdict(error, retry=isinstance(error, TransientError))
        return Verdict(ConfigError(f"The API returned no token: {describe(response)}. Check `authentication`."))
    reason = _text(root, "error")
    if verdict is None and reason is None:
        return None
    told = f"HTTP {status}, `{reason}`" if reason else describe(response)
    said = _text(root, "error_description")
    message = f"The API returned no token: {told}{f' ({excerpt(said, LONGEST)})' if said else ''}"
    if reason in _PASSING:
        return Verdict(TransientError(f"{message}."), retry=True)
    advice = _ADVICE.get(reason or "", "check `authentication`")
    return Verdict(ConfigError(f"{message}: {advice}."))


def basic(username: str, password: str) -> str:
    """Return the credentials of `Authorization: Basic`, in Base64 (RFC 7617)."""
    return b64encode(f"{username}:{password}".encode()).decode()


def check(named: Mapping[str, str | list[str]], *own: str) -> None:
    """Raise ValueError if a header has several values, or its template reads an unknown name."""
    for name, text in named.items():
        if not isinstance(text, str):
            raise ValueError(f"`{name}` must be a single text, not a list")  # noqa: TRY004 -- pydantic wants a ValueError
        check_names(text, *own)


def filled(named: Mapping[str, str | list[str]], context: Mapping[str, Any]) -> dict[str, str]:
    """Return headers with their templates rendered."""
    return {name: templates.render(str(text), context) for name, text in named.items()}


def _text(root: Raw, name: str) -> str | None:
    """Return a text of the response; for a nested error object, its message or code. None if it is absent or empty."""
    value = raw_json.fields(root).get(name)
    if value is None:
        return None
    inner = raw_json.fields(value)
    text = raw_json.text(inner.get("message", inner.get("code", value)) if inner else value)
    return text or None
