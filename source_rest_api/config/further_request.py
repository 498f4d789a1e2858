"""The request for the pages after the first, if it differs from the first request."""

from collections.abc import Mapping
from typing import Any

from source_rest_api.http.request import Method
from source_rest_api.http.request_body import OptionalBody
from source_rest_api.model import Model, NamedTexts, Text, texts_of


class FurtherRequest(Model):
    """The request for the pages after the first, such as a GET after the POST that began a search.

    It keeps only the headers of the first request. `pagination` adds the token. `incremental` adds nothing, because the
    API remembers the query by the token.
    """

    http_method: Method | None = None
    """HTTP method. By default the endpoint's method."""
    path: Text | None = None
    """Path below `url_base`, such as `search/scroll`. By default the endpoint's path; with `type: next_url` and `type:
    link_header`, the URL that the API returned."""
    params: NamedTexts = {}
    """Query parameters, in addition to those of all endpoints."""
    headers: NamedTexts = {}
    """Headers, in addition to those of the endpoint."""
    body: OptionalBody = None
    """Request body."""

    def settings(self, http_method: Method, path: str, headers: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the settings of the endpoint with this request in place of its own: method, path and headers."""
        return {
            "http_method": self.http_method or http_method,
            "path": path if self.path is None else self.path,
            "params": self.params,
            "headers": {**headers, **self.headers},
            "body": self.body,
            "further_request": None,
        }

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        own = [] if self.path is None else [self.path]
        return [*own, *texts_of(self.params, self.headers), *(self.body.texts if self.body else ())]
