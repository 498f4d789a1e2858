"""Sends token requests: with the API's HTTP settings, but without its credentials, and to their own origin."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.http.body_reader import BodyReader
from source_rest_api.http.cookies import Cookies
from source_rest_api.http.credentials import Static
from source_rest_api.http.error_rules import ErrorPolicy
from source_rest_api.http.origins import Origins
from source_rest_api.http.per_endpoint import PerEndpoint
from source_rest_api.http.requester import Requester

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.auth.credentials import TokenExchange
    from source_rest_api.http.credentials import Auth
    from source_rest_api.http.error_policy import Verdict
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response
    from source_rest_api.http.settings import HttpSettings

_ADVICE = "If tokens are issued there, correct the URL in `authentication`."


def token_exchange(settings: HttpSettings, stop: Event | None = None) -> TokenExchange:
    """Return a function that sends token requests, each to its own origin only.

    Token requests are retried although they are POSTs: a surplus token does no harm, and nothing works without one. A
    response that has begun is read to its end even after `stop`: otherwise a single-use refresh token could be lost.

    Args:
        settings: The HTTP settings of the API.
        stop: Set from outside to end all waiting.
    """
    retry = settings.retry.model_copy(update={"post": True})
    bodies = BodyReader(settings.request_timeout, settings.largest_body, Event(), time.monotonic)

    def exchange(request: Request, auth: Auth, judge: Callable[[Response], Verdict | None]) -> Response:
        own = replace(
            settings,
            origins=PerEndpoint(Origins(request.url, (), _ADVICE)),
            policies=PerEndpoint(ErrorPolicy(usual=judge)),
            retry=retry,
            cookies=Cookies(),  # an API may set no new cookies if it gets those of the last login
        )
        with Requester(own, stop, credentials=Static(auth), bodies=bodies) as requester:
            response = requester.fetch(request, lambda response: response)
        settings.cookies.update(own.cookies)
        return response

    return exchange
