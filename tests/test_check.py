"""`check` tries each endpoint, and says what it tried and saw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from source_rest_api import Connector
from source_rest_api.errors import InternalError
from tests.api import Answer, Api

pytestmark = pytest.mark.usefixtures("no_proxy")


def check(api: Api, *endpoints: dict[str, Any], **config: Any) -> tuple[str, str]:
    """Check a config; status and message, without the number of requests."""
    raw = {"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": list(endpoints), **config}
    before = len(api.requests)
    [block] = Connector().session(raw).check()
    status = json.loads(block)["connectionStatus"]
    message, _, sent = status["message"].rpartition("\n")
    count = len(api.requests) - before
    assert sent == f"{count} request{'s' * (count != 1)} sent."
    return status["status"], message


ITEMS = {"name": "items", "path": "items"}
REPOS = {"name": "repos", "path": "repos"}
CHILD = {"name": "items", "path": "repos/{{ repos.name }}/items"}
PAGES = {"type": "page_number"}


def test_it_says_what_it_saw(api: Api) -> None:
    """Success names each endpoint, its records, and whether there is more."""
    api.get("/items")(lambda _: [{"id": 1}, {"id": 2}])
    api.get("/repos")(lambda call: [{"name": f"repo {call.arg('page')}"}])
    seen = check(api, ITEMS, {**REPOS, "pagination": PAGES})
    expected = "items: 2 records on the first page, no more (one page); repos: 1 record on the first page, more pages"
    assert seen == ("SUCCEEDED", expected)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer([{"id": 1}]), "SUCCEEDED: items: 2 records"),
        (
            Answer([{"name": "a"}]),
            "FAILED: `deletions`, Stream items, GET {url}/keys, page 1: The sweep found rows without a `primary_key`",
        ),
        (Answer(status=404), "FAILED: `deletions`, Stream items, page 1, GET {url}/keys: "),
    ],
)
def test_the_sweep_for_deleted_rows_is_tried(answer: Answer, told: str, api: Api) -> None:
    """`check` reports errors in the sweep's request, so nobody waits a day for a warning."""
    api.get("/items")(lambda _: [{"id": 1, "at": "2024-01-01"}, {"id": 2, "at": "2024-01-01"}])
    api.get("/keys")(lambda _: answer)
    option = {"primary_key": "id", "incremental": {"cursor_field": "at"}, "deletions": {"every": "P1D", "path": "keys"}}
    seen = ": ".join(check(api, {**ITEMS, **option}))
    assert seen.startswith(told.format(url=api.url))


def test_two_pages_of_each_endpoint_are_requested(api: Api) -> None:
    """A check is quick, however long the stream is: one page proves nothing of paging, and a third no more."""
    api.get("/items")(lambda call: [{"id": call.number}])
    check(api, {**ITEMS, "pagination": PAGES})
    assert len(api.requests) == 2


def test_a_key_that_a_transformation_makes_repeats_no_page(api: Api) -> None:
    """Rows as the API sends them lack the key `id`: that does not make their pages alike."""
    api.get("/items")(lambda call: [{"node": {"id": 2 * call.number + n}} for n in range(2)])
    status, _ = check(api, {**ITEMS, "pagination": PAGES, "unwrap": "node", "primary_key": "id"})
    assert status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({"message": "bad key"}, 401), "The request carried no credentials of `authentication`: set it"),
        (Answer("forbidden", 403), "lack permission"),
        (Answer("not here", 404), "Check `url_base` and the endpoint's `path`"),
        (Answer("<html><form>login</form>", headers={"Content-Type": "text/html"}), "HTML login page"),
        (Answer("<html>hello", headers={"Content-Type": "text/html"}), "HTML page instead of JSON"),
        (Answer({"error": "expired"}), "returned an error in a response with a success status"),
        (Answer({"rows": [{"a": 1}], "users": [{"b": 1}]}), "Set `records_path`"),
        (Answer({"data": [{"id": 1}], "next": "/items?page=2"}), "next_url_path: next"),
        (Answer(""), "empty body"),
        (Answer("down", 500), "HTTP 500"),
        (Answer(reset=True), "cannot be reached"),
    ],
    ids=repr,
)
def test_what_is_wrong_is_said_with_what_to_do(api: Api, answer: Answer, told: str) -> None:
    """The status is FAILED, with the stream, the URL, what was found and which setting to change."""
    api.get("/items")(lambda _: answer)
    status, message = check(api, ITEMS)
    assert status == "FAILED"
    assert message.startswith("Stream items, ")
    assert f"GET {api.url}/items" in message
    assert told in message


def test_every_problem_is_reported(api: Api) -> None:
    """A good endpoint does not hide a bad one, nor one bad endpoint another."""
    api.get("/items")(lambda _: [])
    status, message = check(api, ITEMS, {"name": "a", "path": "a"}, {"name": "b", "path": "b"})
    assert status == "FAILED"
    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "Stream a, page 1, GET http",
        "Stream b, page 1, GET http",
    ]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"primary_key": "uid"}, "`primary_key` names `uid`"),
        ({"primary_key": ["id", "meta.no"]}, "`primary_key` names `meta.no`"),
        ({"incremental": {"cursor_field": "updated"}}, "`incremental.cursor_field` names `updated`"),
    ],
)
def test_fields_that_records_do_not_have_are_typos(api: Api, setting: dict[str, Any], told: str) -> None:
    """Keys and cursors are looked for in the records of the first page, whose fields the message lists."""
    api.get("/items")(lambda _: [{"id": 1, "meta": {"at": "2024-01-01"}}])
    status, message = check(api, {**ITEMS, **setting})
    assert (status, told in message, "have the fields id, meta." in message) == ("FAILED", True, True)
    good: dict[str, Any] = {"primary_key": ["id"], "incremental": {"cursor_field": "meta.at"}}
    assert check(api, {**ITEMS, **good})[0] == "SUCCEEDED"


def test_null_is_a_value(api: Api) -> None:
    """A cursor that is null in the first record is no typo."""
    api.get("/items")(lambda _: [{"at": None}])
    assert check(api, {**ITEMS, "incremental": {"cursor_field": "at"}})[0] == "SUCCEEDED"


def test_a_child_is_tried_for_one_parent(api: Api) -> None:
    """It is checked with the first record of the parent."""
    api.get("/repos")(lambda _: [{"name": "a"}, {"name": "b"}])
    api.get("/repos/{name}/items")(lambda _: [{"id": 1}])
    status, message = check(api, REPOS, CHILD)
    assert (status, message.split("; ")[1]) == ("SUCCEEDED", "items: 1 record on the first page, no more (one page)")
    assert sorted(call.path for call in api.requests) == ["/repos", "/repos", "/repos/a/items"]


def test_a_child_without_parents_is_said_not_to_be_tried(api: Api) -> None:
    """No records of the parent: nothing is wrong, and nothing is claimed."""
    api.get("/repos")(lambda _: [])
    assert check(api, REPOS, CHILD)[1].endswith(
        "items: not tested, because its parent has no records or its `partitions` has no values"
    )


@pytest.mark.parametrize(
    ("copies", "told"),
    [
        ({"repo": "nmae"}, "`include_from_parent.repo` names `nmae`"),
        ({"id": "name"}, "would overwrite the record's own field `id`"),
    ],
)
def test_copies_from_the_parent_are_looked_at(api: Api, copies: dict[str, str], told: str) -> None:
    """A misspelt field of the parent, or a name that is taken, is found before the first sync."""
    api.get("/repos")(lambda _: [{"name": "a"}])
    api.get("/repos/{name}/items")(lambda _: [{"id": 1}])
    status, message = check(api, REPOS, {**CHILD, "include_from_parent": copies})
    assert (status, told in message) == ("FAILED", True)


def test_a_copy_may_be_a_key(api: Api) -> None:
    """A child's key is often its parent's name and its own number."""
    api.get("/repos")(lambda _: [{"name": "a"}])
    api.get("/repos/{name}/items")(lambda _: [{"id": 1}])
    child = {**CHILD, "include_from_parent": {"repo": "name"}, "primary_key": ["repo", "id"]}
    assert check(api, REPOS, child)[0] == "SUCCEEDED"


def test_secrets_are_not_told(api: Api) -> None:
    """An API that answers with the key that it was given does not get it into the message."""
    api.get("/items")(lambda call: Answer({"you": call.headers["X-Api-Key"]}, 403))
    status, message = check(api, ITEMS, authentication={"type": "api_key", "api_key": "k3ykey99"})
    assert (status, "k3ykey99" in message, "****" in message) == ("FAILED", False, True)


def test_a_bug_is_not_called_a_failed_check(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that the user cannot solve is raised, to be reported."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    api.get("/items")(lambda _: [])
    monkeypatch.setattr("source_rest_api.streams.endpoint_reader.EndpointReader.following", broken)
    with pytest.raises(InternalError, match="Unexpected ZeroDivisionError"):
        check(api, ITEMS)


@pytest.mark.parametrize(("attempts", "sent"), [(1, 1), (5, 2)])
def test_patience_is_short_but_no_longer_than_the_users(api: Api, attempts: int, sent: int) -> None:
    """Somebody waits at a screen: two attempts at most, and one if the config says so."""
    api.get("/items")(lambda _: Answer(status=500))
    check(api, ITEMS, retry={"max_attempts": attempts})
    assert len(api.requests) == sent


@pytest.mark.parametrize(
    ("name", "outcome", "told"),
    [
        (
            "nme",
            "FAILED",
            "Stream items: No record of `repos` has the field `nme`, which a template reads, did you mean",
        ),
        (
            "note",
            "SUCCEEDED",
            "Warning: Stream items needs a record with a value in each field of its path. The first 10",
        ),
    ],
)
def test_the_pages_of_a_parent_are_bounded(name: str, outcome: str, told: str, api: Api) -> None:
    """A name that ten pages lack is a mistake. Where they are null, a later page may have a value."""
    api.get("/repos")(lambda call: [{"id": int(call.arg("page")), "name": "a", "note": None}])
    child = {"name": "items", "path": f"repos/{{{{ repos.{name} }}}}/items"}
    status, message = check(api, {**REPOS, "pagination": PAGES}, child)
    assert status == outcome
    assert message.splitlines()[-1].startswith(told)
    assert len(api.requests) == 2 + 11


def test_a_parent_within_the_bound_is_an_error(api: Api) -> None:
    """All of its records were seen, so a sync would fail too."""
    api.get("/repos")(lambda _: [{"id": 1, "name": "a"}])
    status, message = check(api, REPOS, {"name": "items", "path": "repos/{{ repos.nme }}/items"})
    assert (status, "did you mean `name`?" in message) == ("FAILED", True)


def test_the_error_of_a_parent_is_told_once(api: Api) -> None:
    """Its children cannot be read either, for the same reason."""
    api.get("/repos")(lambda _: Answer(status=404))
    others = [{**CHILD, "name": f"items{n}"} for n in range(3)]
    status, message = check(api, REPOS, *others)
    assert (status, len(message.splitlines())) == ("FAILED", 1)
    assert message.startswith("Stream repos, ")
