"""The connector of docs/connector.md, unchanged: its form, its choice of credentials, its own components."""

from __future__ import annotations

import hmac
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.test.standard_tests._spec_lint import find_secret_marking_errors

from source_rest_api import scaffold
from tests.api import JSON, Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs/connector.md").read_text()
TOKEN = "a-token-of-the-tests"
KEY = "a-key-of-the-tests"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the connector of the docs into the folder that `new` makes."""
    scaffold.create("source-acme", tmp_path)
    package = tmp_path / "source-acme/source_acme"
    blocks = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    lines = "\n\n".join(blocks).splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    rest = [line for line in lines if line not in imports]
    (package / "connector.py").write_text("\n".join(["from __future__ import annotations", *imports, *rest]))
    [endpoints] = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    (package / "endpoints.yaml").write_text(endpoints)
    return tmp_path / "source-acme"


@pytest.fixture
def api() -> Iterator[Api]:
    """Run Acme: tokens that serve once, markers, customers with orders."""
    with Api() as api:
        state = {"refresh": "R0-of-the-tests", "access": TOKEN}

        @api.post("/oauth/token")
        def token(call: Call) -> JSON:
            sent = dict(parse_qsl(call.body.decode()))
            if sent.get("refresh_token") != state["refresh"]:
                return Answer({"error": "invalid_grant"}, 400)
            state.update(refresh="R1-of-the-tests", access="T1-of-the-tests")
            return {"access_token": state["access"], "refresh_token": state["refresh"], "expires_in": 3600}

        @api.get("/v1/customers")
        def customers(call: Call) -> JSON:
            if call.headers["Authorization"] != f"Bearer {state['access']}":
                return Answer({}, 401)
            start, size = int(call.arg("marker", "0")), int(call.arg("per_page"))
            rows = [{"id": n, "updated_at": f"2024-01-0{n + 1}T00:00:00Z"} for n in range(5)][start : start + size]
            return Answer(rows, headers={"X-Marker": str(start + size)} if start + size < 5 else {})

        @api.get("/v1/customers/{id}/orders")
        def orders(call: Call) -> JSON:
            return [{"id": f"{call.path_params['id']}-{n}"} for n in range(int(call.path_params["id"]))]

        yield api
        assert api.errors == []


def python(folder: Path, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run the connector's own main.py, and give its messages."""
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    assert not any(secret in done.stdout.replace('"connectorConfig"', "") for secret in (TOKEN, KEY))
    return [json.loads(line) for line in done.stdout.splitlines()]


def read(folder: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Read both streams."""
    streams = [{"stream": {"name": name}, "sync_mode": "full_refresh"} for name in ("customers", "orders")]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "catalog.json").write_text(json.dumps({"streams": streams}))
    return python(folder, "read", "--config", "config.json", "--catalog", "catalog.json")


def test_the_form_offers_a_choice_of_credentials(folder: Path) -> None:
    """A `oneOf` by the platform's rules, with the secrets marked, and nothing of the API behind it."""
    [message] = python(folder, "spec")
    form = message["spec"]["connectionSpecification"]
    assert list(form["properties"]) == ["credentials", "region", "start_date", "page_size", "site"]
    choice = form["properties"]["credentials"]
    assert choice["type"] == "object"
    assert [branch["properties"]["type"]["const"] for branch in choice["oneOf"]] == ["token", "oauth"]
    assert choice["oneOf"][0]["properties"]["api_token"]["airbyte_secret"]
    assert find_secret_marking_errors(form) == []


def test_the_platform_may_sign_the_user_in(folder: Path) -> None:
    """The consent screen is declared in the spec, as the protocol defines it."""
    init = folder / "source_acme/__init__.py"
    init.write_text(init.read_text().replace("SourceAcme", "SourceAcmeWithConsent"))
    [message] = python(folder, "spec")
    auth = AirbyteMessageSerializer.load(message).spec.advanced_auth  # type: ignore[union-attr]
    assert auth is not None
    places = auth.oauth_config_specification.complete_oauth_output_specification["properties"]  # type: ignore[index, union-attr]
    assert places["refresh_token"]["path_in_connector_config"] == ["credentials", "refresh_token"]
    assert (auth.predicate_key, auth.predicate_value) == (["credentials", "type"], "oauth")


def test_it_reads_with_a_token(folder: Path, api: Api) -> None:
    """Its own paginator is followed to the end, and templates read the form."""
    credentials = {"type": "token", "api_token": TOKEN}
    messages = read(folder, {"credentials": credentials, "site": api.url, "page_size": 2})
    records = [(m["record"]["stream"], m["record"]["data"]["id"]) for m in messages if m["type"] == "RECORD"]
    assert sorted(id_ for stream, id_ in records if stream == "customers") == [0, 1, 2, 3, 4]
    assert len([1 for stream, _ in records if stream == "orders"]) == 10
    sizes = {call.arg("per_page") for call in api.requests if call.path == "/v1/customers"}
    assert sizes == {"2"}


def test_it_reads_after_signing_in(folder: Path, api: Api) -> None:
    """The next refresh token is in the form's field, for the platform to keep."""
    credentials = {"type": "oauth", "client_id": "c", "client_secret": "cs-of-the-tests"}
    messages = read(folder, {"credentials": {**credentials, "refresh_token": "R0-of-the-tests"}, "site": api.url})
    [kept] = [m["control"]["connectorConfig"]["config"] for m in messages if m["type"] == "CONTROL"]
    assert kept["credentials"]["refresh_token"] == "R1-of-the-tests"
    assert len([m for m in messages if m["type"] == "RECORD"]) == 15


def test_its_own_authenticator_signs(folder: Path, api: Api) -> None:
    """A class in connector.py is all that it takes."""
    file = folder / "source_acme/connector.py"
    text = file.read_text()
    changed = text.replace("authentication(config.credentials, site)", "Signature(key=config.credentials.api_token)")
    assert changed != text
    file.write_text(changed)
    target = "/v1/customers?per_page=100"

    @api.get("/v1/customers")
    def customers(call: Call) -> JSON:
        signed = hmac.new(KEY.encode(), call.target.encode(), "sha256").hexdigest()
        return [{"id": 0}] if call.headers["X-Signature"] == signed else Answer({}, 401)

    messages = read(folder, {"credentials": {"type": "token", "api_token": KEY}, "site": api.url})
    assert [m["record"]["data"] for m in messages if m["type"] == "RECORD"] == [{"id": 0}]
    assert api.requests[0].target == target


@pytest.mark.parametrize(
    ("part", "body", "records"),
    [
        ("decoder=Lines()", "1|a\n2|b", [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]),
        (
            "transformation=Spread()",
            '[{"id": 1, "currencies": ["EUR", "CHF"]}, {"id": 2}]',
            [{"id": 1, "currency": "EUR"}, {"id": 1, "currency": "CHF"}],
        ),
    ],
)
def test_its_own_record_components_run(part: str, body: str, records: JSON, folder: Path, api: Api) -> None:
    """A decoder and a transformation are given to an endpoint."""
    file = folder / "source_acme/connector.py"
    text = file.read_text()
    one, other = (f"Endpoint(name='{name}', path='{name}', pagination=NO_PAGES" for name in ("customers", "orders"))
    own = f"[{one}, {part}), {other})]"
    changed = text.replace("load_endpoints(Path(__file__).parent)", own)
    assert changed != text
    file.write_text(f"{changed}\nfrom source_rest_api import Endpoint\nNO_PAGES = {{'type': 'none'}}\n")
    api.get("/v1/orders")(lambda _: [])
    api.get("/v1/customers")(lambda _: Answer(body, headers={"Content-Type": "text/plain"}))
    messages = read(folder, {"credentials": {"type": "token", "api_token": TOKEN}, "site": api.url})
    assert [m["record"]["data"] for m in messages if m["type"] == "RECORD"] == records


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="Acme"', 'nam="Acme"', "nam: unknown key, did you mean `name`?"),
        ('f"{site}/v1"', '"site"', "url_base: must begin with https://"),
        (
            "class Markers(Paginator)",
            "class Markers(Model)",
            "pagination: `Markers` has no `after`, `back`, `first`, `has_signals`, `in_body`, `next`, `pages_left`, ",
        ),
        ("def place(", "def palce(", "pagination: `Markers` has no `place`; derive it from `Paginator`"),
        ("def following(", "def folowing(", "`Markers` needs a method `following`"),
        (
            "pagination=Markers()",
            "pagination=config.credentials",
            "pagination: `AccessToken` has no `after`, `back`, `first`, ",
        ),
        (
            "authentication=authentication(config.credentials, site)",
            "authentication=Markers()",
            "authentication: `Markers` has no `__call__` and no `session`; give it one of them (docs/connector.md)",
        ),
    ],
)
def test_what_is_wrong_in_its_api_is_said(folder: Path, old: str, new: str, message: str) -> None:
    """A mistake in `api` is explained, not a crash."""
    file = folder / "source_acme/connector.py"
    file.write_text(file.read_text().replace(old, new))
    (folder / "config.json").write_text(json.dumps({"credentials": {"type": "token", "api_token": TOKEN}}))
    [status] = [m for m in python(folder, "check", "--config", "config.json") if m["type"] == "CONNECTION_STATUS"]
    assert message in status["connectionStatus"]["message"]
