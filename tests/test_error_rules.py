"""Error rules: the first match wins, with conditions on status, body and headers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.errors import ConfigError, InternalError, TransientError
from source_rest_api.http.error_rules import ErrorRule
from source_rest_api.http.response import Response
from source_rest_api.http.rule_input import RuleInput
from tests.api import Answer, Api
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Call

pytestmark = pytest.mark.usefixtures("no_proxy")

LIMITED = {"ok": False, "error": "ratelimited"}


def read(api: Api, *rules: dict[str, Any], attempts: int = 3, **endpoint: Any) -> Reading:
    """Read `/items` by these rules."""
    retry = {"max_attempts": attempts, "max_seconds": 20, "rate_limit_seconds": 20}
    return Reading(api.url, {"errors": list(rules), **endpoint}, retry=retry)


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"status": 404}, Answer({}, 404)),
        ({"status": ["4xx"]}, Answer({}, 451)),
        ({"status": [403, 404], "body_contains": "no access"}, Answer({"message": "no access"}, 403)),
        ({"path": "error.code", "values": [17]}, Answer({"error": {"code": 17}}, 400)),
        ({"path": "errors.*.code", "values": "gone"}, Answer({"errors": [{"code": "x"}, {"code": "gone"}]}, 422)),
        ({"path": "ok", "values": False}, Answer({"ok": False})),
        ({"path": "error"}, Answer({"error": "nothing here"})),
        ({"header": "X-Empty"}, Answer({}, 410, {"X-Empty": "1"})),
        ({"header": "X-Empty", "header_values": [1]}, Answer({}, 410, {"X-Empty": "1"})),
    ],
    ids=str,
)
def test_an_ignored_error_is_a_page_without_records(
    api: Api, rule: dict[str, Any], answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once and counted; a response that matches no rule fails as usual."""
    api.get("/items")(lambda _: answer)
    with caplog.at_level(logging.WARNING):
        reading = read(api, {**rule, "action": "ignore"})
    assert (reading.error, reading.records, reading.stream.stats["ignored"]) == (None, [], 1)
    assert caplog.text.count("a page without records") == 1
    api.get("/items")(lambda _: Answer({"message": "other"}, 501))
    assert isinstance(read(api, {**rule, "action": "ignore"}, attempts=1).error, TransientError)


def test_a_child_that_is_gone_is_ignored_and_the_others_are_read(api: Api) -> None:
    """Each missing one is counted; one log line tells the first."""
    api.get("/repos")(lambda _: [{"name": name} for name in "abcd"])
    gone = Answer({"message": "Not Found"}, 404)
    api.get("/repos/{name}/items")(lambda c: gone if c.path_params["name"] in "bc" else [{"of": c.path_params["name"]}])
    child = {"path": "repos/{{ repos.name }}/items", "errors": [{"status": 404, "action": "ignore"}]}
    reading = Reading(api.url, {"name": "repos", "path": "repos"}, child)
    assert (reading.error, reading.records) == (None, [{"of": "a"}, {"of": "d"}])
    assert reading.stream.stats["ignored"] == 2
    assert "2 responses ignored by an error rule" in reading.stream.stats.summary(0)


@pytest.mark.parametrize(
    "wait",
    [
        {},
        {"wait_header": "X-Wait"},
        {"wait_path": "retry_in"},
        {"wait_expression": "response.retry_in * 60"},
        {"wait_expression": "headers['x-wait'] | regex_search('[0-9]+')"},
        {"wait_expression": "response.absent", "wait_seconds": 0.01},
        {"wait_seconds": 0.01},
    ],
)
@pytest.mark.parametrize("action", ["retry", "rate_limited"])
def test_a_success_that_is_an_error_is_asked_again(api: Api, action: str, wait: dict[str, Any]) -> None:
    """Slack says `ok: false` with status 200; POST or not, the rule says that it may be sent again."""

    @api.get("/items")
    def items(call: Call) -> Any:
        again = Answer({**LIMITED, "retry_in": 0}, headers={"X-Wait": "0"})
        return {"ok": True, "items": [{"id": 1}]} if call.number else again

    rule = {"path": "error", "values": "ratelimited", "action": action, **wait}
    reading = read(api, rule, records_path="items")
    assert (reading.error, reading.records, len(api.requests)) == (None, [{"id": 1}], 2)


def test_an_expression_gives_the_time_to_wait() -> None:
    """Of the body or of a header, as a number or a text."""
    response = Response(429, {"X-Wait": "in 7 s"}, b'{"minutes": 2}', "https://a.example")
    for expression, seconds in (("response.minutes * 60", 120), ("headers['x-wait'] | regex_search('[0-9]+')", 7)):
        rule = ErrorRule.model_validate({"status": 429, "action": "retry", "wait_expression": expression})
        assert rule.wait(RuleInput(response)) == seconds


@pytest.mark.parametrize(
    ("failure_type", "kind"),
    [("config", ConfigError), ("transient", TransientError), ("system", InternalError), (None, ConfigError)],
)
def test_a_failure_has_the_words_and_type_of_its_rule(api: Api, failure_type: str | None, kind: type) -> None:
    """The template reads the answer; the first rule that fits decides."""
    api.get("/items")(lambda _: Answer({"error": {"text": "plan too small"}}, 402))
    rule = {
        "status": 402,
        "message": "Your plan: {{ response.error.text }} ({{ status }}).",
        "failure_type": failure_type,
    }
    reading = read(api, rule, {"status": 402, "action": "ignore"})
    assert type(reading.error) is kind
    assert "Your plan: plan too small (402)." in str(reading.error)


def test_a_stop_takes_the_page_and_asks_for_no_further(api: Api) -> None:
    """An API that marks its last page by an error in a success."""
    pages = [{"data": [{"id": 1}]}, {"data": [{"id": 2}], "warning": "end reached"}]
    api.get("/items")(lambda call: pages[int(call.arg("page")) - 1])
    stop = {"path": "warning", "values": "end reached", "action": "stop"}
    reading = read(api, stop, pagination={"type": "page_number"}, records_path="data")
    assert (reading.error, reading.records) == (None, [{"id": 1}, {"id": 2}])


def test_an_error_key_that_is_none_is_accepted(api: Api) -> None:
    """Some APIs return `errors: [...]` with the records."""
    api.get("/items")(lambda _: {"items": [{"id": 1}], "errors": ["deprecated"]})
    assert isinstance(read(api, records_path="items").error, ConfigError)
    reading = read(api, {"path": "errors", "action": "accept"}, records_path="items")
    assert (reading.error, reading.records) == (None, [{"id": 1}])


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"action": "ignore"}, "has no condition"),
        ({"status": "40x"}, "such as 404"),
        ({"status": 404, "values": ["x"]}, "`values` requires `path`"),
        ({"status": 404, "wait_seconds": 5}, "require `action: retry`"),
        ({"status": 404, "action": "ignor"}, "action"),
        ({"status": 404, "message": "{{ config.x }}"}, "use `response` or `status`"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rule: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=said):
        loading.load({"url_base": "https://h", "errors": [rule], "endpoints": [{"name": "a", "path": "a"}]})
