"""What each form of input says about an API, before anything is asked of it."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import curl, given, har, openapi, parameters


@pytest.mark.parametrize(
    ("command", "authentication", "secrets"),
    [
        (
            "curl https://h/a -H 'Authorization: Bearer s3cret'",
            {"type": "bearer", "token": "${API_TOKEN}"},
            {"API_TOKEN": "s3cret"},
        ),
        (
            "curl -sS -u ada:pw https://h/a",
            {"type": "basic", "username": "${API_USERNAME}", "password": "${API_PASSWORD}"},
            {"API_USERNAME": "ada", "API_PASSWORD": "pw"},
        ),
        (
            "curl 'https://h/a?api_key=s3cret&x=1'",
            {"type": "api_key", "name": "api_key", "in": "query", "api_key": "${API_KEY}"},
            {"API_KEY": "s3cret"},
        ),
        (
            "curl -HX-Api-Key:\\ s3cret \\\n https://h/a",
            {"type": "api_key", "name": "X-Api-Key", "api_key": "${API_KEY}"},
            {"API_KEY": "s3cret"},
        ),
        (
            "curl -H 'Authorization: Token s3cret' https://h/a",
            {"type": "api_key", "name": "Authorization", "api_key": "${API_KEY}", "value": "Token {{ api_key }}"},
            {"API_KEY": "s3cret"},
        ),
        ("curl h/a", None, {}),
    ],
)
def test_secrets_of_a_curl_command_become_variables(
    command: str, authentication: dict[str, Any] | None, secrets: dict[str, str]
) -> None:
    """The kind of authentication is kept, and the secret only beside the config."""
    told = curl.given(command)
    assert told.url_base == "https://h"
    assert told.authentication == authentication
    assert told.secrets == secrets
    assert "s3cret" not in str(told.operations) + str(told.headers)


def test_further_secrets_become_variables_too() -> None:
    """Only one secret is the authentication; the others are read from the environment as well."""
    told = curl.given("curl 'https://h/a?sig=abc&lang=de' -H 'Authorization: Bearer t0' -H 'X-Session-Id: xyz'")
    assert told.operations[0].params == {"sig": "${API_SIG}", "lang": "de"}
    assert told.headers == {"X-Session-Id": "${API_X_SESSION_ID}"}
    assert told.secrets == {"API_TOKEN": "t0", "API_SIG": "abc", "API_X_SESSION_ID": "xyz"}


def test_a_curl_command_keeps_what_it_asks_for() -> None:
    """Fixed parameters, headers and a JSON body stay; paging parameters are only known."""
    told = curl.given(
        "curl -X POST 'https://h/v1/search?lang=de&limit=5' -H 'X-Version: 2' --data-raw '{\"q\": 1}' --compressed"
    )
    operation = told.operations[0]
    assert (operation.path, operation.method, operation.body) == ("v1/search", "POST", {"q": 1})
    assert operation.params == {"lang": "de"}
    assert list(operation.declared) == ["limit"]
    assert told.headers == {"X-Version": "2"}


@pytest.mark.parametrize(
    "command",
    [
        "curl",
        "curl 'https://h",
        "curl -X DELETE https://h/a",
        "curl -d a=b https://h/a",
        "curl --json '{\"password\": 1}' h",
    ],
)
def test_a_curl_command_that_is_not_a_read_is_refused(command: str) -> None:
    """The error is for the user."""
    with pytest.raises(ConfigError):
        curl.given(command)


def entry(method: str, url: str, mime: str = "application/json", **more: Any) -> dict[str, Any]:
    """A recorded request."""
    headers = [{"name": "Authorization", "value": "Bearer s3cret"}]
    request = {"method": method, "url": url, "headers": headers, **more}
    return {"request": request, "response": {"status": 200, "content": {"mimeType": mime}}}


def test_a_har_file_gives_the_endpoints_that_it_recorded() -> None:
    """Pages, images, other hosts and logins are no endpoints; an ID in a path is its parent's."""
    login: dict[str, Any] = {"postData": {"text": '{"user": "a", "password": "b"}'}}
    entries = [
        entry("GET", "https://h/index.html", "text/html"),
        entry("POST", "https://h/login", **login),
        entry("GET", "https://h/api/customers?page=1"),
        entry("GET", "https://h/api/customers?page=2"),
        entry("GET", "https://h/api/customers/17/orders?status=open"),
        entry("GET", "https://other/track"),
    ]
    told = har.given({"log": {"entries": entries}})
    assert [operation.path for operation in told.operations] == ["api/customers", "api/customers/{customers_id}/orders"]
    assert told.operations[1].params == {"status": "open"}
    assert told.authentication == {"type": "bearer", "token": "${API_TOKEN}"}


def test_a_har_file_without_json_is_refused() -> None:
    """There is nothing to read."""
    with pytest.raises(ConfigError, match="no GET or POST request"):
        har.given({"log": {"entries": [entry("GET", "https://h/", "text/html")]}})


def described(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An OpenAPI document."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "T"},
        "servers": [{"url": "https://{at}.h/v1"}],
        "paths": paths,
        **more,
    }


def listing(**more: Any) -> dict[str, Any]:
    """An operation that returns a list of objects."""
    schema = {"type": "array", "items": {"type": "object"}}
    return {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}, **more}}


def test_an_openapi_document_gives_its_collections() -> None:
    """References, parameters of the path and of the operation, and servers with variables are followed."""
    document = described(
        {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/a/{id}": listing(),
            "/old": listing(deprecated=True),
            "/search": listing(
                parameters=[{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}]
            ),
            "/kinds": listing(
                parameters=[{"name": "k", "in": "query", "required": True, "schema": {"enum": ["x", "y"]}}]
            ),
            "/file": {"get": {"responses": {"200": {"content": {"text/csv": {}}}}}},
            "/one": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/c/One"}}}}}}},
        },
        components={
            "pathItems": {"A": {**listing(), "parameters": [{"$ref": "#/components/parameters/Limit"}]}},
            "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"maximum": 7}}},
        },
        c={"One": {"type": "object", "properties": {"id": {"type": "integer"}}}},
    )
    document["servers"][0]["variables"] = {"at": {"default": "eu"}}
    told = openapi.described(document, "")
    assert told.url_base == "https://eu.h/v1"
    assert {operation.path: operation.params for operation in told.operations} == {"a": {}, "kinds": {"k": "x"}}
    assert told.operations[0].declared == {"limit": {"maximum": 7}}
    assert set(told.left_out) == {"/old", "/a/{id}", "/search", "/file", "/one"}


def test_a_schema_that_contains_itself_ends() -> None:
    """Trees refer to themselves, and references may even go in a circle."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/c/Node"}}}
    paths = {"/n": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/c/Node"}}}}}}}}
    openapi.described(described(paths, c={"Node": node, "A": {"$ref": "#/c/A"}}), "")
    paths["/n"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"$ref": "#/c/A"}
    openapi.described(described(paths, c={"A": {"$ref": "#/c/A"}}), "")


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ({"type": "http", "scheme": "bearer"}, "bearer"),
        ({"type": "http", "scheme": "Basic"}, "basic"),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "api_key"),
        ({"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://h/t"}}}, "oauth2"),
        ({"type": "oauth2", "flows": {"password": {"tokenUrl": "token"}}}, "bearer"),
        ({"type": "mutualTLS"}, None),
    ],
)
def test_security_schemes_become_authentication(scheme: dict[str, Any], kind: str | None) -> None:
    """Each kind that a machine can use has its counterpart; no secret is in it."""
    document = described({"/a": listing()}, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    told = openapi.described(document, "").authentication
    assert (None if told is None else told["type"]) == kind


def schema_of(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An operation whose response fits a schema."""
    return {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}, **more}}


def parameter(name: str, place: str = "query", **schema: Any) -> dict[str, Any]:
    """A required parameter."""
    return {"name": name, "in": place, "required": True, "schema": schema}


INNER = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}


def test_a_record_with_a_list_in_it_is_no_collection() -> None:
    """It has an ID of its own; an envelope of records may have one too, if the list has the name of records."""
    document = described(
        {
            "/me": schema_of({"type": "object", "properties": {"id": {"type": "string"}, "emails": INNER}}),
            "/orders": schema_of({"type": "object", "properties": {"id": {"type": "string"}, "items": INNER}}),
        }
    )
    told = openapi.described(document, "")
    assert [operation.path for operation in told.operations] == ["orders"]
    assert told.left_out == {"/me": "its response has no list of records"}


def test_a_collection_is_known_by_its_records_and_its_pages() -> None:
    """Generated documents describe the record where the API returns a list of them."""
    record = {"type": "object", "properties": {"id": {"type": "string"}}}
    page: dict[str, Any] = {"parameters": [{"name": "page", "in": "query", "schema": {}}]}
    document = described(
        {
            "/projects": schema_of(record),
            "/projects/{id}": schema_of(record),
            "/hooks": schema_of(record, **page),
            "/version": schema_of(record),
        }
    )
    assert [operation.path for operation in openapi.described(document, "").operations] == ["projects", "hooks"]


def test_an_example_of_a_parameter_is_not_its_value() -> None:
    """It would select the records of somebody's example; a default or the first choice is a value."""
    document = described(
        {
            "/tasks": listing(parameters=[{**parameter("project"), "example": "1331"}]),
            "/events": listing(parameters=[parameter("kind", enum=["a", "b"]), parameter("v", default=2)]),
            "/pages": listing(parameters=[parameter("Api-Version", "header", enum=["2022-06-28"])]),
        }
    )
    told = openapi.described(document, "")
    assert {operation.path: operation.params for operation in told.operations} == {
        "events": {"kind": "a", "v": 2},
        "pages": {},
    }
    assert told.headers == {"Api-Version": "2022-06-28"}
    assert "`project`" in told.left_out["/tasks"]


def test_parts_of_an_object_are_parameters() -> None:
    """`created[gte]` is declared as an object in the style deepObject (OpenAPI 3.0, Style Values)."""
    created = {"name": "created", "in": "query", "style": "deepObject"}
    kinds = {"anyOf": [{"type": "object", "properties": {"gt": {}, "gte": {}}}, {"type": "integer"}]}
    told = openapi.described(described({"/a": listing(parameters=[{**created, "schema": kinds}])}), "")
    assert list(told.operations[0].declared) == ["created[gt]", "created[gte]"]
    assert parameters.starts_for("created", told.operations[0].declared, complete=True) == [
        "created[gte]",
        "created[gt]",
    ]


def test_further_kinds_of_authentication_are_known() -> None:
    """Alternatives are kept; the schemes of one requirement go together."""
    schemes = {
        "basic": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "app": {"type": "apiKey", "in": "header", "name": "X-App-Key"},
    }
    requirements: list[dict[str, list[str]]] = [{"basic": [], "app": []}, {"bearer": []}]
    told = openapi.described(
        described({"/a": listing()}, components={"securitySchemes": schemes}, security=requirements), ""
    )
    assert told.authentication is not None
    assert told.authentication["type"] == "basic"
    assert [kind["type"] for kind in told.alternatives] == ["bearer"]
    assert told.headers == {"X-App-Key": "${API_X_APP_KEY}"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/files/{id}#shared", "another operation"),
        ("/watch/pods", "without an end"),
        ("/Accounts/{sid}.json", "single record"),
    ],
)
def test_paths_that_are_no_collections(path: str, reason: str) -> None:
    """Each is left out with its reason."""
    assert reason in openapi.described(described({path: listing()}), "").left_out[path]


def test_a_server_without_a_scheme_and_a_reference_into_a_list() -> None:
    """Both are in documents of large APIs."""
    document = described(
        {
            "/a": listing(parameters=[{"name": "page", "in": "query", "schema": {}}]),
            "/b": listing(parameters=[{"$ref": "#/paths/~1a/get/parameters/0"}]),
        }
    )
    document["servers"] = [{"url": "//api.h/v1"}]
    told = openapi.described(document, "")
    assert told.url_base == "https://api.h/v1"
    assert list(told.operations[1].declared) == ["page"]


@pytest.mark.parametrize("document", [{"swagger": "2.0", "paths": {}}, {"openapi": "3.0.0", "paths": {}}])
def test_documents_that_do_not_do_are_refused(document: dict[str, Any]) -> None:
    """Swagger 2.0 needs a conversion, and a file must say where the API is."""
    with pytest.raises(ConfigError):
        openapi.described(document, "")


def test_streams_have_names_that_tell_them_apart() -> None:
    """The last word of the path; with the words before it where that is not enough."""
    paths = ["v1/orders.json", "customers", "customers/{id}/notes", "orders/{id}/notes", "api/v2", "fields/search"]
    expected = ["orders", "customers", "customers_notes", "orders_notes", "v2", "fields_search"]
    assert list(given.names(paths).values()) == expected


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("page", "page"),
        ("page[number]", "page"),
        ("pageIndex", "page"),
        ("offset", "offset"),
        ("$skip", "offset"),
        ("startIndex", "offset"),
        ("per_page", "size"),
        ("page[size]", "size"),
        ("maxResults", "size"),
        ("cursor", "token"),
        ("page_token", "token"),
        ("starting_after", "token"),
        ("updated_since", "start"),
        ("modifiedAfter", "start"),
        ("updated_at_min", "start"),
        ("since", "start"),
    ],
)
def test_parameters_have_roles_by_their_names(name: str, role: parameters.Role) -> None:
    """The names of the usual frameworks."""
    assert parameters.has_role(name, role)


@pytest.mark.parametrize("name", ["status", "q", "sort", "language", "customer_id", "include", "fields"])
def test_other_parameters_have_none(name: str) -> None:
    """Filters are neither paging nor starts."""
    assert not parameters.pages(name)
    assert not parameters.has_role(name, "start")
