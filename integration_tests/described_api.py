"""An API that behaves as its OpenAPI document says, with rows of its own.

Each collection returns rows that fit its schema, in pages as its declared parameters allow. So the truth about a stream
is known, although nobody has an account of the real API.
"""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from source_rest_api.formats import paging_names
from source_rest_api.onboarding import parameters
from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

_DEPTH = 5
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_EXACT = {"id", "gid", "sid", "uid"}
_HOLDERS = {"data", "items", "results", "records", "value", "values", "entries"}
_ID = re.compile(r"(?:.*_)?(?:id|uid|sid|gid|guid|key|slug|login|email|name|number)|.*(?:Id|Key)", re.ASCII)


class DescribedApi(Api):
    """The running API.

    Args:
        document: Its OpenAPI document.
        rows: The number of rows of each collection at the top; a collection below a parent has fewer.
        link_headers: True to name the next page in a `Link` header too.
    """

    def __init__(self, document: Mapping[str, Any], rows: int = 57, *, link_headers: bool = False) -> None:
        super().__init__()
        self._document = document
        self._rows = rows
        self._link_headers = link_headers
        self._collections = sorted(
            (
                (re.compile(re.sub(r"\\{[^/]+?\\}", "([^/]+)", re.escape(path)) + "/?"), path)
                for path in document["paths"]
                if "get" in document["paths"][path]
            ),
            key=lambda route: route[1].count("{"),
        )
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:  # noqa: ARG002 -- as the base
        """Finds the answer by the paths of the document."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        route = next(
            ((match, path_) for pattern, path_ in self._collections if (match := pattern.fullmatch(path))), None
        )
        if route is None or method != "GET":
            return Answer({"message": "Not Found"}, 404)
        match, known = route
        schema = self._schema_of(known)
        holder = self._holder(schema, ())
        if holder is None or known.endswith("}"):
            return Answer(self._value(schema, known, 1, 0))
        rows = self.table(known, path, match.groups())
        try:
            return self._page(known, path, schema, holder, rows, query)
        except ValueError:
            return Answer({"message": "a parameter has no valid value"}, 400)

    def table(self, known: str, path: str, values: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Returns the rows of a collection; none if a value in its path is not one of its parent's."""
        if path not in self._tables:
            if values and not self._exists(known, values):
                return self._tables.setdefault(path, [])
            schema = self._schema_of(known)
            items = self._resolved(self._list_at(schema, self._holder(schema, ()) or ()).get("items", {}))
            count = 3 + len(path) % 3 if values else self._rows
            self._tables[path] = [self._row(items, path, number) for number in range(1, count + 1)]
        return self._tables[path]

    def _exists(self, known: str, values: tuple[str, ...]) -> bool:
        """True if the last value in a path is that of a row of the collection before it."""
        collections = {path for _, path in self._collections}
        before, _, rest = known.rpartition("/{")
        parent = before if before in collections else f"{before}.json"
        if not rest or parent not in collections:
            return False
        given = iter(values)
        filled = re.sub(r"\{[^/]+?\}", lambda _: next(given), parent)
        rows = self.table(parent, filled, values[:-1])
        last = values[-1].removesuffix(".json")
        return any(last in {str(value) for value in _identities(row)} for row in rows)

    def _row(self, schema: Any, path: str, number: int) -> dict[str, Any]:
        row = self._value(schema, path, number, 0)
        return row if isinstance(row, dict) else {"value": row}

    def _page(
        self,
        known: str,
        path: str,
        schema: Any,
        holder: tuple[str, ...],
        rows: list[dict[str, Any]],
        query: dict[str, str],
    ) -> Answer:
        declared = self._declared(known)
        names = {role: next((n for n in declared if parameters.has_role(n, role)), "") for role in _ROLES}
        schema_of_size = declared.get(names["size"], {})
        default = schema_of_size.get("default", 20)
        highest = schema_of_size.get("maximum", 1000)
        size = min(int(query.get(names["size"], default)), highest) if names["size"] else len(rows) or 1
        unpaged = not any(names[role] for role in ("page", "offset", "token"))
        if unpaged:
            size = len(rows) or 1
        key = names["token"]
        given = query.get(key, "") if key else ""
        by_record = re.fullmatch(r"starting_after|after_id", key) is not None
        if names["page"] and not (key and not names["page"]):
            begin = (int(query.get(names["page"], "1")) - 1) * size
        elif key and by_record:
            begin = 1 + [str(row["id"]) for row in rows].index(given) if given else 0
        elif key:
            begin = int(given.partition("-")[2]) if given else 0
        else:
            begin = int(query.get(names["offset"], "0")) if names["offset"] else 0
        page, end = rows[begin : begin + size], begin + size
        more = end < len(rows)
        url = f"{self.url}{quote(path)}?"
        size_sent = f"&{names['size']}={size}" if names["size"] and names["size"] in query else ""
        last = str(page[-1].get("id", "")) if page else ""
        token = last if by_record else f"c-{end}"
        following = f"{names['offset']}={end}"
        if names["page"]:
            following = f"{names['page']}={end // size + 1}"
        elif key:
            following = f"{key}={quote(token)}"
        body = self._value(schema, known, 1, 0)
        body = page if not holder else _placed(body, holder, page)
        if isinstance(body, dict):
            self._filled(body, more, f"{url}{following}{size_sent}", token, len(rows), -(-len(rows) // size))
        headers = {"Link": f'<{url}{following}{size_sent}>; rel="next"'} if more and self._link_headers else {}
        return Answer(body, headers=headers)

    def _filled(self, body: dict[str, Any], more: bool, url: str, token: str, total: int, pages: int) -> None:
        """Puts the facts about the page into the fields that the schema has for them."""
        for name, value in list(body.items()):
            plain = paging_names.plain(name)
            if isinstance(value, dict):
                self._filled(value, more, url, token, total, pages)
            elif paging_names.MORE.fullmatch(plain) and (isinstance(value, bool) or name == "has_more"):
                body[name] = more
            elif name in {"isLast", "last_page"}:
                body[name] = not more
            elif paging_names.NEXT.fullmatch(plain) or name == "continue":
                body[name] = (url if re.search("url|uri|^next$|link|page$", name) else token) if more else None
            elif paging_names.TOTAL_PAGES.fullmatch(plain):
                body[name] = pages
            elif paging_names.TOTAL.fullmatch(plain) or paging_names.COUNT.fullmatch(plain):
                body[name] = total

    def _declared(self, known: str) -> dict[str, Any]:
        item = self._document["paths"][known]
        every = [self._resolved(each) for each in (*item.get("parameters", ()), *item["get"].get("parameters", ()))]
        return {each["name"]: self._resolved(each.get("schema", {})) for each in every if each.get("in") == "query"}

    def _schema_of(self, known: str) -> Any:
        responses = self._document["paths"][known]["get"].get("responses", {})
        response = self._resolved(responses.get("200") or responses.get("2XX") or {})
        media: Any = next((of for name, of in response.get("content", {}).items() if "json" in name), {})
        return self._resolved(media.get("schema", {}))

    def _holder(self, schema: Any, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """Returns the path of the list of objects in a schema; None if there is none."""
        schema = self._resolved(schema)
        if schema.get("type") == "array":
            return path if self._is_object(schema.get("items", {})) else None
        if len(path) > 2:
            return None
        fields = self._properties(schema)
        if any(name in fields for name in ("id", "gid", "sid")) and not _HOLDERS & fields.keys():
            return None
        for name, inner in fields.items():
            if name in {"links", "errors", "metadata", "meta", "status"}:
                continue
            found = self._holder(inner, (*path, name))
            if found is not None:
                return found
        return None

    def _list_at(self, schema: Any, holder: tuple[str, ...]) -> Any:
        for name in holder:
            schema = self._properties(self._resolved(schema))[name]
        return self._resolved(schema)

    def _is_object(self, schema: Any) -> bool:
        return bool(self._properties(self._resolved(schema)))

    def _properties(self, schema: Any) -> dict[str, Any]:
        schema = self._resolved(schema)
        fields = dict(schema.get("properties", {}))
        for branch in schema.get("allOf", ()):
            fields |= self._properties(branch)
        for name in ("oneOf", "anyOf"):
            if not fields and schema.get(name):
                fields = self._properties(schema[name][0])
        return fields

    def _value(self, schema: Any, path: str, number: int, depth: int, name: str = "") -> Any:
        """Returns a value that fits a schema; identifiers and times depend on the row's number."""
        schema = self._resolved(schema)
        fields = self._properties(schema)
        kind = schema.get("type", "object" if fields else "string")
        kind = next((each for each in kind if each != "null"), "string") if isinstance(kind, list) else kind
        if fields and depth < _DEPTH:
            return {field: self._value(of, path, number, depth + 1, field) for field, of in fields.items()}
        if kind == "object":
            return {}
        if kind == "array":
            items = self._resolved(schema.get("items", {}))
            return (
                [self._value(items, path, number, depth + 1)] if depth < _DEPTH and not self._properties(items) else []
            )
        return _scalar(schema, kind, name, number, path)

    def _resolved(self, value: Any) -> Any:
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            found: Any = self._document
            for step in value["$ref"].removeprefix("#/").split("/"):
                key = unquote(step).replace("~1", "/").replace("~0", "~")
                found = found[int(key)] if isinstance(found, list) else found[key]
            value = found
        return value if isinstance(value, dict) else {}


_ROLES: tuple[parameters.Role, ...] = ("page", "offset", "size", "token")


def _scalar(schema: Any, kind: str, name: str, number: int, path: str) -> Any:
    if kind in {"integer", "number"}:
        return number * 7 if _ID.fullmatch(name) else number % 5
    if kind == "boolean":
        return number % 3 == 0
    if schema.get("format") == "date-time":
        return (_START + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if schema.get("enum"):
        return schema["enum"][number % len(schema["enum"])]
    if _ID.fullmatch(name):
        return f"{name}-{number}-{b64encode(path.encode()).decode()[-6:].strip('=')}".replace("/", "_")
    return f"{name} {number % 4}"


def _placed(body: Any, holder: tuple[str, ...], page: list[dict[str, Any]]) -> Any:
    name, *rest = holder
    return {**body, name: _placed(body.get(name, {}), tuple(rest), page) if rest else page}


def _identities(row: Mapping[str, Any]) -> list[Any]:
    """Returns the values that lead to a row in a path: its name in `metadata`, or its first identifier."""
    inner = row.get("metadata") or {}
    if "name" in inner:
        return [inner["name"]]
    own = [name for name in row if _ID.fullmatch(name) and name not in {"number", "name"}]
    return [row[name] for name in sorted(own, key=lambda name: name not in _EXACT)[:1]]
