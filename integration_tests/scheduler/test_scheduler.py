"""Dagster runs syncs by a schedule, keeps their history and metrics, retries them, and sends notices to Slack.

Dagster and its page are real; a loopback server receives what goes to Slack. The truth is the shop's tables.
`SCREENSHOTS=FOLDER` keeps pictures of its pages, if there is a Chromium.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from integration_tests.environments import ROOT, installed
from integration_tests.openapi_shop import TOKEN, OpenApiShop
from integration_tests.pages import say
from integration_tests.servers import free_port, serving
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

DEFINITIONS = Path(__file__).parent / "definitions.py"
PATIENCE = 900.0
LAUNCH = """mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = """{ runsOrError { ... on Runs { results {
  runId status assetMaterializations { metadataEntries { __typename label
    ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } } }
  tags { key value } eventConnection { events { __typename ... on MessageEvent { message } } } } } } }"""
SCHEDULES = """{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules {
  name cronSchedule scheduleState { id status } } } } } }"""
STOP = """mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"""


@dataclass
class Scheduler:
    """A running Dagster, the shop that it syncs, and the notices that it sent."""

    url: str
    folder: Path
    shop: OpenApiShop
    notices: list[str]

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer of Dagster's API."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self) -> list[Any]:
        """All runs, newest first."""
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def ended(self, number: int) -> list[Any]:
        """All runs, once so many have ended."""

        def found() -> list[Any]:
            runs = [run for run in self.runs() if run["status"] in {"SUCCESS", "FAILURE"}]
            return runs if len(runs) >= number else []

        ended: list[Any] = eventually(found)
        return ended

    def launch(self, number: int) -> Any:
        """Start a run by hand; the run, once it is the so manieth that has ended."""
        selector = {
            "repositoryLocationName": "definitions.py",
            "repositoryName": "__repository__",
            "pipelineName": "sync_job",
        }
        launched = self.ask(LAUNCH, selector=selector)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return self.ended(number)[0]

    def received(self) -> dict[str, list[Any]]:
        """The records in all files, by stream."""
        records: dict[str, list[Any]] = {}
        for path in (self.folder / "inbox").glob("*.jsonl"):
            for line in path.read_text().splitlines():
                message = json.loads(line)
                if message["type"] == "RECORD":
                    records.setdefault(message["record"]["stream"], []).append(message["record"]["data"])
            path.unlink()
        return records

    def configure(self, url: str) -> None:
        """Write the config for the shop at an address."""
        customers = {
            "name": "customers",
            "path": "customers",
            "primary_key": "id",
            "pagination": {
                "type": "cursor",
                "cursor_path": "next_cursor",
                "page_size_param": "limit",
                "page_size": 100,
            },
            "incremental": {"cursor_field": "updated_at", "start_param": "updated_since"},
        }
        products = {"name": "products", "path": "products", "primary_key": "sku"}
        products["pagination"] = {"type": "page_number", "total_pages_path": "pages"}  # type: ignore[assignment]
        config = {
            "url_base": url,
            "authentication": {"type": "bearer", "token": TOKEN},
            "retry": {"max_attempts": 1},
            "endpoints": [customers, products],
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))


def eventually(found: Callable[[], Any]) -> Any:
    """Returns the first value that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(1)
    return value


def metrics(run: Any) -> dict[str, float]:
    """The numbers that a run has reported."""
    [materialization] = run["assetMaterializations"]
    entries = materialization["metadataEntries"]
    return {each["label"]: each.get("intValue", each.get("floatValue")) for each in entries}


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    """Start Dagster with a schedule that runs each minute."""
    dagster = installed("dagster")
    notices: list[str] = []
    with OpenApiShop() as shop, Api() as slack:

        @slack.post("/hook")
        def hook(call: Call) -> Answer:
            notices.append(call.json()["text"])
            return Answer("ok", headers={"Content-Type": "text/plain"})

        url = f"http://127.0.0.1:{free_port()}"
        running = Scheduler(url, tmp_path, shop, notices)
        running.configure(shop.url)
        (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
        environ = {
            "DAGSTER_HOME": str(tmp_path),
            "SYNC_COMMAND": shlex.join(
                [sys.executable, str(ROOT / "main.py"), "read", "--config", str(tmp_path / "config.yaml")]
            ),
            "SYNC_FOLDER": str(tmp_path),
            "SYNC_CRON": "* * * * *",
            "SYNC_RETRIES": "1",
            "SYNC_RETRY_SECONDS": "1",
            "SLACK_WEBHOOK_URL": f"{slack.url}/hook",
            "NOTIFY_SUCCESS": "1",
            "PATH": f"{dagster}:{os.environ['PATH']}",
        }
        host, _, port = url.removeprefix("http://").partition(":")
        command: list[str | Path] = [dagster / "dagster", "dev", "-f", DEFINITIONS.name, "-h", host, "-p", port]
        with serving(command, f"{url}/server_info", DEFINITIONS.parent, environ, seconds=PATIENCE):
            yield running


def test_syncs_run_by_a_schedule_and_their_failures_are_told(scheduler: Scheduler) -> None:
    """A tick, what changed since, three failures with their retries, and the notices of all that."""
    [first, *_] = scheduler.ended(1)
    tables = scheduler.shop.tables
    assert first["status"] == "SUCCESS"
    assert {"key": "dagster/schedule_name", "value": "custom"} in first["tags"]
    [repository] = scheduler.ask(SCHEDULES)["repositoriesOrError"]["nodes"]
    schedules = {each["name"]: each for each in repository["schedules"]}
    crons = {each["cronSchedule"] for each in schedules.values()}
    assert crons == {"* * * * *", "0 * * * *", "0 0 * * *", "0 0 * * 0", "0 */6 * * *", "0 2 * * 1-5", "0 0 1 * *"}
    scheduler.ask(STOP, id=schedules["custom"]["scheduleState"]["id"])
    eventually(lambda: "Schedule custom is turned off." in scheduler.notices)
    received = scheduler.received()
    total = len(tables["customers"]) + len(tables["products"])
    say("records of the first sync", sum(map(len, received.values())), total)
    assert metrics(first)["records"] == total
    for name, key in (("customers", "id"), ("products", "sku")):
        assert {row[key]: row for row in received[name]} == {row[key]: row for row in tables[name]}

    tables["customers"][3] |= {"name": "Changed", "updated_at": "2025-03-01T00:00:00Z"}
    count = len(scheduler.runs())
    second = scheduler.launch(count + 1)
    changed = {row["id"]: row for row in scheduler.received()["customers"]}
    assert changed[tables["customers"][3]["id"]] == tables["customers"][3]
    assert len(changed) <= 2
    assert metrics(second)["failure_rate"] == 0
    assert metrics(second)["bytes"] > 0
    eventually(lambda: any(f"Sync {second['runId'][:8]} succeeded" in notice for notice in scheduler.notices))

    scheduler.configure(f"http://127.0.0.1:{free_port()}")
    for number in range(3):
        failed = scheduler.launch(count + 2 + number)
        assert failed["status"] == "FAILURE"
        kinds = [event["__typename"] for event in failed["eventConnection"]["events"]]
        assert kinds.count("ExecutionStepUpForRetryEvent") == 1
    eventually(lambda: any(notice.startswith("3 syncs in a row failed. Stream ") for notice in scheduler.notices))

    scheduler.configure(scheduler.shop.url)
    last = scheduler.launch(count + 5)
    assert metrics(last)["failure_rate"] == pytest.approx(3 / (count + 5))
    eventually(lambda: any(f"Sync {last['runId'][:8]} succeeded" in notice for notice in scheduler.notices))
    assert sum("failed" in notice for notice in scheduler.notices) == 1
    _pictures(scheduler)


def _pictures(scheduler: Scheduler) -> None:
    """Keep pictures of the pages with the metrics, their plots and the runs."""
    chromium, folder = shutil.which("chromium"), os.environ.get("SCREENSHOTS")
    if chromium and folder:
        python, picture = installed("dagster") / "python", Path(__file__).parent / "picture.py"
        pages = [("metrics", "assets/sync", "failure_rate", ""), ("plots", "assets/sync", "failure_rate", "Plots")]
        for name, page, text, button in [*pages, ("runs", "runs", "sync_job", "")]:
            arguments = [chromium, f"{scheduler.url}/{page}", text, f"{folder}/dagster-{name}.png", button]
            subprocess.run([python, picture, *arguments], check=True, timeout=300)
