"""Airbyte's form, filled by clicks: what it sends without being asked changes nothing.

The form selects the first branch of each union and sends an empty object for each group and every default. Nobody can
unselect them.
"""

from __future__ import annotations

import json
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import jsonschema
import pytest

from source_rest_api import Connector
from source_rest_api.config import loading
from source_rest_api.errors import ConfigError, SourceError
from source_rest_api.protocol import spec
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxy")
FORM = Connector().specification()["connectionSpecification"]
ENDPOINT = FORM["properties"]["endpoints"]["items"]
ZIP = next(each for each in ENDPOINT["properties"]["decoder"]["oneOf"] if each["properties"]["type"]["const"] == "zip")
ROWS = [{"id": n, "at": f"2024-01-0{n}T00:00:00Z", "tags": [{"t": n}], "o": {"a": n}} for n in range(1, 4)]


def sent(schema: dict[str, Any], *, defaults: bool = True, arrays: bool = False) -> dict[str, Any]:
    """What the form sends for an object that nobody touched, with or without its defaults and empty arrays."""
    found: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        if "const" in field:
            found[name] = field["const"]
        elif "oneOf" in field:
            found[name] = sent(field["oneOf"][0], defaults=defaults, arrays=arrays)
        elif "properties" in field:
            found[name] = sent(field, defaults=defaults, arrays=arrays)
        elif field["type"] == "array":
            found |= {name: []} if arrays else {}
        elif "default" in field and defaults:
            found[name] = field["default"]
    return found


def added(url: str = "http://h", **sends: bool) -> dict[str, Any]:
    """*Add* an endpoint, type its name and path, *Save*."""
    endpoint = sent(ENDPOINT, **sends) | {"name": "rows", "path": "rows"}
    return sent(FORM, **sends) | {"url_base": url, "endpoints": [endpoint]}


def written(url: str = "http://h") -> dict[str, Any]:
    """The file of two lines."""
    return {"url_base": url, "endpoints": [{"name": "rows", "path": "rows"}]}


def loaded(config: dict[str, Any]) -> Any:
    """The config as the connector takes it, or its errors."""
    try:
        return loading.load(config).model_dump(mode="python")
    except ConfigError as error:
        return error.message


@pytest.mark.parametrize(("defaults", "arrays"), list(product((True, False), repeat=2)))
def test_add_name_path_save_is_the_file_of_two_lines(defaults: bool, arrays: bool) -> None:
    """Nothing is on by default, and nothing depends on what was sent or left out."""
    form = added(defaults=defaults, arrays=arrays)
    jsonschema.validate(form, FORM)
    assert loaded(form) == loaded(written())
    assert not isinstance(loaded(form), str)


REQUIRED: dict[str, Any] = {
    "token": "t0ken-t0ken",
    "api_key": "k3y-k3y-k3y",
    "username": "ann",
    "password": "passw0rd",
    "client_id": "id",
    "client_secret": "s3cret-s3cret",
    "algorithm": "HS256",
    "key": "a-long-signing-key-a-long-signing-key",
    "access_key_id": "AKIA",
    "secret_access_key": "s3cret-access",
    "region": "eu-west-1",
    "service": "execute-api",
    "value": '{"a": 1}',
    "text": "select",
    "query": "{ rows }",
    "cursor_field": "at",
    "field": "id",
    "param": "after",
}
"""What a person types into the fields that a branch requires."""
NEEDED: dict[str, dict[str, Any]] = {
    "oauth2": {"client_secret": "s3cret-s3cret", "grant_type": "client_credentials"},
    "login": {"token_path": "access_token"},
    "cursor": {"cursor_path": "next"},
    "next_url": {"next_url_path": "next"},
    "token": {"token_path": "next", "start_param": "since"},
}
"""What a branch needs besides; the form cannot require one field of several."""


def branches() -> Iterator[Any]:
    """Every branch of every union."""
    for holder, place in ((FORM, ()), (ENDPOINT, ("endpoints", 0))):
        for name, field in holder["properties"].items():
            for branch in field.get("oneOf", ()):
                kind = branch["properties"]["type"]["const"]
                yield pytest.param((*place, name), branch, id=".".join(map(str, (*place, name, kind))))


def nested(schema: dict[str, Any], place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every branch of every union below an endpoint's own fields: in a group, or in a branch of another union.

    Where a place leads through a union, a type of it follows the name: `decoder`, `zip`, `decoder`.
    """
    for name, field in schema["properties"].items():
        for branch in field.get("oneOf", ()):
            kind = branch["properties"]["type"]["const"]
            if len(place) > 0:
                yield (*place, name), branch
            yield from nested(branch, (*place, name, kind))
        if "properties" in field:
            yield from nested(field, (*place, name))


NESTED = [
    pytest.param(place, branch, id=".".join((*place, branch["properties"]["type"]["const"])))
    for place, branch in nested(ENDPOINT, ())
]
JOB = {"poll": {"path": "poll"}, "completed": ["done"], "urls_path": "url"}
"""What a job needs besides the request with the body."""


def at(config: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a place of a config."""
    for key in path:
        config = config[key]
    return config


def filled(api: Api, path: tuple[str | int, ...], branch: dict[str, Any]) -> list[dict[str, Any]]:
    """The form, and the file that says the same: a branch is chosen and filled with just what it needs."""
    kind = branch["properties"]["type"]["const"]
    typed = {name: REQUIRED.get(name, f"{api.url}/token") for name in branch["required"] if name != "type"}
    typed |= NEEDED.get(kind, {}) if len(path) == 1 or path[-1] != "body" else {}
    form, file = added(api.url), written(api.url)
    for config in (form, file):
        config["retry"] = {**config.get("retry", {}), "max_attempts": 1}  # an error says how long retries took
    at(form, path[:-1])[path[-1]] = sent(branch) | typed
    at(file, path[:-1])[path[-1]] = {"type": kind, **typed}
    if path[-1] == "body":
        for config in (form, file):
            config["endpoints"][0]["http_method"] = "POST"
    return [form, file]


def serve(api: Api) -> None:
    """Rows to whoever asks, and a token."""

    def rows(call: Call) -> Any:
        first = all(call.arg(name, "1") in {"", "0", "1"} for name in ("page", "offset", "cursor", "after"))
        return {"rows": ROWS if first else [], "next": None}

    api.get("/rows")(rows)
    api.post("/rows")(rows)
    api.post("/token")(lambda _: {"access_token": "t", "token_type": "bearer", "expires_in": 3600})


def outcome(config: dict[str, Any]) -> list[Any]:
    """What `check` and `discover` say."""
    status = [json.loads(block) for block in Connector().session(config).check()]
    try:
        return [*status, *map(json.loads, Connector().session(config).discover())]
    except SourceError as error:
        return [*status, error.message]


@pytest.mark.parametrize(("path", "branch"), list(branches()))
def test_a_branch_filled_with_what_it_requires_is_the_file(
    path: tuple[str | int, ...], branch: dict[str, Any], api: Api
) -> None:
    """Each branch of each union, in the form and in a file: the same config, the same answers."""
    serve(api)
    form, file = filled(api, path, branch)
    jsonschema.validate(form, FORM)
    assert loaded(form) == loaded(file)
    assert not isinstance(loaded(form), str), loaded(form)
    assert outcome(form) == outcome(file)


@pytest.mark.parametrize("group", ["retry", "limits", "tls"])
def test_an_empty_group_is_unset(group: str) -> None:
    """As if it had been left out."""
    assert loaded({**written(), group: {}}) == loaded(written())


@pytest.mark.parametrize("name", ["explode", "deletions", "flatten", "body", "pagination", "incremental"])
def test_an_empty_group_of_an_endpoint_is_unset(name: str) -> None:
    """As if it had been left out."""
    config = written()
    config["endpoints"][0][name] = {}
    assert loaded(config) == loaded(written())


def test_a_branch_that_is_none_has_no_fields() -> None:
    """A contradiction is no way to switch something off."""
    config = written()
    config["endpoints"][0]["incremental"] = {"type": "none", "cursor_field": "at"}
    assert "endpoints[0].incremental: `type: none` has no other fields" in loaded(config)


def test_a_cookie_of_a_login_goes_into_the_cookie(api: Api) -> None:
    """Also where the form sends the place of a token, whose defaults nobody touched."""
    api.get("/rows")(lambda _: ROWS)
    branches = {kind["properties"]["type"]["const"]: kind for kind in FORM["properties"]["authentication"]["oneOf"]}
    typed = {"login_url": f"{api.url}/login", "password": "passw0rd", "token_cookie": "sid"}
    api.post("/login")(lambda _: Answer({}, headers={"Set-Cookie": "sid=c00kie; Path=/"}))
    for config in (added(api.url), written(api.url)):
        form = sent(branches["login"]) if len(config) > 2 else {"type": "login"}
        json.loads(next(Connector().session({**config, "authentication": form | typed}).check()))
        request = api.requests[-1]
        assert (request.headers["Cookie"], request.headers["Authorization"]) == ("sid=c00kie", None)


def test_people_see_first_what_they_need_first() -> None:
    """Required fields, then those of nearly every endpoint; the rest is folded."""
    fields = ENDPOINT["properties"]
    shown = [name for name, field in fields.items() if field.get("always_show")]
    assert list(fields)[: 2 + len(shown)] == ["name", "path", *shown]
    assert shown == ["primary_key", "records_path", "params", "headers", "pagination", "incremental"]


def test_descriptions_speak_of_the_form() -> None:
    """How a file would spell it stands in docs/configuration.md."""
    text = json.dumps(FORM)
    assert "In a file" not in text
    assert "In a config file" not in text
    assert FORM["properties"]["endpoints_yaml"]["examples"]
    example = {"url_base": "http://h", "endpoints_yaml": FORM["properties"]["endpoints_yaml"]["examples"][0]}
    assert not isinstance(loaded(example), str)


def with_nested(place: tuple[str, ...], branch: dict[str, Any], *, form: bool) -> dict[str, Any]:
    """The form, or the file that says the same, with a branch of a nested union, filled with what it requires."""
    kind = branch["properties"]["type"]["const"]
    config = added() if form else written()
    holder: Any = config["endpoints"][0]
    schema: Any = ENDPOINT
    keys = list(place[:-1])
    if keys[0] == "job":
        _set(holder, "job", JOB)
    while keys:
        schema = schema["properties"][keys[0]]
        holder = holder.setdefault(keys.pop(0), {})
        if "oneOf" in schema:
            chosen = keys.pop(0)
            schema = next(each for each in schema["oneOf"] if each["properties"]["type"]["const"] == chosen)
            holder.clear()
            holder |= sent(schema) if form else {"type": chosen}
    typed = {name: REQUIRED[name] for name in branch["required"] if name != "type"}
    holder[place[-1]] = {**(sent(branch) if form else {"type": kind}), **typed}
    if place[-1] == "body":
        holder |= {"http_method": "POST", "path": "other"}
    return config


def _set(holder: dict[str, Any], name: str, value: dict[str, Any]) -> None:
    """Types values into the fields of a group, and of groups in it."""
    inner = holder.setdefault(name, {})
    for key, each in value.items():
        if isinstance(each, dict):
            _set(inner, key, each)
        else:
            inner[key] = each


def test_there_are_nested_unions() -> None:
    """A decoder in a zip file, and the body of each further request."""
    places = {".".join(case.values[0]) for case in NESTED}  # type: ignore[arg-type]
    assert {"decoder.zip.decoder", "further_request.body", "job.poll.body", "job.delete.body"} <= places


@pytest.mark.parametrize(("place", "branch"), NESTED)
def test_a_branch_of_a_nested_union_is_the_file(place: tuple[str, ...], branch: dict[str, Any]) -> None:
    """What the form sends for the unions around it, and for those in it, changes nothing."""
    form, file = (with_nested(place, branch, form=form) for form in (True, False))
    jsonschema.validate(form, FORM)
    assert loaded(form) == loaded(file)
    assert not isinstance(loaded(form), str), loaded(form)


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "xml"])
def test_a_zip_file_from_the_form(kind: str, api: Api) -> None:
    """The decoder of the files in it is chosen in a union in a union."""
    text = {
        "json": b'[{"id": "1"}]',
        "jsonl": b'{"id": "1"}',
        "csv": b"id\n1\n",
        "xml": b"<rows><row id='1'/><row id='2'/></rows>",
    }
    packed = BytesIO()
    with ZipFile(packed, "w") as file:
        file.writestr(f"rows.{kind}", text[kind])
    api.get("/rows")(lambda _: Answer(packed.getvalue()))
    decoders = {each["properties"]["type"]["const"]: each for each in ZIP["properties"]["decoder"]["oneOf"]}
    form, file_config = added(api.url), written(api.url)
    for config in (form, file_config) if kind == "xml" else ():
        config["endpoints"][0]["records_path"] = "rows.row"
    form["endpoints"][0]["decoder"] = sent(ZIP) | {"decoder": sent(decoders[kind])}
    file_config["endpoints"][0]["decoder"] = {"type": "zip", "decoder": {"type": kind}}
    assert outcome(form) == outcome(file_config)
    status = outcome(form)[0]["connectionStatus"]
    assert status["status"] == "SUCCEEDED", status


SHOWN = {
    "api_key": ["api_key", "name", "in"],
    "basic": ["username", "password"],
    "oauth2": ["token_url", "client_id", "grant_type", "client_secret", "refresh_token", "scopes"],
    "login": ["login_url", "password", "username", "token_path"],
    "page_number": ["page_param", "page_size_param", "page_size"],
    "offset": ["offset_param", "limit_param", "limit"],
    "cursor": ["cursor_path", "cursor_param", "page_size_param", "page_size"],
    "next_url": ["next_url_path"],
    "datetime": ["cursor_field", "start_param", "format", "record_format"],
    "token": ["token_path", "start_param"],
    "form": ["fields"],
}
"""What a branch shows before anything is unfolded, in this order."""


@pytest.mark.parametrize("kind", SHOWN)
def test_a_branch_shows_what_it_needs(kind: str) -> None:
    """Most branches require nothing that their type does not default, and yet do not work without some fields."""
    unions = [*FORM["properties"].values(), *ENDPOINT["properties"].values()]
    [branch, *_] = [
        branch for union in unions for branch in union.get("oneOf", ()) if branch["properties"]["type"]["const"] == kind
    ]
    by_order = sorted(branch["properties"].items(), key=lambda item: int(item[1]["order"]))
    first = [name for name, field in by_order if name in branch["required"] or field.get("always_show")]
    assert first == ["type", *SHOWN[kind]]
    assert [name for name, _ in by_order][: len(first)] == first


def test_a_group_shows_what_it_needs() -> None:
    """The fields that the model requires; the form cannot require them, because the group may be unset."""
    fields = ENDPOINT["properties"]
    shown = {
        name: [key for key, field in fields[name]["properties"].items() if field.get("always_show")]
        for name in ("explode", "field_groups", "job")
    }
    assert shown == {"explode": ["path"], "field_groups": ["param", "groups"], "job": ["poll", "completed"]}


def test_every_name_shown_first_is_a_field() -> None:
    """A renamed field would be folded without a word."""
    text = json.dumps(FORM)
    named = {name for names in spec._FIRST_OF_BRANCH.values() for name in names}
    assert {name for name in named if f'"{name}": {{' not in text} == set()
