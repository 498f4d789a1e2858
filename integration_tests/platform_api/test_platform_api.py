"""The script for Airbyte's API sends what Airbyte's own description of that API accepts, in the order that works.

There is no platform here. Prism checks each request against the description in `../shared/airbyte-openapi`, which is
not part of this repository: without it, the tests are skipped. Prism remembers nothing, so a stand-in behind it keeps
what was made and answers from that. The guide's calls are sent to Prism as the guide has them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from integration_tests.environments import ROOT, installed, modules
from integration_tests.servers import free_port, needs_node, serving
from source_rest_api.config.loading import load
from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

SPECS = ROOT.parent / "shared/airbyte-openapi"
pytestmark = [
    pytest.mark.real_server,
    pytest.mark.timeout(1800),
    needs_node,
    pytest.mark.skipif(not SPECS.exists(), reason="needs Airbyte's OpenAPI documents in ../shared/airbyte-openapi"),
]
WORKSPACE, DESTINATION = "7d8f2a0e-3b1c-4c57-9a57-1f1f6f0b1a01", "3b5a0c9e-6a55-4f6e-8f0a-2a2a7a1b2b02"
SOURCE, CONNECTION = "0c31738c-0b2d-4887-b506-e2cd1c39cc35", "49237019-645d-47d4-b45b-5eddf97775ce"
CONFIG: dict[str, Any] = {
    "url_base": "https://api.example.com/v1",
    "authentication": {"type": "bearer", "token": "a-token-of-the-tests"},
    "start_date": "2025-01-01T00:00:00Z",
    "endpoints_yaml": "- {name: customers, path: customers, primary_key: id}\n"
    "- {name: orders, path: orders, primary_key: id, incremental: {cursor_field: updated_at, start_param: since}}\n",
}
SETTINGS = {
    "workspace_id": WORKSPACE,
    "destination_id": DESTINATION,
    "name": "Shop",
    "image": "registry.example.com/airbyte/source-rest-api:0.1.0",
    "config": "config.json",
    "namespace": "production_${SOURCE_NAMESPACE}",
    "schedule": "0 2 * * 1-5",
    "poll_seconds": 0.1,
    "streams": [
        {"name": "customers", "mode": "full_refresh_overwrite", "primary_key": ["id"]},
        {"name": "orders", "mode": "incremental_append", "cursor_field": "updated_at", "primary_key": ["id"]},
    ],
}


def _whole(part: Any, root: Any, *, names: bool = False) -> Any:
    """A copy without examples, which break their own schemas, and without references that lead nowhere."""
    if isinstance(part, list):
        return [_whole(item, root) for item in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    if isinstance(reference, str):
        found = root
        for key in reference.removeprefix("#/").split("/"):
            found = found.get(key) if isinstance(found, dict) else None
        return part if found is not None else {}
    return {
        key: _whole(value, root, names=key == "properties" and not names)
        for key, value in part.items()
        if names or key not in {"example", "examples"}
    }


def _repaired(name: str) -> Any:
    """The description as Prism takes it."""
    spec = yaml.safe_load((SPECS / name).read_text())
    spec = _whole(spec, spec)
    if spec.get("security") == [{}]:
        del spec["security"]  # Prism takes it for a scheme that nobody can satisfy
    for schema in spec["components"]["schemas"].values():
        known = schema.get("properties")
        if known and "required" in schema:
            # `json_schema` and `grant_type` are required, and the properties are `jsonSchema` and `grant-type`.
            camel = {field: re.sub("_(.)", lambda letter: letter[1].upper(), field) for field in schema["required"]}
            required = [field if field in known else camel[field] for field in schema["required"]]
            schema["required"] = [field for field in required if field in known]
    return spec


@contextmanager
def prism(name: str, folder: Path) -> Iterator[str]:
    """The URL of a server that checks requests against a description."""
    (folder / name).write_text(json.dumps(_repaired(name)))
    try:
        program = modules("prism") / ".bin/prism"
    except RuntimeError as error:
        pytest.skip(f"Prism cannot be installed: {error}")
    port = free_port()
    with serving(
        [program, "mock", folder / name, "-h", "127.0.0.1", "-p", str(port)], f"http://127.0.0.1:{port}/", seconds=240
    ):
        yield f"http://127.0.0.1:{port}"


class Platform(Api):
    """A stand-in that keeps what it was asked to make. Each request has to satisfy Prism first."""

    def __init__(self, prism: str) -> None:
        super().__init__()
        self.prism = prism
        self.refused: list[str] = []
        self.made: dict[str, dict[str, Any]] = {}
        self.polls = 0
        definitions = f"/workspaces/{WORKSPACE}/definitions/sources"
        self.post("/applications/token")(lambda _: {"access_token": "token", "token_type": "Bearer", "expires_in": 900})
        self._table(definitions, "id", {})
        self._table("/sources", "sourceId", {"createdAt": 1, "sourceType": "custom", "definitionId": WORKSPACE})
        self._table("/connections", "connectionId", {"createdAt": 1, "workspaceId": WORKSPACE, "tags": []})
        self.post("/jobs")(lambda call: self._job("pending", call.json()["connectionId"]))
        self.get("/jobs/{id}")(lambda _: self._job(["running", "running", "succeeded"][self._next()], CONNECTION))

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        checked = requests.request(method, f"{self.prism}{target}", data=body, headers=dict(headers), timeout=60)
        if checked.status_code >= 400:
            self.refused.append(f"{method} {target}: {checked.headers.get('sl-violations') or checked.text}")
            return Answer(checked.text, checked.status_code)
        assert target == "/applications/token" or headers["Authorization"] == "Bearer token"
        return super().answer(method, target, headers, body)

    def _table(self, path: str, key: str, more: dict[str, Any]) -> None:
        ids = {"id": WORKSPACE, "sourceId": SOURCE, "connectionId": CONNECTION}

        def save(sent: Any) -> dict[str, Any]:
            self.made[path] = {**more, **self.made.get(path, {}), **sent, key: ids[key]}
            if "schedule" in sent:
                cron = sent["schedule"].get("cronExpression")
                self.made[path]["schedule"] = {**sent["schedule"], "cronExpression": cron}
            return self.made[path]

        self.post(path)(lambda call: save(call.json()))
        self.get(path)(lambda _: {"data": [self.made[path]] if path in self.made else []})
        for method in ("PUT", "PATCH"):
            self.route(method, f"{path}/{ids[key]}")(lambda call: save(call.json()))

    def _job(self, status: str, connection: str) -> dict[str, Any]:
        counts = {"rowsSynced": 42, "bytesSynced": 4200} if status == "succeeded" else {}
        started = {"jobId": 7, "jobType": "sync", "startTime": "2026-01-01T00:00:00Z"}
        return {**started, "status": status, "connectionId": connection, **counts}

    def _next(self) -> int:
        self.polls += 1
        return min(self.polls, 3) - 1


def run(folder: Path, platform: Platform, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "connection.yaml").write_text(yaml.safe_dump({**SETTINGS, "url": platform.url, **changes}))
    script = ROOT / "integration_tests/platform_api/sync_by_api.py"
    environ = {**os.environ, "AIRBYTE_CLIENT_ID": "id", "AIRBYTE_CLIENT_SECRET": "secret"}
    command: list[str | Path] = [installed("platform") / "python", script, folder / "connection.yaml"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)


def test_the_config_of_these_tests_is_one_that_the_connector_takes() -> None:
    """It is in the spelling of the form."""
    assert [endpoint.name for endpoint in load(CONFIG).streams] == ["customers", "orders"]


def test_registers_creates_syncs_and_waits(tmp_path: Path) -> None:
    """All requests are valid; a second run updates and makes nothing new."""
    with prism("api.yaml", tmp_path) as url, Platform(url) as platform:
        done = run(tmp_path, platform)
        assert (platform.refused, done.returncode) == ([], 0), done.stderr
        assert done.stderr.splitlines()[-1] == "job 7: succeeded, 42 rows, 4200 bytes"
        assert platform.polls == 3
        definition, source, connection = platform.made.values()
        assert definition["dockerRepository"] == "registry.example.com/airbyte/source-rest-api"
        assert source["configuration"] == CONFIG
        assert CONFIG["authentication"]["token"] not in done.stderr
        assert source["definitionId"] == definition["id"]
        assert connection["schedule"] == {"scheduleType": "cron", "cronExpression": "0 0 2 ? * MON-FRI"}
        assert connection["namespaceFormat"] == SETTINGS["namespace"]
        streams = connection["configurations"]["streams"]
        assert [(each["name"], each["syncMode"], each.get("cursorField")) for each in streams] == [
            ("customers", "full_refresh_overwrite", None),
            ("orders", "incremental_append", ["updated_at"]),
        ]

        before = [call.method for call in platform.requests].count("POST")
        again = run(tmp_path, platform, image="registry.example.com/airbyte/source-rest-api:0.2.0", schedule=None)
        assert (platform.refused, again.returncode) == ([], 0), again.stderr
        posts = [call.path for call in platform.requests if call.method == "POST"][before:]
        assert set(posts) == {"/applications/token", "/jobs"}
        assert platform.made[f"/workspaces/{WORKSPACE}/definitions/sources"]["dockerImageTag"] == "0.2.0"
        assert platform.made["/connections"]["schedule"]["scheduleType"] == "manual"


@pytest.mark.parametrize(
    ("cron", "quartz"),
    [
        ("0 * * * *", "0 0 * * * ?"),
        ("0 */6 * * *", "0 0 */6 * * ?"),
        ("0 2 * * 1-5", "0 0 2 ? * MON-FRI"),
        ("0 0 * * 0", "0 0 0 ? * SUN"),
        ("0 0 1 * *", "0 0 0 1 * ?"),
        ("30 4 * * 1,3,7", "0 30 4 ? * MON,WED,SUN"),
        ("0 0 1 * 1", "restricts both kinds of days"),
        ("@daily", "has 1 fields"),
    ],
)
def test_a_schedule_is_written_for_airbyte(cron: str, quartz: str) -> None:
    """The guide's schedules, and what cannot be said in one expression."""
    script = f"import sync_by_api\ntry: print(sync_by_api.quartz({cron!r}))\nexcept ValueError as error: print(error)"
    folder = ROOT / "integration_tests/platform_api"
    command: list[str | Path] = [installed("platform") / "python", "-c", script]
    assert quartz in subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


CATALOG = {
    "streams": [
        {
            "stream": {"name": "customers", "jsonSchema": {}},
            "config": {"syncMode": "incremental", "destinationSyncMode": "append", "cursorField": ["updated_at"]},
        }
    ]
}
CREATE = {"sourceId": SOURCE, "destinationId": DESTINATION, "syncCatalog": CATALOG}
TIMING = {"schedule": {"units": 24, "timeUnit": "hours"}}
CRON = {"scheduleType": "cron", "scheduleData": {"cron": {"cronExpression": "0 0 2 * * ?", "cronTimeZone": "UTC"}}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "sources/list", {"workspaceId": "workspace-id"}, 422),
        ("POST", "sources/list", {"workspaceId": WORKSPACE}, 200),
        ("POST", "connections/create", {**CREATE, "sourceId": "source-id", **TIMING}, 422),
        ("POST", "connections/create", {**CREATE, **TIMING}, 422),
        ("POST", "connections/create", {**CREATE, **TIMING, "status": "active"}, 200),
        ("POST", "connections/create", {**CREATE, **CRON, "status": "active"}, 200),
        ("POST", "connections/sync", {"connectionId": CONNECTION}, 200),
        ("POST", "jobs/get", {"id": "job-id"}, 422),
        ("POST", "jobs/get", {"id": 1}, 200),
        ("GET", "jobs/list", None, 405),
        ("POST", "jobs/list", {"configTypes": ["sync"], "configId": CONNECTION}, 200),
    ],
)
def test_the_calls_of_the_guide(old_api: str, method: str, path: str, body: Any, status: int) -> None:
    """What the table in docs/airbyte.md says about them."""
    assert requests.request(method, f"{old_api}/v1/{path}", json=body, timeout=60).status_code == status


@pytest.fixture(scope="module")
def old_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The platform's internal API, which the guide calls."""
    with prism("config.yaml", tmp_path_factory.mktemp("prism")) as url:
        yield url
