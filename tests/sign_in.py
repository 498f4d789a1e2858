"""An API behind a token endpoint, and sessions that sign in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from source_rest_api.auth import credentials
from source_rest_api.auth.credentials import AuthContext
from source_rest_api.auth.sign_in import token_exchange
from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.config.loading import load
from source_rest_api.config.masking import Mask
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from tests.api import JSON, Answer, Api, Call

if TYPE_CHECKING:
    from typing_extensions import Self

    from source_rest_api.config.config import Config
    from source_rest_api.http.credentials import Credentials


def form(call: Call) -> dict[str, str]:
    """Decode a form body."""
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))


def signed_in(
    config: Config, keeper: ConfigUpdates | None = None, stop: Event | None = None, **clocks: Any
) -> Credentials:
    """Make the credentials of a session, as the connector does."""
    keeper = keeper or ConfigUpdates({"url_base": config.url_base}, Mask([]))
    exchange = token_exchange(config.http(config.url_base), stop)
    context = AuthContext(config.context(keeper.config), exchange, keeper.learn, keeper.replace, **clocks)
    return credentials.start(config.authentication, context)


@dataclass
class Clock:
    """A clock that moves only when a test moves it."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


class TokenApi(Api):
    """Gives tokens T1, T2, … at /token, and takes only the newest, at /x."""

    def __init__(self) -> None:
        super().__init__()
        self.issued = 0
        self.valid: set[str] = set()
        self.answer_with: dict[str, Any] = {"expires_in": 3600}
        self.post("/token")(self.give)
        self.get("/x")(self.x)

    def give(self, _: Call) -> JSON:
        """Give a new token, which ends the others."""
        self.issued += 1
        self.valid = {f"T{self.issued}-secret"}
        return {"access_token": f"T{self.issued}-secret", "token_type": "Bearer", **self.answer_with}

    def x(self, call: Call) -> JSON:
        """Answer who has the token."""
        scheme, _, token = (call.headers["Authorization"] or "").partition(" ")
        return [] if scheme == "Bearer" and token in self.valid else Answer({"error": "unauthorized"}, 401)

    def asked(self, path: str = "/token") -> list[Call]:
        """Returns the requests to a path."""
        return [call for call in self.requests if call.path == path]

    def config(self, **authentication: Any) -> dict[str, Any]:
        """Give a config with one endpoint."""
        return {
            "url_base": self.url,
            "authentication": authentication,
            "endpoints": [{"name": "x", "path": "/x"}],
            "retry": {"max_attempts": 2, "max_seconds": 5},
        }

    def oauth(self, **more: Any) -> dict[str, Any]:
        """Give a config with client credentials."""
        own = {"type": "oauth2", "token_url": f"{self.url}/token", "client_id": "id", "client_secret": "cli-secret"}
        return self.config(**own, **more)


class Impatient(Event):
    """Waits no time."""

    def wait(self, timeout: float | None = None) -> bool:
        """Tell at once whether it is set."""
        return super().wait(timeout and 0)


@dataclass
class Session:
    """A session that has signed in."""

    raw: dict[str, Any]
    clock: Clock = field(default_factory=Clock)
    passed_on: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stop = Impatient()
        self.config = load(self.raw)
        self.mask = Mask([])
        self.keeper = ConfigUpdates(self.raw, self.mask, self.passed_on.append)
        credentials = signed_in(
            self.config, self.keeper, self.stop, clock=self.clock, time=lambda: 1_700_000_000 + self.clock()
        )
        settings = self.config.http(self.config.url_base)
        self.requester = Requester(settings, self.stop, jitter=lambda: 0.0, credentials=credentials)

    def get(self, path: str = "/x") -> bytes:
        """Fetch a path."""
        request = Request("GET", f"{self.config.url_base}{path}")
        return self.requester.fetch(request, lambda response: response.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.requester.__exit__()
