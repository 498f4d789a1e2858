"""The form keeps to the rules of Airbyte's web app, and what it gives is a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.test.standard_tests._spec_lint import find_secret_marking_errors

from source_rest_api.config import loading
from source_rest_api.config.config import Config
from source_rest_api.connector import Connector
from source_rest_api.http.request_body import JsonBody
from source_rest_api.model import Model, Secret
from source_rest_api.protocol import messages
from source_rest_api.protocol.spec import GROUPS, LAST_GROUP, specification

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = Connector().specification()
FORM = SPEC["connectionSpecification"]
GOLDEN = Path(__file__).parent.parent / "integration_tests/spec.json"


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a form, with its place."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from schemas(field, f"{path}.{name}")
    for branch in schema.get("oneOf", []):
        yield from schemas(branch, f"{path}<{branch['title']}>")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


ALL = dict(schemas(FORM))
OBJECTS = {path: schema for path, schema in ALL.items() if "properties" in schema}
UNIONS = {path: schema for path, schema in ALL.items() if "oneOf" in schema}
FIELDS = {f"{path}.{n}": field for path, schema in OBJECTS.items() for n, field in schema["properties"].items()}
LEAVES = {path: field for path, field in FIELDS.items() if "const" not in field}


def test_it_is_what_it_was() -> None:
    """A change of the form is seen in review. If it is meant, run `scripts/docs`."""
    assert json.loads(GOLDEN.read_text()) == SPEC, "run scripts/docs to write integration_tests/spec.json again"


def test_it_is_a_spec_message() -> None:
    """The CDK reads it."""
    message = AirbyteMessageSerializer.load(json.loads(messages.spec(SPEC)))
    assert message.spec is not None
    assert message.spec.connectionSpecification == FORM


def test_it_is_a_json_schema() -> None:
    """Draft 7, as the platform validates configs with it."""
    assert FORM["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(FORM)


def test_secrets_are_marked_where_the_platform_looks() -> None:
    """The CDK's own lint has nothing to say."""
    assert find_secret_marking_errors(FORM) == []


def test_secrets_are_marked() -> None:
    """Each secret of the models is one in the form, and stands neither in a list nor has a default."""
    secrets = {path: field for path, field in FIELDS.items() if field.get("airbyte_secret")}
    assert sorted(secrets) == [
        ".authentication<API key>.api_key",
        ".authentication<AWS signature>.secret_access_key",
        ".authentication<AWS signature>.session_token",
        ".authentication<Basic>.password",
        ".authentication<Bearer>.token",
        ".authentication<Digest>.password",
        ".authentication<JWT>.key",
        ".authentication<JWT>.passphrase",
        ".authentication<Login>.password",
        ".authentication<OAuth 1>.consumer_secret",
        ".authentication<OAuth 1>.token",
        ".authentication<OAuth 1>.token_secret",
        ".authentication<OAuth 2>.client_secret",
        ".authentication<OAuth 2>.refresh_token",
        ".proxy_url",
        ".secrets",
        ".tls.client_key",
    ]
    known = {"airbyte_secret", "always_show", "description", "group", "multiline", "order", "title", "type"}
    assert all(set(field) <= known for field in secrets.values())


@pytest.mark.parametrize("keyword", ["$ref", "$defs", "definitions", "anyOf", "allOf", "not", "discriminator"])
def test_what_the_form_cannot_show(keyword: str) -> None:
    """References and combinators other than `oneOf` do not occur."""
    assert [path for path, schema in ALL.items() if keyword in schema] == []


def test_there_are_no_free_maps() -> None:
    """An object without fields would be an empty box. Only the top is open, for the platform's own keys."""
    for path, schema in ALL.items():
        assert schema["type"] != "object" or "properties" in schema or "oneOf" in schema, path
        assert "patternProperties" not in schema, path
    assert {path: s["additionalProperties"] for path, s in ALL.items() if "additionalProperties" in s} == {"": True}


@pytest.mark.parametrize("path", UNIONS)
def test_every_branch_has_the_const(path: str) -> None:
    """The form tells the branches of a `oneOf` by the constant `type`, which each writes."""
    union = UNIONS[path]
    assert union["type"] == "object"
    for branch in union["oneOf"]:
        assert branch["type"] == "object"
        assert branch["properties"]["type"]["type"] == "string"
        assert branch["properties"]["type"]["order"] == 0
        assert branch["required"][0] == "type"
        assert branch["title"]
        assert branch["description"]
    kinds = [branch["properties"]["type"]["const"] for branch in union["oneOf"]]
    assert len(set(kinds)) == len(kinds) > 1


def test_lists_hold_texts_or_objects() -> None:
    """A `oneOf` is not shown directly below a list."""
    for path, schema in ALL.items():
        if schema["type"] == "array":
            assert schema["items"]["type"] == "string" or "properties" in schema["items"], path


@pytest.mark.parametrize("path", LEAVES)
def test_every_field_has_a_title_and_says_what_it_is(path: str) -> None:
    """Titles are sentence case, descriptions one line without a default of the framework's."""
    field = LEAVES[path]
    title = field["title"]
    assert title[0].isupper()
    words = title.split()
    assert all(
        word.islower() or word in {"API", "HTTP", "ID", "JSON", "POST", "URL", "URLs", "YAML"} for word in words[1:]
    )
    assert "_" not in title
    named = path.endswith(("[].name", "[].value")) and len(OBJECTS[path.rpartition(".")[0]]["properties"]) == 2
    assert named or field["description"]
    assert "\n" not in field.get("description", "")


@pytest.mark.parametrize("path", OBJECTS)
def test_required_fields_come_first(path: str) -> None:
    """Fields have the order in which they stand, and what must be filled in stands first."""
    schema = OBJECTS[path]
    required = [name in schema.get("required", []) for name in schema["properties"]]
    assert required == sorted(required, reverse=True)
    assert [field["order"] for field in schema["properties"].values()] == list(range(len(required)))
    assert set(schema.get("required", [])) <= set(schema["properties"])


def test_groups() -> None:
    """Every field of the config is in exactly one group, all groups are shown, and only the top has them."""
    named = [name for _, names in GROUPS.values() for name in names]
    assert len(set(named)) == len(named)
    assert set(named) <= set(Config.model_fields)
    assert set(FORM["properties"]) == set(Config.model_fields)
    ids = [group["id"] for group in FORM["groups"]]
    assert ids == [*GROUPS, LAST_GROUP[0]]
    assert {field["group"] for field in FORM["properties"].values()} == set(ids)
    below = {path for path, schema in ALL.items() if "group" in schema or "groups" in schema}
    assert below == {"", *(f".{name}" for name in FORM["properties"])}


@pytest.mark.parametrize(
    ("path", "title"),
    [
        (".url_base", "URL base"),
        (".params", "Parameters"),
        (".endpoints_yaml", "Endpoints YAML"),
        (".endpoints[].http_method", "HTTP method"),
        (".endpoints[].schema", "JSON schema"),
        (".endpoints[].incremental", "Incremental"),
        (".endpoints[].body", "Body"),
        (".authentication<API key>.in", "Location"),
        (".pagination<Next URL>.next_url_path", "Next URL path"),
        (".pagination<Page number>.page_size_param", "Page size parameter"),
    ],
)
def test_titles(path: str, title: str) -> None:
    """Names that a machine would get wrong."""
    assert FIELDS[path]["title"] == title


FILLED: dict[str, Any] = {
    "url_base": "https://api.example.com",
    "authentication": {"type": "api_key", "api_key": "k", "in": "query"},
    "start_date": "2024-01-01T00:00:00Z",
    "headers": [{"name": "Accept", "value": "text/plain"}],
    "pagination": {"type": "cursor", "cursor_path": "meta.next"},
    "endpoints": [
        {"name": "repos", "path": "/repos", "primary_key": ["id"], "pagination": {"type": "none"}},
        {
            "name": "issues",
            "path": "/{{ repos.id }}/issues",
            "http_method": "POST",
            "params": [{"name": "a", "value": "b"}],
            "body": {"type": "json", "value": '{"a": "{{ repos.id }}"}'},
            "records_path": "data.items",
            "incremental": {
                "type": "datetime",
                "cursor_field": "updated_at",
                "start_param": "since",
                "mode": "server_filter",
            },
            "include_from_parent": [{"name": "repo", "value": "owner.name"}],
            "schema": '{"type": "object", "properties": {}}',
        },
    ],
    "endpoints_yaml": "- {name: more, path: /more}",
    "retry": {"max_attempts": 2},
    "read_timeout": 5,
}


@pytest.mark.parametrize("name", ["deletions", "explode"])
def test_a_group_that_is_left_alone_is_unset(name: str) -> None:
    """The form demands no field of a group that is not required, and may send it with nothing in it."""
    assert "required" not in ALL[f".endpoints[].{name}"]
    group: dict[str, Any]
    for group in ({}, {"params": []} if name == "deletions" else {"keep": []}):
        filled = {"url_base": "http://h", "endpoints": [{"name": "e", "path": "e", name: group}]}
        jsonschema.validate(filled, FORM)
        assert getattr(loading.load(filled).streams[0], name) is None


def test_a_filled_form_is_a_config() -> None:
    """A filled form passes the platform's validation and ours."""
    jsonschema.validate(FILLED, FORM)
    loaded = loading.load(FILLED)
    _, issues, more = loaded.streams
    assert issues.include_from_parent == {"repo": "owner.name"}
    assert issues.json_schema == {"type": "object", "properties": {}}
    assert isinstance(issues.body, JsonBody)
    assert issues.body.value == {"a": "{{ repos.id }}"}
    assert more.name == "more"


def test_defaults_are_valid() -> None:
    """The form's defaults are valid by the schema."""
    for path, schema in ALL.items():
        if "default" in schema:
            jsonschema.validate(schema["default"], schema)
            assert not isinstance(schema["default"], dict | list), path


class OneSecret(Model):
    """A connector of one's own."""

    password: Secret
    """The password."""
    region: str | None = None
    """Where."""


def test_a_connector_of_ones_own() -> None:
    """Another model gives another form, small enough to do without groups."""
    form = specification(OneSecret)["connectionSpecification"]
    password = {"order": 0, "type": "string", "title": "Password", "description": "The password."}
    assert form["properties"] == {
        "password": {**password, "airbyte_secret": True},
        "region": {"order": 1, "type": "string", "title": "Region", "description": "Where."},
    }
    assert (form["required"], form["additionalProperties"]) == (["password"], True)
    assert "groups" not in form


class _Documented(Connector):
    documentation_url = "https://example.com/own"


def test_the_form_links_to_a_page_that_somebody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image names the page of its team, a connector of its own its own page; without either there is no link."""
    assert "documentationUrl" not in SPEC
    monkeypatch.setenv("DOCUMENTATION_URL", "https://docs.example.com")
    assert Connector().specification()["documentationUrl"] == "https://docs.example.com"
    assert _Documented().specification()["documentationUrl"] == "https://example.com/own"
