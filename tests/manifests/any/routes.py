"""The routes of an imitated API: one for each retriever in a stream of a manifest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.manifests.any import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.any.readings import Path

_HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_VOLATILE = re.compile(r"now_utc|today_utc|today_with_timezone|generate_uuid|timestamp\(")
_PLACES = {"request_parameter": "query", "header": "header", "body_json": "body", "body_data": "body"}
_ANY = ".*?"
_PARTITIONS = ("stream_partition", "stream_slice")
_DEFAULT_SIZE = 5
_MOST = 250
"""The largest page that is filled; larger ones stay short, because the CDK takes long for their records."""


@dataclass(frozen=True)
class Route:
    """What one retriever asks, and what it expects.

    Args:
        retriever: The retriever.
        cursor: The `incremental_sync` of its stream.
        stream: Its stream.
        config: The config.
        needed: The paths that other streams read of its records.
        is_parent: True if it is read for other streams.
    """

    retriever: dict[str, Any]
    cursor: dict[str, Any]
    stream: dict[str, Any]
    config: dict[str, Any]
    needed: list[Path] = field(default_factory=list)
    is_parent: bool = False

    @cached_property
    def requester(self) -> dict[str, Any]:
        """Its requester."""
        return self.retriever.get("requester") or {}

    @cached_property
    def method(self) -> str:
        """The HTTP method."""
        return str(self.requester.get("http_method") or "GET").upper()

    @cached_property
    def url(self) -> str:
        """The URL, with its templates."""
        base = str(self.requester.get("url_base") or self.requester.get("url") or "").strip()
        path = str(self.requester.get("path") or "").strip()
        if path.startswith("http"):
            return path
        return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base

    @cached_property
    def _target(self) -> tuple[str, str]:
        """The expressions that match the decoded paths that it asks for, and the queries in its own path."""
        pieces, at = [], 0
        for hole in _HOLE.finditer(self.url):
            pieces.append(re.escape(self.url[at : hole.start()]))
            value = readings.evaluated(hole.group(), self.config) if self._reads_config(hole.group()) else None
            pieces.append(_ANY if value is None else re.escape(str(value)))
            at = hole.end()
        pieces.append(re.escape(self.url[at:]))
        path, _, query = "".join(pieces).partition("://")[2].partition("/")[2].partition(re.escape("?"))
        return "/" + re.sub("/+", "/", unquote(path)).rstrip("/") + "/?", unquote(query)

    @staticmethod
    def _reads_config(text: str) -> bool:
        return "config" in text and not any(word in text for word in ("stream_", "next_page", "parameters", "record"))

    def matches(self, method: str, path: str, query: str) -> int | None:
        """Returns how much of a target its URL names; None if the request is not one of its own."""
        own, asked = self._target
        if method != self.method or re.fullmatch(own, path, re.DOTALL) is None:
            return None
        named = own + (asked if re.search(asked, query, re.DOTALL) else "")
        return len(named.replace(_ANY, ""))

    # What its requests hold ------------------------------------------------------------------------------------------

    @cached_property
    def templates(self) -> dict[str, str]:
        """The templates of its requests, by the leaf at which they stand."""
        legacy = self.requester.get("request_options_provider") or {}
        given = {name.removeprefix("request_"): of for name, of in {**legacy, **self.requester}.items()}
        body = given.get("body_json") or given.get("body_data") or given.get("body")
        if isinstance(body, dict) and isinstance(body.get("type"), str) and "value" in body:
            body = body["value"]
        return {
            **dict(leaves(given.get("parameters") or {}, "query")),
            **dict(leaves(given.get("headers") or {}, "header")),
            **dict(leaves(body or {}, "body")),
        }

    def option(self, option: Any) -> str | None:
        """Returns the leaf at which a `RequestOption` puts its value."""
        if not isinstance(option, dict) or option.get("inject_into") not in _PLACES:
            return None
        path = option.get("field_path") or [option.get("field_name") or ""]
        names = [str(readings.evaluated(each, self.config)) for each in path]
        return "/".join([_PLACES[option["inject_into"]], *names])

    @cached_property
    def token_leaves(self) -> list[str]:
        """Where the token of the next page stands."""
        found = [leaf for leaf, text in self.templates.items() if "next_page_token" in text]
        own = self.option(self.paginator.get("page_token_option"))
        return [*([own] if own else []), *found]

    @cached_property
    def bounds(self) -> dict[str, list[str]]:
        """Where the bounds of an interval stand, as `start` and `end`."""
        found: dict[str, list[str]] = {"start": [], "end": []}
        for bound, key, options in (
            ("start", "partition_field_start", ("start_time_option", "start_value_option")),
            ("end", "partition_field_end", ("end_time_option",)),
        ):
            name = str(self.cursor.get(key) or f"{bound}_time")
            word = re.compile(rf"(stream_\w+|slice)\W+(get\W+)?{re.escape(name)}\b")
            found[bound] += [leaf for option in options if (leaf := self.option(self.cursor.get(option)))]
            found[bound] += [leaf for leaf, text in self.templates.items() if word.search(text)]
        return found

    @cached_property
    def changing(self) -> frozenset[str]:
        """The leaves that differ between the requests for the same records."""
        volatile = [leaf for leaf, text in self.templates.items() if _VOLATILE.search(text)]
        return frozenset([*self.token_leaves, *self.bounds["start"], *self.bounds["end"], *volatile])

    # What it expects -------------------------------------------------------------------------------------------------

    @cached_property
    def selector(self) -> dict[str, Any]:
        """Its record selector."""
        return self.retriever.get("record_selector") or {}

    @cached_property
    def records_path(self) -> list[str]:
        """Where the records stand in a body."""
        extractor = self.selector.get("extractor") or {}
        if extractor.get("type") == "CombinedExtractor":
            extractor = (extractor.get("extractors") or [{}])[0]
        given = extractor.get("field_path")
        given = (extractor.get("field_pointer") or []) if given is None else given
        path = [readings.evaluated(key, self.config) for key in ([given] if isinstance(given, str) else given)]
        return [str(key) for key in path if key not in {"", None}]

    @cached_property
    def paginator(self) -> dict[str, Any]:
        """Its paginator; empty if there is one page."""
        given = self.retriever.get("paginator") or {}
        return given if given.get("type") == "DefaultPaginator" else {}

    @cached_property
    def strategy(self) -> dict[str, Any]:
        """The strategy of its paginator."""
        return self.paginator.get("pagination_strategy") or {}

    @cached_property
    def declared_size(self) -> int | None:
        """The page size that the manifest declares."""
        size = readings.evaluated(self.strategy.get("page_size"), self.config, parameters=self._parameters)
        try:
            return int(size)
        except (TypeError, ValueError):
            return None

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        return self.strategy.get("$parameters") or {}

    @cached_property
    def follows_urls(self) -> bool:
        """True if its next pages have URLs of their own."""
        option = self.paginator.get("page_token_option") or {}
        return option.get("type") == "RequestPath" or option.get("inject_into") == "path"

    @cached_property
    def size(self) -> int:
        """The records of a full page."""
        return self.declared_size or _DEFAULT_SIZE

    @cached_property
    def count(self) -> int:
        """The records that it has for one partition."""
        can_page = bool(self.paginator) and (self.token_leaves or self.follows_urls)
        if self.is_parent:
            return 3
        if not can_page or self.size > _MOST:
            return min(4, self.size)
        return self.size + 2

    @cached_property
    def format(self) -> str:
        """The format of the interval's bounds."""
        return str(readings.evaluated(self.cursor.get("datetime_format"), self.config) or "%Y-%m-%dT%H:%M:%S.%f%z")

    @cached_property
    def identity(self) -> str:
        """What distinguishes it from other routes."""
        text = json.dumps([self.retriever, self.cursor], sort_keys=True, default=str)
        return re.sub(r"127\.0\.0\.1:\d+", "", text)


def leaves(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Yields the texts in a tree, by where they stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, at)
    else:
        yield at, str(value)


def of(stream: dict[str, Any], config: dict[str, Any]) -> list[Route]:
    """Returns the routes of a stream: its own first, then those of the streams above it."""
    found: dict[str, Route] = {}
    for each in _found(stream, config, [], is_parent=False):
        found.setdefault(each.identity, each)
        found[each.identity].needed.extend(each.needed)
    return list(found.values())


def _found(stream: dict[str, Any], config: dict[str, Any], needed: list[Path], *, is_parent: bool) -> Iterator[Route]:
    if stream.get("type") == "StateDelegatingStream":
        for name in ("full_refresh_stream", "incremental_stream"):
            yield from _found(stream.get(name) or {}, config, needed, is_parent=is_parent)
        return
    retriever = stream.get("retriever") or {}
    yield Route(retriever, stream.get("incremental_sync") or {}, stream, config, needed, is_parent)
    yield from _inside(retriever, config, _read_in_partitions(stream))


def _read_in_partitions(stream: dict[str, Any]) -> frozenset[Path]:
    """Returns the paths that the templates of a stream read of its partitions."""
    texts = [text for text in readings.texts(stream) if "{" in text]
    return frozenset(path for text in texts for root in _PARTITIONS for path in readings.paths(text, root))


def _inside(value: Any, config: dict[str, Any], read: frozenset[Path]) -> Iterator[Route]:
    """Yields the routes of the streams, and of other retrievers, in a component."""
    if isinstance(value, list):
        for inner in value:
            yield from _inside(inner, config, read)
    if not isinstance(value, dict):
        return
    if value.get("type") == "ParentStreamConfig":
        key = readings.evaluated(value.get("parent_key"), config)
        field = readings.evaluated(value.get("partition_field"), config)
        inner_keys = sorted({path[1:] for path in read if path[0] == field and path[1:]}, key=str)
        own = [(*str(key).split("/"), *keys) for keys in inner_keys or [()]]
        needed = [*own, *map(tuple, value.get("extra_fields") or [])]
        yield from _found(value.get("stream") or {}, config, needed, is_parent=True)
    elif value.get("type") == "PropertiesFromEndpoint":
        needed = [tuple(value.get("property_field_path") or [])]
        yield Route(value.get("retriever") or {}, {}, {}, config, needed, is_parent=True)
    else:
        for inner in value.values():
            yield from _inside(inner, config, read)
