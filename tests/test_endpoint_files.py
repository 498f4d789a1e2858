"""Endpoints in files, and components of a connector's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest

from source_rest_api import Connector
from source_rest_api.config import loading
from source_rest_api.config.config import Config
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, Secret
from source_rest_api.pagination.page import End, Next, Page, Position
from source_rest_api.pagination.paginator import Paginator
from tests.api import Api, Call

if TYPE_CHECKING:
    from pathlib import Path

    from requests import PreparedRequest

    from source_rest_api.http.request import Request


def test_schemas_stand_beside_the_endpoints(tmp_path: Path) -> None:
    """`schemas/<name>.json` is an endpoint's schema unless it declares one."""
    (tmp_path / "schemas").mkdir()
    plain = {"type": "object", "properties": {}}
    for name in ("a", "b"):
        (tmp_path / f"schemas/{name}.json").write_text(json.dumps(plain))
    own = {**plain, "title": "own"}
    entries = [{"name": "a", "path": "/a"}, {"name": "b", "path": "/b", "schema": own}, {"name": "c", "path": "/c"}]
    (tmp_path / "endpoints.yaml").write_text(json.dumps(entries))
    schemas = [endpoint.json_schema for endpoint in loading.load_endpoints(tmp_path)]
    assert schemas == [plain, own, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- {name: a, path: /a, pagination: {type: cursr}}",
            "endpoints[0].pagination.type: unknown type, did you mean",
        ),
        ("- {name: a, path: /a}\n- {nam: b, path: /b}", "endpoints[1].nam: unknown key, did you mean `name`?"),
        ("- {name: a, path: ", "endpoints.yaml is not valid YAML in line 1"),
        ("name: a", "endpoints: must be a list"),
        ("- a", "endpoints[0]: must be an object"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """A connector's own endpoints are explained as those of a config are."""
    (tmp_path / "endpoints.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        loading.load_endpoints(tmp_path)
    assert message in caught.value.message
    assert caught.value.message.startswith("endpoints.yaml")


class _Sum(Model):
    """An authenticator of a connector's own."""

    type: Literal["sum"] = "sum"
    key: Secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["X-Sum"] = str(len(self.key.get_secret_value()))
        return request


class _Letters(Paginator):
    """A paginator of a connector's own: pages are letters."""

    type: Literal["letters"] = "letters"

    def first(self) -> Position | None:
        return "a"

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        assert not templated
        return request.with_params(letter=str(position))

    def next(self, page: Page) -> Next:
        return chr(ord(str(page.position)) + 1) if page.records else End("no letters left", said=True)


class _OwnConfig(Model):
    url: str
    key: Secret


class _Own(Connector):
    config_model = _OwnConfig

    def api(self, config: _OwnConfig) -> Config:
        return Config(
            url_base=config.url,
            authentication=_Sum(key=config.key),
            endpoints=[Endpoint(name="letters", path="/letters", pagination=_Letters())],
        )


def test_components_of_ones_own_are_used() -> None:
    """A custom authenticator and a custom paginator work like the built-in ones."""
    api = Api()

    @api.get("/letters")
    def letters(call: Call) -> object:
        return [{"letter": call.arg("letter")}] if call.arg("letter") < "d" else []

    with api:
        session = _Own().session({"url": api.url, "key": "12345"})
        catalog = {"streams": [{"stream": {"name": "letters"}, "sync_mode": "full_refresh"}]}
        printed = [json.loads(line) for block in session.read(catalog, {}) for line in block.splitlines()]
    records = [message["record"]["data"]["letter"] for message in printed if message["type"] == "RECORD"]
    assert records == ["a", "b", "c"]
    assert {call.headers["X-Sum"] for call in api.requests} == {"5"}
