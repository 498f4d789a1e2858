"""Syncs on a schedule, with retries, run history, metrics and Slack notices: `dagster dev -f definitions.py`.

Copy this file, and set these environment variables:

    SYNC_COMMAND       the connector, with its config: python main.py read --config config.yaml
    SYNC_FOLDER        where the state and the messages go; default: the current folder
    SYNC_CRON          a cron expression; this schedule runs at once, the others when they are turned on
    SYNC_RETRIES       how often a failed sync is retried (3), after SYNC_RETRY_SECONDS (60), doubled each time
    SLACK_WEBHOOK_URL  where notices go; none are sent if it is empty
    NOTIFY_AFTER       failures in a row before a notice (3)
    NOTIFY_SUCCESS     if set, successes are notified too
"""

import fcntl
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType
from slack_sdk.webhook import WebhookClient

COMMAND = shlex.split(os.environ.get("SYNC_COMMAND", "python main.py read --config config.yaml"))
FOLDER = Path(os.environ.get("SYNC_FOLDER", ".")).resolve()
RETRIES = int(os.environ.get("SYNC_RETRIES", "3"))
RETRY_SECONDS = float(os.environ.get("SYNC_RETRY_SECONDS", "60"))
WEBHOOK = os.environ.get("SLACK_WEBHOOK_URL", "")
NOTIFY_AFTER = int(os.environ.get("NOTIFY_AFTER", "3"))
NOTIFY_SUCCESS = bool(os.environ.get("NOTIFY_SUCCESS"))
CRONS = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * 0",
    "every_six_hours": "0 */6 * * *",
    "weekdays_at_two": "0 2 * * 1-5",
    "monthly": "0 0 1 * *",
}
HISTORY = 20
"""How many of the last runs the failure rate is computed from."""


@dataclass
class Read:
    """What one attempt has read."""

    records: int = 0
    size: int = 0
    seconds: float = 0.0
    errors: list[Any] = field(default_factory=list)

    def note(self, line: bytes) -> None:
        """Count a message, and keep it if it is an error. Records are not decoded."""
        self.size += len(line)
        if line.startswith(b'{"type":"RECORD"'):
            self.records += 1
        elif line.startswith(b'{"type":"TRACE"') and (error := json.loads(line)["trace"].get("error")):
            self.errors.append(error)


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_SECONDS, backoff=dg.Backoff.EXPONENTIAL))
def sync(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Reads what is new into a file of `inbox`, and keeps the state of it. Whatever loads the files removes them."""
    read = Read()
    with _alone():
        inbox = FOLDER / "inbox"
        inbox.mkdir(exist_ok=True)
        target = inbox / f"{int(time.time())}-{context.run_id[:8]}-{context.retry_number}.jsonl"
        code = _read(read, target)
    metadata = {
        "records": read.records,
        "bytes": read.size,
        "seconds": round(read.seconds, 1),
        "failure_rate": _failure_rate(context, failed=bool(code)),
    }
    if code:
        sentence = " ".join(error["message"] for error in read.errors) or f"The connector ended with exit code {code}."
        context.log_event(dg.AssetObservation("sync", metadata=metadata))
        # A wrong config does not get right by itself.
        retryable = all(error["failure_type"] != "config_error" for error in read.errors)
        raise dg.Failure(sentence, metadata=metadata, allow_retries=retryable)
    return dg.MaterializeResult(metadata={**metadata, "file": dg.MetadataValue.path(str(target))})


def _read(read: Read, target: Path) -> int:
    started = time.monotonic()
    command = [*COMMAND, "--keep-state", str(FOLDER / "state.json")]
    with target.open("wb") as file, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            file.write(line)
            read.note(line)
    read.seconds = time.monotonic() - started
    return process.returncode


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse to read while another sync is running, as both would write the same state."""
    with (FOLDER / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise dg.Failure("Another sync is running.", allow_retries=False) from None
        yield


def _ended(instance: dg.DagsterInstance, limit: int, before: str | None = None) -> list[dg.DagsterRunStatus]:
    """The statuses of the last runs that have ended, newest first; with `before`, of those older than that run."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    records = instance.get_run_records(dg.RunsFilter(job_name=job.name, statuses=ended), limit=limit, cursor=before)
    return [record.dagster_run.status for record in records]


def _failure_rate(context: dg.AssetExecutionContext, *, failed: bool) -> float:
    earlier = [status == dg.DagsterRunStatus.FAILURE for status in _ended(context.instance, HISTORY - 1)]
    return sum([failed, *earlier]) / (1 + len(earlier))


job = dg.define_asset_job("sync_job", selection="sync")
schedules = [dg.ScheduleDefinition(name=name, cron_schedule=cron, job=job) for name, cron in CRONS.items()]
if cron := os.environ.get("SYNC_CRON"):
    running = dg.DefaultScheduleStatus.RUNNING
    schedules.append(dg.ScheduleDefinition(name="custom", cron_schedule=cron, job=job, default_status=running))


def _notify(text: str) -> None:
    if WEBHOOK:
        answer = WebhookClient(WEBHOOK).send(text=text)
        if answer.status_code != 200:
            raise dg.Failure(f"Slack answered {answer.status_code}: {answer.body}")


@dg.run_failure_sensor(monitored_jobs=[job], default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10)
def notify_failures(context: dg.RunFailureSensorContext) -> None:
    """Sends one notice when so many runs in a row have failed."""
    before = _ended(context.instance, NOTIFY_AFTER, context.dagster_run.run_id)
    failures = [True, *(status == dg.DagsterRunStatus.FAILURE for status in before)]
    if all(failures[:NOTIFY_AFTER]) and len(failures) >= NOTIFY_AFTER and not any(failures[NOTIFY_AFTER:]):
        steps = [event.step_failure_data for event in context.get_step_failure_events()]
        causes = [step.user_failure_data.description for step in steps if step.user_failure_data]
        _notify(
            f"{NOTIFY_AFTER} syncs in a row failed. {' '.join(filter(None, causes)) or context.failure_event.message}"
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[job],
    default_status=dg.DefaultSensorStatus.RUNNING if NOTIFY_SUCCESS else dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=10,
)
def notify_success(context: dg.RunStatusSensorContext) -> None:
    """Sends a notice for each sync that succeeded."""
    event = context.instance.get_latest_materialization_event(dg.AssetKey("sync"))
    metadata = event.asset_materialization.metadata if event and event.asset_materialization else {}
    counts = ", ".join(f"{metadata[name].value} {name}" for name in ("records", "bytes", "seconds") if name in metadata)
    _notify(f"Sync {context.dagster_run.run_id[:8]} succeeded: {counts}.")


@dg.sensor(default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=10)
def notify_disabled(context: dg.SensorEvaluationContext) -> None:
    """Sends a notice when a schedule that was running is turned off."""
    states = context.instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    now = {state.instigator_name for state in states if state.status != InstigatorStatus.STOPPED}
    stopped = {state.instigator_name for state in states} - now
    for name in sorted(stopped & set(json.loads(context.cursor or "[]"))):
        _notify(f"Schedule {name} is turned off.")
    context.update_cursor(json.dumps(sorted(now)))


defs = dg.Definitions(
    assets=[sync], jobs=[job], schedules=schedules, sensors=[notify_failures, notify_success, notify_disabled]
)
