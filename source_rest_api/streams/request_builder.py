"""Makes the requests of a stream: templates filled, slice and position in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.model import texts_of
from source_rest_api.templates import optional_values, path_templates, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.pagination.page import Position
    from source_rest_api.streams.batch import Partition


class RequestBuilder:
    """Makes requests for one endpoint.

    Args:
        config: The API, with what holds for all endpoints.
        endpoint: What to ask for.
        raw_config: The config as the user wrote it, for templates.
    """

    def __init__(self, config: Config, endpoint: Endpoint, raw_config: Mapping[str, Any]) -> None:
        self._url_base = config.url_base
        self._params = {**config.params, **endpoint.params}
        self._headers = {**config.headers, **endpoint.headers}
        self._endpoint = endpoint
        self._paginator = endpoint.pagination or config.pagination
        self._shared = config.context(raw_config)
        texts = [*endpoint.texts, *texts_of(self._params, self._headers), config.url_base]
        self._templated = any(templates.TOKEN in templates.names(text) for text in texts)
        self._writes: bool | None = None
        self._omitted = self._paginator.first() if getattr(self._paginator, "omit_first", False) else None
        """The position that no request names."""
        varies = endpoint.body is not None or any(map(templates.has_holes, texts))
        self._plain = None if varies else self._filled({})
        """The request of every slice and page, before they are placed, if nothing in it depends on them."""

    def build(self, partition: Partition, interval: Slice, position: Position | None) -> Request:
        """The request for one page.

        Raises:
            ConfigError: A template cannot be filled.
        """
        if position == self._omitted:
            position = None
        names = {} if self._plain else {**self.names(partition, interval), templates.TOKEN: position}
        request = self._plain or self._filled(names)
        templated = self._templated and position is not None and self._writes_token(names, position, request)
        if self._endpoint.incremental is not None:
            request = self._endpoint.incremental.place(request, interval)
        return self._paginator.place(request, position, templated=templated)

    def _writes_token(self, names: Mapping[str, Any], position: Position, request: Request) -> bool:
        """True if a template puts the position into the request, and does not just ask whether there is one.

        Found out once, by another position: what depends on its value writes it.
        """
        if self._writes is None:
            other = position + 1 if isinstance(position, int) else f"{position}~"
            try:
                self._writes = self._filled({**names, templates.TOKEN: other}) != request
            except ConfigError:  # a position that templates take apart
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
        )

    def names(self, partition: Partition, interval: Slice) -> dict[str, Any]:
        """Returns the names that templates read, apart from the position."""
        cursor = self._endpoint.incremental
        times = {} if cursor is None else cursor.times(interval)
        return {
            **self._shared,
            "stream_interval": times,
            "stream_partition": partition.records,
            "stream_slice": {**partition.records, **times},
            **partition.records,
        }


def _joined(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def _line(value: str | list[str]) -> str:
    return ", ".join(value) if isinstance(value, list) else value
