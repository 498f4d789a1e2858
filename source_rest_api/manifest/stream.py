"""Streams: each becomes one endpoint."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.http.request_body import texts_in
from source_rest_api.manifest import (
    authenticators,
    cursors,
    decoders,
    document,
    errors,
    jobs,
    paginator,
    partitions,
    query_properties,
    records,
    refusals,
    requester,
    schema,
)
from source_rest_api.manifest.own_code import records as own_records
from source_rest_api.manifest.own_code.stream import OwnStream
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope
    from source_rest_api.manifest.partitions import Family, Partitioning

_REQUEST = ("path", "params", "headers", "body", "job")


class Translated:
    """A stream as an endpoint, with what other streams and states need of it.

    Args:
        endpoint: The endpoint; its `path` is the whole URL.
        authentication: How its requests authenticate.
        partitioning: How it is divided.
        own: Its parts that run as classes of the connector.
    """

    def __init__(
        self,
        endpoint: dict[str, Any],
        authentication: dict[str, Any],
        partitioning: Partitioning,
        own: OwnStream,
    ) -> None:
        self.endpoint = endpoint
        self.own = own
        self.authentication = authentication
        self.partitioning = partitioning


def translate(stream: Component, family: Family, scope: Scope, folder: Path | None) -> Translated:
    """Returns the endpoint for a stream.

    Raises:
        ConfigError: A component of it has no equivalent here; the message names the component and its place.
    """
    first = _Translation(stream, family, scope, folder).run(as_lists=False)
    parent = first.partitioning.parent
    if parent is None or parent in _names_in_request(first.endpoint):
        return first
    return _Translation(stream, family, scope, folder).run(as_lists=True)


def _names_in_request(endpoint: dict[str, Any]) -> set[str]:
    texts = texts_in([endpoint.get(name) for name in _REQUEST])
    return {name for text in texts for name in templates.names(text)}


class _Translation:
    """The translation of one stream."""

    def __init__(self, stream: Component, family: Family, scope: Scope, folder: Path | None) -> None:
        self._stream = stream
        self._family = family
        self._scope = scope
        self._folder = folder
        self._own = OwnStream(family.components, scope.config)
        self._endpoint: dict[str, Any] = {"name": str(scope.of(stream).text(stream.get("name")))}

    def run(self, *, as_lists: bool) -> Translated:
        """Translates the stream, component by component."""
        retriever = self._at("retriever", self._retriever)
        refusals.check(self._stream)
        requests = retriever.get("requester") or {}
        router = retriever.get("partition_router") or []
        divided = self._at(
            "retriever.partition_router",
            lambda: partitions.divide(router, self._family, self._scope, as_lists=as_lists),
        )
        cursor = self._stream.get("incremental_sync") or {}
        scope = self._scope._replace(slice={**divided.slice, **cursors.interval_names(cursor)})
        named = partial(query_properties.read_by_templates, requests, scope.of(requests), self._family.listed)
        scope = scope._replace(slice={**scope.slice, **self._at("retriever.requester", named)})
        only_first = self._only_first_page(retriever)
        self._at("retriever.requester", lambda: self._request(requests, divided, scope.of(requests), only_first))
        if jobs.is_job(retriever):
            self._endpoint["job"] = self._at("retriever", lambda: jobs.job(retriever, self._endpoint, scope))
        selector = retriever.get("record_selector") or {}
        decoder = retriever.get("decoder")
        if not self._at("retriever.record_selector", lambda: self._own.selects(selector, decoder)):
            with self._or(lambda: self._own.selects(selector, decoder, lacking=True)):
                self._at(
                    "retriever.record_selector", lambda: records.select(selector, self._endpoint, scope.of(selector))
                )
                self._at("retriever.decoder", lambda: self._decode(decoder))
        self._at("retriever.record_selector", lambda: records.normalize(selector, self._endpoint))
        if divided.embedded:
            self._at("retriever.partition_router", lambda: self._embed(divided.embedded))
        declared = self._at("schema_loader", self._declared_schema)
        added = self._transform(selector, scope, declared)
        paging = self._at(
            "retriever.paginator", lambda: self._own.paging(retriever.get("paginator") or {"type": "NoPagination"})
        )

        def paginate(endpoint: dict[str, Any]) -> None:
            paginator.paginate(paging, endpoint, scope.of(paging)._replace(added=added))

        if jobs.is_job(retriever):
            self._at("retriever.download_paginator", lambda: jobs.page(self._endpoint, paginate))
        else:
            self._at("retriever.paginator", lambda: paginate(self._endpoint))
        if cursor and only_first:
            cursor = {**cursor, "only_first_page": True}
        if cursor:
            self._at("incremental_sync", lambda: cursors.increment(cursor, self._endpoint, scope.of(cursor)))
        resets = retriever.get("pagination_reset") or {}
        self._at("retriever.pagination_reset", lambda: paginator.reset(resets, self._endpoint, scope.of(resets)))
        paginator.keep_params(self._endpoint)
        if "field_groups" in self._endpoint and self._endpoint["pagination"]["type"] == "none":
            self._endpoint["field_groups"]["allow_missing"] = True  # no row can shift to another page
        self._at("retriever.paginator", lambda: self._own.pages(self._endpoint["pagination"]))
        self._at("state_migrations", lambda: self._own.migrates(self._stream))
        self._at("primary_key", self._key)
        self._schema(declared)
        auth = self._at("retriever.requester.authenticator", lambda: self._authentication(requests))
        self._drop_unread_lists()
        return Translated(self._endpoint, auth, divided, self._own)

    def _at(self, place: str, step: Callable[[], Any]) -> Any:
        """Runs a step; its errors name the place in the manifest."""
        try:
            return step()
        except ConfigError as error:
            raise error.at(place) from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ConfigError(f"it is not as the manifest's schema describes it ({type(error).__name__})").at(
                place
            ) from error

    @contextmanager
    def _or(self, other: Callable[[], bool]) -> Iterator[None]:
        """Undoes steps that have no equivalent here, if there is another way for them."""
        before = deepcopy(self._endpoint)
        try:
            yield
        except ConfigError:
            if not other():
                raise
            self._endpoint.clear()
            self._endpoint.update(before)

    def _retriever(self) -> Component:
        if self._stream.get("type") != "DeclarativeStream":
            raise ConfigError(f"`{self._stream.get('type')}` has no equivalent here")
        retriever: Component = self._stream.get("retriever") or {}
        if jobs.is_job(retriever):
            retriever = jobs.simple(retriever)
        if retriever.get("type") != "SimpleRetriever" and not jobs.is_job(retriever):
            raise document.lacking(retriever)
        requests = retriever.get("requester") or {}
        if requests.get("type") != "HttpRequester":
            raise document.lacking(requests)
        return retriever

    def _only_first_page(self, retriever: Component) -> bool:
        """True if only the request of the first page has the values of the partition and the interval."""
        given = retriever.get("ignore_stream_slicer_parameters_on_paginated_requests")
        return self._scope.value(given) is True

    def _request(self, requests: Component, divided: Partitioning, scope: Scope, only_first: bool) -> None:
        endpoint = self._endpoint
        endpoint["path"] = requester.url(requests, scope)
        endpoint["http_method"] = requester.method(requests)
        endpoint |= {**requester.options(requests, scope), **requester.timeouts(requests, scope)}
        query_properties.group(requests, endpoint, scope, self._family.listed)
        if divided.lists:
            endpoint["partitions"] = [{"name": name, **of} for name, of in divided.lists.items()]
        for option, expression in divided.options:
            value = requester.on_first_page(expression) if only_first else f"{{{{ {expression} }}}}"
            requester.inject(endpoint, option, value, scope.of(option))
        rules = self._at("error_handler", lambda: errors.rules(requests.get("error_handler"), scope, self._own.waits))
        if rules:
            endpoint["errors"] = rules

    def _embed(self, pointer: tuple[str, ...]) -> None:
        """Has the records of a first response that stands in the parent's record be read from there."""
        path = self._endpoint.get("records_path")
        if path is None or {"decoder", "explode", "cells"} & {*self._endpoint, *self._own.parts}:
            raise ConfigError("`lazy_read_pointer` with this record selector has no equivalent here")
        self._endpoint["embedded_path"] = [*pointer, *(key for key in path if key != "$")]

    def _decode(self, decoder: Component | None) -> None:
        """Sets the decoder. One that gives records leaves nothing to select, but each may hold the record at a path."""
        made = decoders.decoded(decoder)
        items = decoders.items_path(decoder)
        if items is not None:
            inner = self._endpoint.get("records_path")
            if inner is None or {"explode", "cells", "records_key_field"} & self._endpoint.keys():
                raise ConfigError("`JsonItemsDecoder` before this extractor has no equivalent here")
            self._endpoint |= {"records_path": items, **({} if inner == ["$"] else {"unwrap": inner})}
        if made is None:
            return
        self._endpoint["decoder"] = made
        if made["type"] in {"jsonl", "csv", "zip"}:
            self._endpoint.pop("allow_missing_records", None)
            path = self._endpoint.pop("records_path", ["$"])
            if path != ["$"]:
                self._endpoint["unwrap"] = path

    def _transform(self, selector: Component, scope: Scope, declared: dict[str, Any] | None) -> dict[str, str]:
        """Sets the filters and transformations, and returns the expressions of the fields that they add."""
        timed = bool(self._stream.get("incremental_sync"))
        names = {name: of for name, of in scope.slice.items() if timed or not own_records.is_time(of)}
        given = (self._stream, selector, names, declared)
        if self._at("transformations", lambda: self._own.transforms(*given)):
            return {}
        with self._or(lambda: self._own.transforms(*given, lacking=True)):
            return self._natively(selector, scope)
        return {}

    def _natively(self, selector: Component, scope: Scope) -> dict[str, str]:
        keeps = selector.get("record_filter")
        condition = self._at(
            "retriever.record_selector.record_filter", lambda: records.condition(keeps, scope.of(selector))
        )
        if condition:
            after = scope.value(selector.get("transform_before_filtering")) is True
            self._endpoint["filter_after" if after else "filter"] = condition
        transformations = records.Transformations(self._endpoint, scope)
        for number, each in enumerate(self._stream.get("transformations") or []):
            if number or not self._at("transformations[0]", partial(self._own.reshapes, each)):
                self._at(f"transformations[{number}]", partial(transformations.apply, each))
        return transformations.added

    def _key(self) -> None:
        given = self._stream.get("primary_key")
        if isinstance(given, dict):
            given = given.get("value")
        keys = given if isinstance(given, list) else [given] if given else []
        paths = [key if isinstance(key, list) else [key] for key in keys if key]
        if paths:
            self._endpoint["primary_key"] = [[self._scope.text(part) for part in path] for path in paths]

    def _schema(self, declared: dict[str, Any] | None) -> None:
        if declared is None:
            self._endpoint.pop("cast_all", None)
        else:
            self._endpoint["schema"] = declared

    def _declared_schema(self) -> dict[str, Any] | None:
        loader = schema.first(self._stream.get("schema_loader"))
        self._own.schema(loader, self._family.listed)
        found = schema.declared(loader, self._scope.of(self._stream), self._folder)
        by = self._own.parts.get("schema_by")
        return by.load() if by is not None and "cast_all" in self._endpoint else found

    def _authentication(self, requests: Component) -> dict[str, Any]:
        chosen = authenticators.chosen(requests.get("authenticator"), self._scope)
        if self._own.signs(chosen):
            return {"type": "none"}
        made = authenticators.authentication(chosen, self._scope.of(requests))
        if chosen and made.get("in") == "body" and "body" not in self._endpoint and requester.has_body(self._endpoint):
            self._endpoint["body"] = requester.empty_body(str(chosen["inject_into"]["inject_into"]))
        return made

    def _drop_unread_lists(self) -> None:
        """Drops the lists that no template reads: the CDK reads the same records for each of their values."""
        texts = [*texts_in({name: value for name, value in self._endpoint.items() if name != "schema"})]
        texts += getattr(self._own.parts.get("transformation"), "texts", [])
        read = {name for text in texts for name in templates.names(text)}
        kept = [of for of in self._endpoint.get("partitions") or [] if of["name"] in read]
        if len(kept) < len(self._endpoint.get("partitions") or []):
            self._endpoint["partitions"] = kept
