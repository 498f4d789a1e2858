"""Fetches documents and probes URLs before there is a config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.config import loading
from source_rest_api.config.config import Config
from source_rest_api.errors import ConfigError
from source_rest_api.formats import json_text, yaml_text
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from source_rest_api.http.response import Response

_ERRORS = [{"status": 429, "action": "rate_limited"}, {"status": "4xx", "action": "accept"}]
_GUESS_ERRORS = [*_ERRORS, {"status": "5xx", "action": "accept"}]
_ACCEPTED = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.5"}


def get(url: str, headers: Mapping[str, str], stop: Event, *, guess: bool = False) -> Response:
    """Sends a GET request without credentials; a response that refuses it is returned too.

    Args:
        url: The URL.
        headers: Headers to send.
        stop: Set from outside to end early.
        guess: True if the server may not know the URL at all, so that an error of its own is a response too.

    Raises:
        SourceError: The URL is invalid, the server cannot be reached, or has an error of its own.
    """
    errors = _GUESS_ERRORS if guess else _ERRORS
    raw = {"url_base": url.partition("?")[0], "errors": errors, "retry": {"max_attempts": 3}}
    config = loading.validated(raw, Config)
    settings = replace(config.http(config.url_base), retry=config.retry)
    with Requester(settings, stop) as requester:
        return requester.fetch(Request("GET", url, headers={**_ACCEPTED, **headers}), lambda response: response)


def parsed(text: str, name: str) -> Any:
    """Returns the value of a JSON or YAML text.

    Raises:
        ConfigError: It is neither.
    """
    try:
        return json_text.load(text)
    except ValueError:
        pass
    try:
        return yaml_text.load(text)
    except ValueError as error:
        raise ConfigError(f"{name} is neither JSON nor YAML: it is {error}.") from None
