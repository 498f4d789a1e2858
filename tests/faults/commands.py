"""B: what the commands owe: statuses, exit codes, errors that tell whose turn it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults.case import configured, endpoint, rows
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.faults.case import Case

table = Table()


@table.row("B-01", "one stream fails with 503, another is good", "the good COMPLETE; exit 1; nothing says config_error")
def _(case: Case) -> None:
    case.serve(rows(20), name="good")
    case.answer("bad", Answer("", 503))
    done = case.read(endpoint("bad"), endpoint("good"))
    assert done.statuses("good")[-1] == "COMPLETE"
    case.failed(done, "transient_error", stream="bad")
    assert {error.get("failure_type") for error in done.errors} == {"transient_error"}


@table.row("B-02", "the catalog has a stream that the config has not", "INCOMPLETE with an error, exit 1; others go on")
def _(case: Case) -> None:
    case.serve(rows(5))
    config = case.config()
    catalog = configured(case.config(endpoint("unknown"), endpoint()))
    done = case.read(catalog=catalog, **{k: v for k, v in config.items() if k != "endpoints"})
    assert done.statuses("rows")[-1] == "COMPLETE"
    case.failed(done, "config_error", "unknown", stream="unknown")


@table.row(
    "B-03",
    "configs that are not JSON, missing, have a secret of a wrong type",
    "config_error, no traceback, no value shown",
)
def _(case: Case) -> None:
    case.serve(rows(5))
    catalog = configured(case.config())
    wrong = case.subject.config(case.config(authentication={"type": "bearer", "token": {"hidden": "the-hidden-value"}}))
    files: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"config": '{"url_base": ', "catalog": catalog}, ()),
        ({"catalog": catalog}, ("--config", str(case.folder / "missing.json"))),
        ({"config": wrong, "catalog": catalog}, ()),
    ]
    for given, options in files:
        done = case.command("read", *options, **given)
        assert done.code == 1
        assert [error.get("failure_type") for error in done.errors] == ["config_error"]
        assert b"Traceback" not in done.stderr
        assert b"the-hidden-value" not in done.stdout + done.stderr
    [status] = case.command("check", config=wrong).bodies("CONNECTION_STATUS")
    assert status["status"] == "FAILED"


@table.row("B-04", "`--debug`, and `LOG_LEVEL=debug`", "protocol messages only")
def _(case: Case) -> None:
    case.serve(rows(5))
    config = case.config()
    files = {"config": case.subject.config(config), "catalog": configured(config)}
    assert case.command("read", "--debug", **files).code == 0
    case.complete(case.read(env={"LOG_LEVEL": "debug"}))


@table.row("B-06", "a full refresh, twice, of a table that stands still", "the same records")
def _(case: Case) -> None:
    case.serve(rows(23))
    first, second = case.read(), case.read()
    case.complete(first)
    case.complete(second)
    assert sorted(map(str, first.data("rows"))) == sorted(map(str, second.data("rows")))


@table.row("B-07", "`check` when one of three streams is forbidden", "FAILED, which names the stream")
def _(case: Case) -> None:
    for name in ("one", "two"):
        case.serve(rows(5), name=name)
    case.answer("three", Answer({"error": "forbidden"}, 403))
    done = case.run("check", *map(endpoint, ("one", "two", "three")))
    [status] = done.bodies("CONNECTION_STATUS")
    assert (done.code, status["status"]) == (0, "FAILED")
    assert "three" in status["message"]
