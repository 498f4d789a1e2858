"""Asks for tokens: the API's policy and connections, but no credentials of the API, and another origin."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

from source_rest_api.auth import credentials
from source_rest_api.auth.credentials import AuthContext
from source_rest_api.http.body_reader import BodyReader
from source_rest_api.http.credentials import Static
from source_rest_api.http.origins import Origins
from source_rest_api.http.requester import Requester

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.config.config import Config
    from source_rest_api.config.config_updates import ConfigUpdates
    from source_rest_api.http.credentials import Auth, Credentials
    from source_rest_api.http.error_policy import Verdict
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response


class _TokenRequester(Requester):
    """Sends requests to the token's origin only.

    They are sent again although they are POSTs: a token too many does no harm, and without one nothing goes on. An
    answer that has begun is read to its end even if the read was told to stop, because a single-use refresh token in
    it would be lost.
    """

    def __init__(
        self, config: Config, url: str, auth: Auth, judge: Callable[[Response], Verdict | None], stop: Event | None
    ) -> None:
        own = {"retry": config.retry.model_copy(update={"post": True}), "allowed_origins": []}
        super().__init__(config.model_copy(update=own), url, stop, credentials=Static(auth))
        advice = "If that is where tokens are given, correct the URL in `authentication`."
        self.sender.origins = Origins(url, (), advice)
        self.sender.transfer = BodyReader(config.request_timeout, config.limits.body, Event(), time.monotonic)
        self._judge = judge

    def _judged(self, request: Request, response: Response) -> Verdict | Response:  # noqa: ARG002
        return self._judge(response) or response


def sign_in(
    config: Config,
    keeper: ConfigUpdates,
    stop: Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
) -> Credentials:
    """The credentials of one session. A token is asked for when the first request needs it."""

    def exchange(request: Request, auth: Auth, judge: Callable[[Response], Verdict | None]) -> Response:
        with _TokenRequester(config, request.url, auth, judge, stop) as requester:
            return requester.fetch(request, lambda response: response)

    desk = AuthContext(config.context(keeper.config), exchange, keeper.learn, keeper.replace, clock, wall_clock)
    return credentials.start(config.authentication, desk)
