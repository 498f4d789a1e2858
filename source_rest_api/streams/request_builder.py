"""Builds the requests of a stream: fills the templates, and adds the slice and the position."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.auth.credentials import has_answer
from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import GraphqlBody
from source_rest_api.model import texts_of
from source_rest_api.pagination.page import plain
from source_rest_api.templates import one_request, optional_values, path_templates, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.pagination.page import Position
    from source_rest_api.streams.batch import Partition


_CONDITIONS = frozenset({"if-modified-since", "if-none-match"})


class RequestBuilder:
    """Builds requests for one endpoint.

    Args:
        config: The API, with the settings of all endpoints.
        endpoint: The endpoint to request.
        raw_config: The config as the user wrote it, for templates.
        answer: Returns the values of the token response of an endpoint, by its name; may request a token first.
        is_further: True for an endpoint's `further_request`, whose token replaces the interval.
    """

    def __init__(
        self,
        config: Config,
        endpoint: Endpoint,
        raw_config: Mapping[str, Any],
        answer: Callable[[str], Mapping[str, Any]] = lambda _: {},
        *,
        is_further: bool = False,
    ) -> None:
        self._url_base = endpoint.url_base or config.url_base
        self._params = {**config.params, **endpoint.params}
        self._headers = {**config.headers, **endpoint.headers}
        self._endpoint = endpoint
        self._paginator = endpoint.pagination or config.pagination
        self._shared = config.context(raw_config)
        texts = [*endpoint.texts, *texts_of(self._params, self._headers), self._url_base]
        self._templated = any(templates.TOKEN in templates.names(text) for text in texts)
        reads_answer = any(templates.ANSWER in templates.names(text) for text in texts)
        answers = reads_answer and has_answer(endpoint.authentication or config.authentication)
        self._answer = answer if answers else None
        self._writes: bool | None = None
        self._omitted = self._paginator.first() if getattr(self._paginator, "omit_first", False) else None
        """The position that no request names."""
        varies = endpoint.body is not None or any(map(templates.has_holes, texts))
        self._plain = None if varies else self._filled({})
        """The request without slice and position, if no template makes it vary; otherwise None."""

        self._ages = any(templates.has_holes(text) and one_request.varies(text) for text in texts)
        """True if a request must not be sent again as it is, because of its timestamp or nonce."""
        self._is_further = is_further
        further = endpoint.further
        self._further = (
            None if further is None else RequestBuilder(config, further, raw_config, answer, is_further=True)
        )

    def build(self, partition: Partition, interval: Slice, position: Position | None) -> Request:
        """Returns the request for one page.

        Raises:
            ConfigError: A template failed.
        """
        if self._further is not None and position != self._paginator.first():
            return self._further.build(partition, interval, position)
        if not self._ages:
            return self._built(partition, interval, position)
        with one_request.one_request():
            request = self._built(partition, interval, position)
        return request.renewed_by(partial(self.build, partition, interval, position))

    def _built(self, partition: Partition, interval: Slice, position: Position | None) -> Request:
        if position == self._omitted:
            position = None
        names = {} if self._plain else {**self.names(partition, interval), templates.TOKEN: plain(position)}
        request = self._plain or self._filled(names)
        templated = self._templated and position is not None and self._writes_token(names, position, request)
        if self._endpoint.incremental is not None and not self._is_further:
            request = self._endpoint.incremental.place(request, interval)
            if interval.start is not None and position == self._paginator.first():
                request = replace(request, is_conditional=self._is_conditional(request))
        return self._paginator.place(request, position, templated=templated)

    def _is_conditional(self, request: Request) -> bool:
        """True if a header filled by the state or a template makes the request conditional (RFC 9110, section 13.1)."""
        filled = (name for name in request.headers if templates.has_holes(str(self._headers.get(name, "{{"))))
        return any(name.lower() in _CONDITIONS for name in filled)

    def _writes_token(self, names: Mapping[str, Any], position: Position, request: Request) -> bool:
        """True if a template inserts the position into the request, rather than only testing for it.

        Decided once: a request that changes with the position contains it.
        """
        if self._writes is None:
            try:
                self._writes = self._filled({**names, templates.TOKEN: _other(plain(position))}) != request
            except ConfigError:  # a template parses the position, so it uses the value
                self._writes = True
        return self._writes

    def _filled(self, context: Mapping[str, Any]) -> Request:
        endpoint = self._endpoint
        path = path_templates.render(endpoint.path, context)
        whole = path_templates.is_url(path)
        return Request(
            method=endpoint.http_method,
            url=path if whole else _joined(templates.render(self._url_base, context), path),
            params=optional_values.named(self._params, context),
            headers={name: _line(value) for name, value in optional_values.named(self._headers, context).items()},
            body=None if endpoint.body is None else endpoint.body.render(context),
            endpoint=endpoint.name,
            from_record=whole,
            is_repeatable=isinstance(endpoint.body, GraphqlBody) and endpoint.body.only_reads,
        )

    def names(self, partition: Partition, interval: Slice) -> dict[str, Any]:
        """Returns the names that templates read, apart from the position."""
        cursor = self._endpoint.incremental
        times = {} if cursor is None else cursor.times(interval)
        hidden = templates.function_names() & partition.records.keys() if partition.records else ()
        return {
            **self._shared,
            **({} if self._answer is None else {templates.ANSWER: self._answer(self._endpoint.name)}),
            "stream_interval": times,
            "stream_partition": partition.records,
            "stream_slice": {**partition.records, **times},
            **{name: value for name, value in partition.records.items() if name not in hidden},
        }


def _joined(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def _other(value: Any) -> Any:
    """Returns a value of the same form in which every number and text is another."""
    if isinstance(value, dict):
        return {key: _other(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_other(inner) for inner in value]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | Decimal) else f"{value}~"


def _line(value: str | list[str]) -> str:
    return ", ".join(value) if isinstance(value, list) else value
