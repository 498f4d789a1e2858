"""Small imitations of well-known APIs: paging, authentication, limits and errors as their documentation states them.

Each has a table of its own, which is the truth that a read is compared with.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

from tests.api import JSON, Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

Row: TypeAlias = "dict[str, Any]"
START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def moment(minutes: float) -> str:
    """The text of a moment of 2024, to the second."""
    return f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


class Imitation(Api):
    """An API that knows its own credentials, errors and limits.

    The second of all requests is refused once, as the API's rate limit does it.
    """

    secret: ClassVar[str] = "a-token-of-the-tests"
    base: ClassVar[str] = ""
    """The path of `url_base`."""
    wrong: ClassVar[str] = "wrong-token-of-the-tests"
    """A secret that the API refuses."""
    shows: ClassVar[frozenset[str]] = frozenset({"child", "incremental"})
    """What the example of this API has an endpoint for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self._count = count(1)
        self.tables()

    def tables(self) -> None:
        """Fill the tables and add the routes."""
        raise NotImplementedError

    def truth(self) -> dict[str, list[Row]]:
        """Every record of every stream of the example, as it has to arrive."""
        raise NotImplementedError

    def change(self) -> dict[str, set[str]]:
        """Change some rows and add some. The keys of those, by stream."""
        raise NotImplementedError

    def placed(self, raw: dict[str, Any], secret: str) -> dict[str, Any]:
        """The example, with nothing but the API's address and the secret put in."""
        field = "api_key" if raw["authentication"]["type"] == "api_key" else "token"
        assert raw["authentication"][field] == "<token>"
        assert urlsplit(raw["url_base"]).path == self.base
        return {**raw, "url_base": f"{self.url}{self.base}", "authentication": {**raw["authentication"], field: secret}}

    def unauthorized(self, call: Call) -> Answer | None:
        """The answer to a request without the right credentials, or None if it has them."""
        raise NotImplementedError

    def too_many(self) -> Answer:
        """The answer to one request too many."""
        raise NotImplementedError

    def not_found(self) -> Answer:
        """The answer to a path that does not exist."""
        raise NotImplementedError

    def usual(self) -> dict[str, str]:
        """Headers of every answer."""
        return {}

    def route(self, method: str, path: str) -> Callable[[Callable[[Call], Answer | JSON]], Any]:
        """Answer as the base class does, after the checks that every request goes through."""
        register = super().route(method, path)

        def guarded(handler: Callable[[Call], Answer | JSON]) -> Any:
            def checked(call: Call) -> Answer | JSON:
                refused = self.unauthorized(call)
                if refused is not None:
                    return refused
                self.asked = next(self._count)
                if self.asked == 2:
                    return self.too_many()
                found = handler(call)
                answer = found if isinstance(found, Answer) else Answer(found)
                return Answer(answer.body, answer.status, {**self.usual(), **answer.headers})

            register(checked)
            return handler

        return guarded

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Answer as the base class does, but unknown paths in the API's own words."""
        found = super().answer(method, target, headers, body)
        return self.not_found() if found.body == b'{"error": "not found"}' else found


def bounded(text: str, default: int, most: int) -> int:
    """A page size, as APIs read it that quietly lower what is too high."""
    return min(int(text or default), most)
