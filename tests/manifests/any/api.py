"""An imitation of the API that a stream of a manifest reads."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, unquote_plus, urlencode

from tests.api import Answer, Api, Call
from tests.manifests.any import paging, readings, routes, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from tests.manifests.any.routes import Route

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?")
_NUMBER = re.compile(r"\d+")
_OFFSET = re.compile(r"(?:offset|skip|page|startposition|after)\W+(\d+)", re.IGNORECASE)
"""Finds a position in a query that is a text, such as SQL."""
MOST = 600
"""How many requests a stream may send: more are a loop, or combinations of parents that no stream has."""
_SIGNED_IN = {
    "access_token": "tok",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "tok2",
    "token": "tok",
}


class AnyApi(Api):
    """Answers the requests of one stream, and of the streams above it. Others it takes for sign-ins."""

    def serve(self, stream: dict[str, Any], config: dict[str, Any]) -> None:
        """Imitates the API of another stream."""
        self._found = routes.of(stream, config)
        self._tokens: dict[tuple[str, str], int] = {}
        self._session = _session_answer(stream)
        self.unknown: list[str] = []
        self.requests = []
        self.served: dict[str, rows.Row] = {}

    @property
    def looped(self) -> bool:
        """True if the stream sent more requests than it has pages."""
        return len(self.requests) > MOST

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Logs a request, and answers it."""
        path, _, query = target.partition("?")
        path = re.sub("/+", "/", path)  # the CDK merges slashes
        arguments = parse_qs(query, keep_blank_values=True)
        call = Call(method, target, unquote(path), {}, arguments, headers, body, len(self.requests))
        with self._lock:
            self.requests.append(call)
        return self._run(self._answered, call)

    def _answered(self, call: Call) -> Any:
        if self.looped:
            return Answer({"error": "too many requests for so few pages"}, 403)
        query = unquote_plus(call.target.partition("?")[2])
        fitting = [
            (size, route) for route in self._found if (size := route.matches(call.method, call.path, query)) is not None
        ]
        if not fitting:
            self.unknown.append(f"{call.method} {call.path}")
            return self._session
        return self._page(max(fitting, key=lambda fit: fit[0])[1], call)

    def _page(self, route: Route, call: Call) -> Answer:
        held = _held(call)
        partition = _partition(route, call, held)
        whole = _window(route, rows.of(route, partition), held)
        is_one = not route.records_path and _reads_keys(route)  # the body is the record
        whole = whole[:1] if is_one else whole
        if not route.is_parent:
            self.served.update({row[rows.MARK]: row for row in whole})
        start = self._start(route, partition, held)
        page = whole[start : start + route.size] if route.paginator else whole
        body = _nested(route.records_path, page)
        if route.strategy.get("type") != "CursorPagination":
            return _encoded(route, body)
        following = {**call.query, paging.POSITION: [str(start + len(page))]}
        url = f"{self.url}{call.target.partition('?')[0]}?{urlencode(following, doseq=True)}"
        body = {**page[0]} if is_one and page else body
        values, headers, token = paging.Signs(route, body, page, start, len(whole), url).found()
        with self._lock:
            for _, text in routes.leaves(token, "") if token not in (None, "") else ():
                self._tokens[partition, text] = start + len(page)
        return _encoded(route, paging.placed(body, values), headers)

    def _start(self, route: Route, partition: str, held: dict[str, str]) -> int:
        if f"query/{paging.POSITION}" in held:
            return int(held[f"query/{paging.POSITION}"])
        values = [value for leaf, value in held.items() if value and _is_below(leaf, route.token_leaves)]
        kind = route.strategy.get("type")
        if kind == "CursorPagination":
            with self._lock:
                tokens = {token: at for (of, token), at in self._tokens.items() if of == partition}
            known = [at for token, at in tokens.items() if token in values]
            inside = [at for token, at in tokens.items() if any(token in value for value in values)]
            return [*known, *inside, 0][0]
        numbers = (_NUMBER.search(value) if value.isdecimal() else _OFFSET.search(value) for value in values)
        number = next((int(found[found.lastindex or 0]) for found in numbers if found), None)
        if number is None:
            return 0
        if kind == "OffsetIncrement":
            return number
        first = readings.evaluated(route.strategy.get("start_from_page"), route.config)
        return (number - int(first or 0)) * route.size


def _reads_keys(route: Route) -> bool:
    texts = [str(route.strategy.get(name) or "") for name in ("cursor_value", "stop_condition")]
    found = [path for text in texts for path in readings.paths(text, "response")]
    return any(isinstance(path[0], str) for path in found)


def _held(call: Call) -> dict[str, str]:
    """Returns the texts of a request by where they stand."""
    found = {f"query/{name}": "\x1f".join(values) for name, values in call.query.items()}
    found |= {f"header/{name}": value for name, value in call.headers.items()}
    text = call.body.decode("utf-8", "replace")
    try:
        body: Any = json.loads(text) if text else {}
    except ValueError:
        fields = parse_qs(text, keep_blank_values=True)
        body = {name: "\x1f".join(values) for name, values in fields.items()} if fields else text
    for leaf, value in routes.leaves(body, "body"):
        found[leaf] = f"{found[leaf]}\x1f{value}" if leaf in found else value
    return found


def _is_below(leaf: str, leaves: Iterable[str]) -> bool:
    return any(leaf == each or leaf.startswith(f"{each}/") for each in leaves)


def _partition(route: Route, call: Call, held: dict[str, str]) -> str:
    """Returns a digest of all that decides which records a request asks for, but the page and the interval."""
    kept = {
        leaf: value
        for leaf, value in held.items()
        if not _is_below(leaf, route.changing) and not leaf.startswith("header/") and leaf != f"query/{paging.POSITION}"
    }
    text = json.dumps([route.identity, call.path.rstrip("/"), kept], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _window(route: Route, found: list[rows.Row], held: dict[str, str]) -> list[rows.Row]:
    """Returns the rows within the interval that a request asks for, its ends included."""
    start = _moment(route, held, "start", 0)
    end = _moment(route, held, "end", -1)
    if route.cursor.get("type") == "IncrementingCountCursor" or (start is None and end is None):
        return found
    kept = []
    numbers = range(len(found) - 1, -1, -1) if route.cursor.get("is_data_feed") else range(len(found))
    for number, row in zip(numbers, found, strict=True):
        at = rows.parsed(str(rows.written(rows.moment(route, number), route.format)), route.format)
        if at is None or ((start is None or start <= at) and (end is None or at <= end)):
            kept.append(row)
    return kept


def _moment(route: Route, held: dict[str, str], bound: str, which: int) -> Any:
    for leaf in route.bounds[bound]:
        value = held.get(leaf)
        if not value:
            continue
        found = rows.parsed(value, route.format)
        if found is None and (matches := _MOMENT.findall(value)):
            text = matches[which] if len(matches) > 1 else matches[0]
            forms = (route.format, "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
            found = next((made for form in forms if (made := rows.parsed(text, form)) is not None), None)
        if found is not None:
            return found
    return None


def _nested(path: list[str], page: list[rows.Row]) -> Any:
    """Returns a body that holds records at a path, where `*` is each item."""
    body: Any = page
    for number, key in enumerate(reversed(path)):
        body = [body] if key == "*" and number else body if key == "*" else {key: body}
    return body


def _session_answer(value: Any) -> dict[str, Any]:
    """Returns what a sign-in answers: a token wherever a component looks for one."""
    found: dict[str, Any] = dict(_SIGNED_IN)
    for each in _components(value):
        if each.get("session_token_path"):
            found = paging.placed(found, {tuple(each["session_token_path"]): "tok"})
        for name in ("access_token_name", "session_token_response_key", "expires_in_name"):
            if isinstance(each.get(name), str) and "{" not in each[name]:
                found[each[name]] = 3600 if name.startswith("expires") else "tok"
    return found


def _components(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _components(inner)


def _encoded(route: Route, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """Returns a body as the decoder of a route reads it."""
    return _as(route.retriever.get("decoder") or {}, body, dict(headers or {}))


def _as(decoder: dict[str, Any], body: Any, headers: dict[str, str]) -> Answer:
    kind = str(decoder.get("type") or "")
    inner = (
        decoder.get("decoder") or decoder.get("inner_decoder") or decoder.get("parser") or decoder.get("inner_parser")
    )
    if kind in {"CompositeRawDecoder", "ResponseToFileExtractor"} and inner:
        return _as(inner, body, headers)
    if kind in {"GzipDecoder", "GzipParser"}:
        made = _as(inner or {}, body, headers).payload()
        return Answer(gzip.compress(made, mtime=0), headers={"Content-Type": "application/gzip", **headers})
    if kind == "ZipfileDecoder":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("rows.json", _as(inner or {}, body, headers).payload())
        return Answer(packed.getvalue(), headers={"Content-Type": "application/zip", **headers})
    items = body if isinstance(body, list) else [body]
    if kind in {"JsonlDecoder", "JsonLineParser"}:
        return Answer("\n".join(map(json.dumps, items)), headers={"Content-Type": "application/x-ndjson", **headers})
    if kind in {"CsvDecoder", "CsvParser"}:
        text = io.StringIO()
        flat = [
            {name: str(value) for name, value in item.items() if not isinstance(value, dict | list)} for item in items
        ]
        writer = csv.DictWriter(text, list(flat[0]) if flat else [rows.MARK], delimiter=decoder.get("delimiter") or ",")
        writer.writeheader()
        writer.writerows(flat)
        return Answer(text.getvalue(), headers={"Content-Type": "text/csv", **headers})
    if kind == "XmlDecoder":
        return Answer(
            _xml("root", body) if not isinstance(body, dict) or len(body) != 1 else _xml(*next(iter(body.items()))),
            headers={"Content-Type": "application/xml", **headers},
        )
    return Answer(body, headers=headers)


def _xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_xml(name, item) for item in value)
    inner = "".join(_xml(key, of) for key, of in value.items()) if isinstance(value, dict) else str(value)
    return f"<{name}>{inner}</{name}>"
