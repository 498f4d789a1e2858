"""How an imitated API pages: whatever the templates of a manifest read in a response says what they look for."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.manifests.any import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.any.readings import Path
    from tests.manifests.any.routes import Route

_ABSENT = object()
_NAMES = re.compile(r"([\w$\\.\[\]-]+)=(?!=)")
"""Finds the parameter that a template takes out of a URL."""
_TRIES = 3000
POSITION = "x_at"
"""The parameter of a next URL that says where its page begins."""


class Signs:
    """What a response says about the next page, found by trying values until the templates do what they should.

    Args:
        route: The route.
        body: The body without these signs.
        rows: The records of the page.
        start: Where the page begins.
        total: The number of all records.
        url: The URL of the next page.
    """

    def __init__(self, route: Route, body: Any, rows: list[Any], start: int, total: int, url: str) -> None:
        self._route = route
        self._body = body
        self._rows = rows
        self._more = start + len(rows) < total
        self._value = str(route.strategy.get("cursor_value") or "")
        self._stop = str(route.strategy.get("stop_condition") or "")
        page = start // max(route.size, 1) + 1
        pages = -(-total // max(route.size, 1))
        self._numbers = [page, pages, start + len(rows), total, start, len(rows), page + 1]
        self._texts = [f"tok{start + len(rows)}n", url]
        if route.follows_urls or "http" in self._value:
            self._texts.reverse()
        names = _NAMES.findall(self._value)
        for token in (f"tok{start + len(rows)}n", page + 1):
            self._texts += [f"{url}&{name.replace(chr(92), '')}={token}" for name in names]
        self._link = {"url": url, "rel": "next"}

    def found(self) -> tuple[dict[Path, Any], dict[str, str], Any]:
        """Returns the values to put into the body, the headers, and the token that follows."""
        read = {path for text in (self._value, self._stop) for path in readings.paths(text, "response")}
        inner = {path for path in read if not any(other[: len(path)] == path != other for other in read)}
        paths = sorted((path for path in inner if not self._is_there(path)), key=str)
        headers = [path for text in (self._value, self._stop) for path in readings.paths(text, "headers")]
        for number, values in enumerate(product(*(list(self._candidates(path)) for path in paths))):
            if number > _TRIES:
                break
            chosen = {path: value for path, value in zip(paths, values, strict=True) if value is not _ABSENT}
            for sent in self._headers(headers):
                token = self._token(chosen, sent)
                if token is not readings.FAILED and bool(token) == self._more:
                    return chosen, {name: of for name, of in sent.items() if isinstance(of, str)}, token
        token = self._token({}, {"link": {}})
        return {}, {}, None if token is readings.FAILED else token

    def _is_there(self, path: Path) -> bool:
        place = [*self._route.records_path]
        keys = [key for key in path if isinstance(key, str)]
        return keys[: len(place)] == place if place else any(isinstance(key, int) for key in path[:1])

    def _candidates(self, path: Path) -> Iterator[Any]:
        name = str(path[-1]).lower()
        flags: list[Any] = [True, False]
        numbers: list[Any] = list(self._numbers)
        if not self._more:
            yield from (_ABSENT, None, "")
        is_token = path in readings.paths(self._value, "response")
        if not is_token and any(word in name for word in ("more", "last", "is_", "end", "has", "final", "complete")):
            yield from [*flags, *self._texts, *numbers]
        elif any(word in name for word in ("page", "total", "count", "offset", "limit", "number", "size")):
            yield from [*numbers, *self._texts, *flags]
        else:
            yield from [*self._texts, *numbers, *flags]
        if self._more:
            yield _ABSENT

    def _headers(self, paths: list[Path]) -> Iterator[dict[str, Any]]:
        if not paths:
            yield {}
            return
        names = {str(path[0]) for path in paths}
        if self._more and names & {"link", "Link"}:
            yield {"Link": f'<{self._link["url"]}>; rel="next"', "link": {"next": self._link}}
        for text in [*self._texts, *map(str, self._numbers)] if self._more else []:
            yield dict.fromkeys(names, text)
        yield {"link": {}}

    def _token(self, chosen: dict[Path, Any], headers: dict[str, Any]) -> Any:
        body = placed(self._body, chosen)
        context = {
            "response": body,
            "headers": headers,
            "last_record": self._rows[-1] if self._rows else None,
            "last_page_size": len(self._rows),
            "parameters": self._route.strategy.get("$parameters") or {},
        }
        stop = readings.tried(self._stop, self._route.config, **context) if self._stop else None
        if stop is readings.FAILED or _is_true(stop):
            return stop if stop is readings.FAILED else None
        token = readings.tried(self._value, self._route.config, default=self._value, **context)
        return readings.FAILED if token == self._value and "{" in token else token


def _is_true(value: Any) -> bool:
    return value not in (None, "", False, "False", "false", 0, [], {})


def placed(body: Any, values: dict[Path, Any]) -> Any:
    """Returns a body with values at paths."""
    if not values or not isinstance(body, dict):
        return body
    whole = dict(body)
    for path, value in values.items():
        holder = whole
        for key in path[:-1]:
            inner = holder.get(key)
            holder[key] = dict(inner) if isinstance(inner, dict) else {}
            holder = holder[key]
        holder[path[-1]] = value
    return whole
