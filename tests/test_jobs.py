"""Report jobs: created, polled and downloaded, compared with the table of jobs that the API has."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta
from itertools import count, islice
from typing import TYPE_CHECKING

import pytest

from source_rest_api import Connector
from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from tests.api import Answer, Api
from tests.jobs import INCREMENTAL, NOW, SECRET, Jobs, Row, days, errors, read
from tests.process import PROGRAM, catalog
from tests.shop import Destination

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Call

pytestmark = pytest.mark.usefixtures("no_proxy")


def ids(rows: list[Row]) -> list[str]:
    """The ids of rows, in order."""
    return sorted(row["id"] for row in rows)


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "zip"])
@pytest.mark.parametrize("files", [1, 5])
def test_every_file_of_the_result_is_read(form: str, files: int, api: Api) -> None:
    """In each format, compressed or not; each file once."""
    jobs = Jobs(api, days(4), files, form)
    destination = Destination()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(jobs.rows)
    assert sorted(jobs.downloads) == [(1, index) for index in range(files)]
    assert jobs.jobs[1].polls == len(jobs.statuses)


def test_a_job_whose_status_is_xml(api: Api) -> None:
    """Status and URLs are found by the names of the elements."""
    rows = [{"id": "a"}, {"id": "b"}]
    states = ["running", "done"]

    @api.post("/reports")
    def create(_: Call) -> Answer:
        return Answer("<?xml version='1.0'?><job id='7'/>", 202)

    @api.get("/reports/7")
    def poll(_: Call) -> Answer:
        files = "".join(f"<file>{api.url}/files/{row['id']}</file>" for row in rows)
        body = f"<job><status>{states.pop(0)}</status><files>{files}</files></job>"
        return Answer(body, headers={"Content-Type": "text/xml; charset=utf-8"})

    @api.get("/files/{id}")
    def file(call: Call) -> list[Row]:
        return [{"id": call.path_params["id"]}]

    job = {"status_path": "job.status", "completed": ["done"], "urls_path": "job.files.file", "poll_seconds": 0.01}
    job |= {"poll": {"path": "reports/{{ creation_response.job['@id'] }}"}}
    endpoint = {"name": "rows", "path": "reports", "http_method": "POST", "primary_key": "id", "job": job}
    destination = Destination()
    read({"url_base": api.url, "endpoints": [endpoint]}, "full_refresh", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(rows)


@pytest.mark.parametrize("most", [1, 8])
def test_one_job_for_each_interval(most: int, api: Api) -> None:
    """As many jobs run at the same time as the config allows, and the second sync asks for what is new."""
    jobs = Jobs(api, days(4))
    jobs.statuses = ["RUNNING"] * 4 + ["DONE"]
    destination = Destination()
    config = jobs.config(endpoint=INCREMENTAL) | {"max_concurrent_jobs": most}
    read(config, "incremental", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(jobs.rows)
    assert len(jobs.jobs) == 4
    assert jobs.most_running == min(most, 4)
    read(config, "incremental", destination)
    assert [job.asked["since"] for job in list(jobs.jobs.values())[4:]] == ["2024-01-04"]
    assert destination.duplicates == 0


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_a_read_killed_anywhere_creates_no_job_twice(files: int, mode: str, api: Api) -> None:
    """After each message in turn: the next run asks for the same job, and no row is missing."""
    for kill in range(2, 40):
        jobs = Jobs(api, days(4, 2), files)
        jobs.statuses = ["RUNNING", "DONE"]
        destination = Destination()
        config = jobs.config(endpoint=INCREMENTAL if mode == "incremental" else {}) | {"max_concurrency": 1}
        came = read(config, mode, destination, kill)
        destination.crash()
        known = {int(number) for number in re.findall(r'"reportId": "r(\d+)"', json.dumps(destination.state))}
        read(config, mode, destination)
        assert destination.complete
        assert {row["id"] for row in destination.durable} == {row["id"] for row in jobs.rows}
        asked = [job.asked for job in jobs.jobs.values()]
        assert all(asked.count(jobs.jobs[number].asked) == 1 for number in known)
        assert SECRET not in json.dumps(destination.state)
        if len(came) < kill:
            break


def test_the_state_has_the_job_before_it_is_ready(api: Api) -> None:
    """A run that is killed while the API works leaves its job to the next one."""
    jobs = Jobs(api, days(4))
    jobs.statuses = ["RUNNING", "DONE"]
    destination = Destination()
    read(jobs.config(), "full_refresh", destination, 2)  # STARTED, and the STATE that comes at once
    entry = destination.state["rows"]["reading"]["slices"][0]
    assert entry["job"]["answer"] == {"reportId": "r1"}
    read(jobs.config(), "full_refresh", destination)
    assert len(jobs.jobs) == 1
    assert ids(destination.durable) == ids(jobs.rows)


@pytest.mark.parametrize("lost", ["FATAL", "EXPIRED"])
def test_a_failed_job_is_created_anew(lost: str, api: Api) -> None:
    """As often as allowed; what the API said of it is in the log."""
    jobs = Jobs(api, days(2))
    jobs.of_job = {1: ["RUNNING", lost], 2: [lost]}
    destination = Destination()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert len(jobs.jobs) == 3
    assert ids(destination.durable) == ids(jobs.rows)


def test_a_job_that_always_fails_is_an_error(api: Api) -> None:
    """The error says what the API answered, and nothing counts as read."""
    jobs = Jobs(api, days(2))
    jobs.statuses = ["FATAL"]
    destination = Destination()
    came = read(jobs.config(), "full_refresh", destination)
    assert not destination.complete
    assert destination.durable == []
    [error] = errors(came)
    assert "the report job ended with the status `FATAL`" in error
    assert "report 3 is fatal" in error
    assert "3 times" in error
    jobs.statuses = ["DONE"]
    jobs.of_job = {3: ["FATAL"]}
    read(jobs.config(), "full_refresh", destination)
    assert ids(destination.durable) == ids(jobs.rows)


def test_a_job_that_the_api_forgot_is_created_anew(api: Api) -> None:
    """The job of an earlier run may be gone when the next run asks for it."""
    jobs = Jobs(api, days(2))
    destination = Destination()
    read(jobs.config(), "full_refresh", destination, 2)
    jobs.jobs[1].deleted = True
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert len(jobs.jobs) == 2
    assert ids(destination.durable) == ids(jobs.rows)


def test_a_job_that_runs_too_long_is_aborted(api: Api) -> None:
    """The time limit counts from its creation."""
    jobs = Jobs(api, days(2))
    jobs.statuses = ["RUNNING"]
    destination = Destination()
    abort = {"http_method": "POST", "path": "reports/{{ creation_response.reportId }}/abort"}
    job = {"abort": abort, "time_limit_minutes": 0.001, "attempts": 2}
    ticks = count()
    came = read(jobs.config(job), "full_refresh", destination, now=lambda: NOW + timedelta(seconds=next(ticks) / 50))
    [error] = errors(came)
    assert "still has the status `RUNNING` after 0.001 minutes" in error
    assert [job.aborted for job in jobs.jobs.values()] == [True, True]
    assert destination.durable == []


def test_a_skipped_job_has_no_records(api: Api) -> None:
    """It is complete."""
    jobs = Jobs(api, days(2))
    jobs.statuses = ["RUNNING", "CANCELLED"]
    destination = Destination()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert jobs.downloads == []


def test_an_unknown_status_is_an_error(api: Api) -> None:
    """If the config lists those of a running job."""
    jobs = Jobs(api, days(2))
    jobs.statuses = ["RUNNING", "PAUSED"]
    came = read(jobs.config(), "full_refresh", Destination())
    assert "`PAUSED`, which `job` does not list" in errors(came)[0]


def test_one_failing_file_of_several_is_an_error(api: Api) -> None:
    """The other files are read; the next run reads only the one that is missing."""
    jobs = Jobs(api, days(4), 3)
    jobs.faults = {(1, 1): [Answer(status=500)]}
    destination = Destination()
    came = read(jobs.config(), "full_refresh", destination)
    assert not destination.complete
    assert len(errors(came)) == 1
    assert ids(destination.durable) == ids(jobs.rows[0::3] + jobs.rows[2::3])
    jobs.downloads.clear()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert jobs.downloads == [(1, 1)]
    assert len(jobs.jobs) == 1
    assert ids(destination.durable) == ids(jobs.rows)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_download_that_is_cut_is_an_error(form: str, api: Api) -> None:
    """The next run reads the whole file."""
    jobs = Jobs(api, days(4), 1, form)
    whole = b'{"id": "00-0", "day": "2024-01-01"}\n' if form == "jsonl" else b"id,day\r\n00-0,2024-01-01\r\n"
    jobs.faults = {(1, 0): [Answer(whole + b"0" * 99, cut=len(whole))]}
    destination = Destination()
    came = read(jobs.config(), "full_refresh", destination)
    assert not destination.complete
    assert len(errors(came)) == 1
    assert SECRET not in json.dumps(came)
    destination.crash()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    assert {row["id"] for row in destination.durable} == {row["id"] for row in jobs.rows}
    assert len(jobs.jobs) == 1


def test_a_url_that_has_expired_is_asked_for_again(api: Api) -> None:
    """Once; a second refusal is an error."""
    jobs = Jobs(api, days(4), 2)
    jobs.faults = {(1, 0): [Answer({"error": "expired"}, 403)]}
    destination = Destination()
    read(jobs.config(), "full_refresh", destination)
    assert destination.complete
    # The other file may be on its way under its old URL, and then it comes twice.
    assert {row["id"] for row in destination.durable} == {row["id"] for row in jobs.rows}
    jobs.faults = {(2, 0): [Answer({"error": "expired"}, 403)] * 2}
    came = read(jobs.config(), "full_refresh", Destination())
    assert "403" in errors(came)[0]


def test_a_job_is_deleted_once_it_is_read(api: Api) -> None:
    """Not before."""
    jobs = Jobs(api, days(4), 2)
    job = {"delete": {"http_method": "DELETE", "path": "reports/{{ creation_response.reportId }}"}}
    destination = Destination()
    read(jobs.config(job), "full_refresh", destination)
    assert destination.complete
    assert jobs.jobs[1].deleted
    assert [call.method for call in api.requests][-3:] == ["GET", "GET", "DELETE"]


def test_requests_by_the_url_in_a_header(api: Api) -> None:
    """The location of the job is only in a header of the creation."""
    jobs = Jobs(api, days(4))
    destination = Destination()
    job = {"poll": {"path": "{{ creation_response.headers['Location'] }}"}, "urls_path": "url"}
    read(jobs.config(job), "full_refresh", destination, 2)
    read(jobs.config(job), "full_refresh", destination)
    assert ids(destination.durable) == ids(jobs.rows)
    assert len(jobs.jobs) == 1


def test_the_result_is_paged_below_the_api(api: Api) -> None:
    """A download by the job's id, with pages of its own and a token in a header, as Salesforce has it."""
    jobs = Jobs(api, days(4))
    pages = [jobs.rows[start : start + 5] for start in range(0, 16, 5)]

    @api.get("/reports/{id}/results")
    def results(call: Call) -> Answer:
        number = int(call.arg("locator", "0"))
        following = str(number + 1) if number + 1 < len(pages) else "null"
        return Answer("".join(json.dumps(row) + "\n" for row in pages[number]), 200, {"Sforce-Locator": following})

    job = {"download": {"path": "reports/{{ creation_response.reportId }}/results"}, "urls_path": None}
    token = "headers['Sforce-Locator'] if headers['Sforce-Locator'] != 'null'"
    paging = {"pagination": {"type": "cursor", "cursor": token, "cursor_param": "locator"}}
    destination = Destination()
    read(jobs.config(job, paging), "full_refresh", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(jobs.rows)


def test_a_further_request_gives_the_url(api: Api) -> None:
    """As for reports of Amazon: the status gives the id of a document, and the document has the URL."""
    jobs = Jobs(api, days(4))

    @api.get("/documents/{name}")
    def document(_: Call) -> Row:
        return {"url": f"/files/1/0?sig={SECRET}-{jobs.jobs[1].polls}"}

    job = {"result": {"path": "documents/{{ polling_response.status }}"}, "urls_path": "url"}
    destination = Destination()
    read(jobs.config(job), "full_refresh", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(jobs.rows)


def test_the_http_status_may_be_the_status(api: Api) -> None:
    """202 until the result is ready."""
    jobs = Jobs(api, days(4))
    waiting = [202, 202, 200]

    @api.get("/ready/{id}")
    def ready(_: Call) -> Answer:
        return Answer(b"not JSON", waiting.pop(0))

    job = {
        "poll": {"path": "ready/{{ creation_response.reportId }}"},
        "status_path": None,
        "completed": 200,
        "running": 202,
        "urls_path": None,
        "download": {"path": f"files/1/0?sig={SECRET}-0"},
    }
    destination = Destination()
    read(jobs.config(job), "full_refresh", destination)
    assert destination.complete
    assert ids(destination.durable) == ids(jobs.rows)


def test_credentials_go_to_the_api_only(api: Api) -> None:
    """A file server gets the URL and nothing else, if the config allows it at all."""
    jobs = Jobs(api, days(2))
    with Api() as files:
        files.get("/f")(lambda _: json.dumps(jobs.rows[0]) + "\n")
        api.get("/reports/{id}")(lambda _: {"status": "DONE", "urls": [f"{files.url}/f?X-Amz-Signature={SECRET}"]})
        config = jobs.config() | {
            "authentication": {"type": "bearer", "token": "t0ken-t0ken"},
            "headers": {"X-Own": "1"},
            "params": {"v": "2"},
        }
        came = read(config, "full_refresh", Destination())
        assert f"The API leads to another origin, {files.url}" in errors(came)[0]
        assert files.requests == []
        destination = Destination()
        came = read(config | {"allowed_origins": [files.url]}, "full_refresh", destination)
        assert destination.complete, errors(came)
        [call] = files.requests
        assert call.headers["Authorization"] is None
        assert call.headers["X-Own"] is None
        assert SECRET not in json.dumps(came)


def test_check_creates_a_job_and_does_not_wait(api: Api) -> None:
    """It asks once for the status, and ends the job if the config says how."""
    jobs = Jobs(api, days(2))
    abort = {"http_method": "POST", "path": "reports/{{ creation_response.reportId }}/abort"}
    [line] = [
        json.loads(line)
        for block in Connector().session(jobs.config({"abort": abort})).check()
        for line in block.splitlines()
    ]
    assert line["connectionStatus"]["status"] == "SUCCEEDED"
    assert jobs.jobs[1].polls == 1
    assert jobs.jobs[1].aborted
    jobs.statuses = ["FATAL"]
    [line] = [json.loads(line) for block in Connector().session(jobs.config()).check() for line in block.splitlines()]
    assert "report 2 is fatal" in line["connectionStatus"]["message"]


def test_discover_waits_for_the_records(api: Api) -> None:
    """Without a `schema`, there is no other way to know them."""
    jobs = Jobs(api, days(2))
    session = Connector().session(jobs.config(endpoint={"schema": None}))
    [line] = [json.loads(line) for block in session.discover() for line in block.splitlines()]
    assert set(line["catalog"]["streams"][0]["json_schema"]["properties"]) == {"id", "day"}


@pytest.mark.parametrize("workers", [1, 4])
def test_a_parent_may_come_from_a_job(workers: int, api: Api) -> None:
    """Its child streams wait for it, even if only one request may run at a time and the stream itself is read too."""
    jobs = Jobs(api, days(2, 2), 2)
    api.get("/rows/{id}/parts")(lambda call: [{"part": call.path_params["id"]}])
    config = jobs.config() | {"max_concurrency": workers, "max_concurrent_jobs": 1}
    config["endpoints"].append({"name": "parts", "path": "rows/{{ rows.id }}/parts"})
    session = Connector().session(config)
    both = catalog(rows="full_refresh", parts="full_refresh")
    came = [json.loads(line) for block in session.read(both, {}) for line in block.splitlines()]
    records = [message["record"] for message in came if message["type"] == "RECORD"]
    assert ids([record["data"] for record in records if record["stream"] == "rows"]) == ids(jobs.rows)
    assert sorted(record["data"]["part"] for record in records if record["stream"] == "parts") == ids(jobs.rows)
    assert len(jobs.jobs) == 1


@pytest.mark.parametrize(
    ("job", "endpoint", "said"),
    [
        ({"urls_path": None}, {}, "set `urls_path`, where the URL of the result is, or `download`"),
        ({"failed": "DONE"}, {}, "`completed` and `failed` both have 'DONE'"),
        ({"poll": {"path": "{{ download_target }}"}}, {}, "`poll` reads `download_target`, which is not known"),
        ({}, {"params": {"id": "{{ creation_response.id }}"}}, "the request that creates the job reads"),
        ({}, {"further_request": {"path": "x"}}, "further_request: a report job has requests of its own"),
        ({"poll": {"path": "{{ creation_respons.id }}"}}, {}, "did you mean `creation_response`"),
    ],
)
def test_settings_that_do_not_fit(job: Row, endpoint: Row, said: str, api: Api) -> None:
    """They are errors of the config."""
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(Jobs(api, []).config(job, endpoint))


def test_a_response_without_id_is_quoted(api: Api) -> None:
    """The error shows what the API answered, at once."""
    jobs = Jobs(api, [])
    api.post("/reports")(lambda _: {"data": {"userErrors": ["a job is running already"]}})
    came = read(jobs.config(), "full_refresh", Destination())
    assert "a job is running already" in errors(came)[0]


def test_a_completed_job_without_url(api: Api) -> None:
    """It is an error, unless records may be missing."""
    jobs = Jobs(api, [], files=0)
    came = read(jobs.config({"urls_path": "url"}), "full_refresh", Destination())
    assert "does not find a URL" in errors(came)[0]
    destination = Destination()
    read(jobs.config({"urls_path": "url", "allow_missing_urls": True}), "full_refresh", destination)
    assert destination.complete


def test_a_job_that_runs_holds_nothing_up(api: Api) -> None:
    """With a single request at a time, another stream is read to its end while the API works on the job."""
    jobs = Jobs(api, days(2))
    pages = 30
    jobs.statuses = ["RUNNING"]

    @api.get("/pages")
    def listed(call: Call) -> Row:
        number = int(call.arg("page", "1"))
        if number == pages:
            jobs.statuses = ["DONE"]  # the job is ready only once the other stream has come to its end
        return {"items": [{"id": number}], "next": number + 1 if number < pages else None}

    config = jobs.config() | {"max_concurrency": 1}
    paging = {"type": "cursor", "cursor_path": "next", "cursor_param": "page"}
    config["endpoints"].append({"name": "pages", "path": "pages", "records_path": "items", "pagination": paging})
    session = Connector().session(config)
    both = catalog(rows="full_refresh", pages="full_refresh")
    came = [json.loads(line) for block in session.read(both, {}) for line in block.splitlines()]
    records = [message["record"] for message in came if message["type"] == "RECORD"]
    assert session.complete
    assert len([record for record in records if record["stream"] == "pages"]) == pages
    assert ids([record["data"] for record in records if record["stream"] == "rows"]) == ids(jobs.rows)


def test_a_process_that_is_killed_leaves_its_job_to_the_next(api: Api, tmp_path: Path) -> None:
    """SIGKILL while the API works: the next process asks for the job in the last STATE."""
    jobs = Jobs(api, days(2))
    jobs.statuses = ["RUNNING"]
    paths = {name: tmp_path / f"{name}.json" for name in ("config", "catalog", "state")}
    paths["config"].write_text(json.dumps(jobs.config()))
    paths["catalog"].write_text(json.dumps(catalog(rows="full_refresh")))
    command = [*PROGRAM, "read", "--config", str(paths["config"]), "--catalog", str(paths["catalog"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        [state] = islice((line for line in process.stdout if b'"type":"STATE"' in line), 1)
        process.kill()
    jobs.statuses = ["DONE"]
    paths["state"].write_text(json.dumps([json.loads(state)["state"]]))
    done = subprocess.run([*command, "--state", str(paths["state"])], capture_output=True, check=True)
    records = [message["record"] for line in done.stdout.splitlines() if "record" in (message := json.loads(line))]
    assert ids([record["data"] for record in records]) == ids(jobs.rows)
    assert len(jobs.jobs) == 1
