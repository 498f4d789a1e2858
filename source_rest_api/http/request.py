"""One HTTP request, before credentials are put on it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit, urlunsplit

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BeforeValidator

from source_rest_api.formats.excerpt import CUT, LONGEST, excerpt
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.http.request_body import JsonPayload, not_text
from source_rest_api.spellings import InFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.http.request_body import Payload


_T = TypeVar("_T")
ParamValue: TypeAlias = str | list[str]
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "QUERY", "REPORT", "SEARCH"})
"""Methods that only read (RFC 9110, section 9.2.1, and the IANA registry of methods)."""
IDEMPOTENT = SAFE | {"PUT", "DELETE"}
"""Methods of requests that may be sent twice (RFC 9110, section 9.2.2)."""
_NOT_SENT = frozenset({"CONNECT", "TRACE"})
_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}")


def _checked_method(value: object) -> object:
    method = value.upper() if isinstance(value, str) else value
    if isinstance(method, str) and (not _METHOD.fullmatch(method) or method in _NOT_SENT):
        raise ValueError("must be an HTTP method, such as GET, POST or SEARCH")
    return method


Method: TypeAlias = Annotated[str, BeforeValidator(_checked_method), InFile({"pattern": "^[A-Za-z][A-Za-z-]{0,30}$"})]
"""An HTTP method; lower case is accepted."""
_PLAIN = "/:,@$[]"
"""Characters that are shown as they are, although they are encoded when they are sent."""
_HIDDEN = "****"
_SHORTEST_SIGN = 6
"""Characters of the shortest value that may grant access: shorter ones are ordinary words and numbers."""
_BEFORE_CUT = re.compile(rf"([^{CUT}]*){CUT}")
_VALUE = 60
"""Characters of a parameter's value that an error shows."""


class Request(Struct, frozen=True):
    """One HTTP request before credentials are put on it, so it can be shown and logged."""

    method: str
    url: str
    params: Mapping[str, ParamValue] = {}
    headers: Mapping[str, str] = {}
    body: Payload | None = None
    endpoint: str = ""
    """Name of the endpoint; requests to the same endpoint share its rate limit gate and error rules."""
    is_conditional: bool = False
    """True if it asks for changes since an earlier sync, so a 304 means that nothing changed."""
    is_asynchronous: bool = False
    """True if it creates or polls a job, so a 202 is a complete response."""
    is_repeatable: bool = False
    """True if it only reads, whatever its method."""
    from_record: bool = False
    """True if a record supplied the whole URL. Its query may contain a signature, so it is never shown."""
    renewal: Renewal | None = None
    """How to build it again before a retry, because its templates read the clock; None if it may be sent as it is."""

    def renewed_by(self, build: Callable[[], Request]) -> Request:
        """Return a copy that `renewed` builds again."""
        return replace(self, renewal=Renewal(self, build))

    def renewed(self) -> Request:
        """Return the request for another attempt: with new values where its templates read the clock."""
        if self.renewal is None:
            return self
        old, new = self.renewal.request, self.renewal.build()
        return replace(
            self,
            params={**self.params, **_changed(old.params, new.params)},
            headers={**self.headers, **_changed(old.headers, new.headers)},
            body=new.body if self.body == old.body else self.body,
            renewal=new.renewal,
        )

    def with_params(self, /, **params: ParamValue) -> Request:
        """Return a copy with query parameters added or replaced."""
        return replace(self, params={**self.params, **params})

    def with_value(self, where: Literal["query", "header", "body"], name: str, value: int | str | JsonValue) -> Request:
        """Return a copy with a value added or replaced in the query, the headers or the body.

        Raises:
            ConfigError: The place cannot take the value.
        """
        if where != "body" and isinstance(value, JsonValue):
            raise not_text(name)
        if where == "query":
            return self.with_params(**{name: str(value)})
        if where == "header":
            return replace(self, headers={**self.headers, name: str(value)})
        return replace(self, body=(self.body or JsonPayload({})).with_field(name, value))

    def at_url(self, url: str) -> Request:
        """Return a copy for a URL that the API returned; the URL carries its own query."""
        return replace(self, url=url, params={})

    @property
    def asked(self) -> str:
        """Its query and the names of its body's fields, for errors."""
        given = [(name, value) for name, values in self.params.items() for value in _several(values)]
        own = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        pairs = [*([(name, _HIDDEN) for name, _ in own] if self.from_record else own), *given]
        # A value is cut after it was encoded, or what stands before the cut could not be masked.
        query = "&".join(f"{_quoted(name)}={excerpt(_quoted(value), _VALUE)}" for name, value in pairs)
        names = [] if self.body is None else self.body.names
        shown = [f"`?{excerpt(query, LONGEST)}`"] if query else []
        shown += [f"the body's {', '.join(f'`{name}`' for name in names)}"] if names else []
        return " and ".join(shown) or "no parameters"

    def discreet(self, text: str) -> str:
        """Return a text without the query of a URL that a record supplied, in case the API quotes it."""
        values = [pair.partition("=")[2] for pair in urlsplit(self.url).query.split("&")] if self.from_record else []
        forms = {form for value in values for form in (value, unquote(value), unquote_plus(value))}
        for form in sorted(forms, key=len, reverse=True):
            if len(form) >= _SHORTEST_SIGN:
                text = text.replace(form, _HIDDEN)
                text = _BEFORE_CUT.sub(partial(_without_beginning, form), text)
        return text

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{self.method} {urlunsplit((parts.scheme, host, parts.path, '', ''))}"


class Renewal(Struct, frozen=True):
    """A request as it was built, and how to build it again."""

    request: Request
    build: Callable[[], Request]


def _changed(old: Mapping[str, _T], new: Mapping[str, _T]) -> dict[str, _T]:
    return {name: value for name, value in new.items() if name in old and old[name] != value}


def _several(values: ParamValue) -> list[str]:
    return [values] if isinstance(values, str) else values


def _without_beginning(form: str, cut: re.Match[str]) -> str:
    """Returns a truncated text without the beginning of a secret value at its end."""
    shown = cut[1]
    begun = next((size for size in range(len(form), 3, -1) if shown.endswith(form[:size])), 0)
    return shown[: len(shown) - begun] + _HIDDEN + CUT if begun else cut[0]


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN, errors="replace")
