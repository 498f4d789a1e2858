"""Manifests of all versions become configs; what has no equivalent is named, and keeps nothing else from running."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.cli.generic import main
from source_rest_api.config import loading
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import config_rules, document, spec
from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.manifest.interpolation import Scope
from source_rest_api.manifest.translation import translated
from tests.test_manifest_engines import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api, Call


CONFIG: dict[str, Any] = {
    "key": "a",
    "on": True,
    "count": 5,
    "nested": {"inner": "b"},
    "list": ["x", "y"],
    "digits": "007",
}
CONFIG["secrets"] = ["12e4567", "1_000", "1.10", "+49"]
KEY = "a key that is as long as the hash, at least"
SLICE = {
    "id": "parent.id",
    "start_time": "stream_interval.start_time",
    "extra_fields": {"meta.zone": "parent.meta.zone"},
    "parent_slice": {"top": "grand.id"},
}


def stream(name: str = "a", retriever: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A stream of a manifest."""
    base = {
        "type": "SimpleRetriever",
        "requester": {"type": "HttpRequester", "url_base": "https://api.example.com", "path": name},
        "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}},
    }
    return {"type": "DeclarativeStream", "name": name, "retriever": {**base, **(retriever or {})}, **more}


def of(*streams: dict[str, Any], config: dict[str, Any] | None = None, **more: Any) -> Any:
    """The translation of a manifest."""
    return translated({"streams": list(streams), **more}, CONFIG if config is None else config)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain", "plain"),
        ("{{ config['key'] }}", "a"),
        ("{{ config.get('absent', 'z') }}-{{ parameters.name }}", "z-n"),
        ("{{ config['absent'] }}", None),
        ("{{ config['absent']['deeper'] }} and more", None),
        ("{{ config['count'] * 2 }}", 10),
        ("{{ config['digits'] }}", "007"),
        ("{{ config['secrets'][0] }}", "12e4567"),
        ("{{ config['secrets'][1] }}", "1_000"),
        ("{{ config['secrets'][2] }}", "1.10"),
        ("{{ config['secrets'][3] }}", "+49"),
        ("{{ config['list'] }}", ["x", "y"]),
        ("{{ stream_partition['id'] }}/{{ config.key }}", "{{ parent.id }}/a"),
        ("{{ stream_slice.get('extra_fields').get('meta.zone') }}", "{{ parent.meta.zone }}"),
        ("{{ stream_slice.parent_slice.top }}", "{{ grand.id }}"),
        ("{{ stream_partition.absent }}", ""),
        (
            "{{ stream_interval['start_time'] if config['on'] is defined else '' }}",
            "{{ stream_interval.start_time if true else '' }}",
        ),
        ("{{ next_page_token['next_page_token'] }}", "{{ next_page_token }}"),
        ("{{ record['a'] ~ config['nested']['inner'] }}", "{{ record['a'] ~ 'b' }}"),
        ('{{ response.next | regex_search("page=(\\d+)") }}', "{{ response['next'] | regex_search('page=(\\\\d+)') }}"),
        ("{{ not response.get('a', {}).get('b') }}", "{{ not response['a']['b'] }}"),
        ("{{ response.get('a', false) is false }}", "{{ response.get('a', false) is false }}"),
        (
            "{% if stream_partition.id %}x{% else %}{{ config.key }}{% endif %}",
            "{% if parent.id %}x{% else %}a{% endif %}",
        ),
    ],
)
def test_templates_keep_the_meaning_that_the_cdk_gives_them(given: str, expected: Any) -> None:
    """What is known is filled in, and names become those of here."""
    assert Scope(CONFIG, {"name": "n"}, SLICE).value(given) == expected


def test_references_and_parameters_are_handed_down() -> None:
    """Of both spellings; what a component says itself counts more."""
    manifest = {
        "definitions": {
            "x": {"type": "HttpRequester", "url_base": "https://a.example", "path": "{{ parameters.path }}"}
        },
        "streams": [
            {**stream(retriever={"requester": {"$ref": "#/definitions/x"}}), "$parameters": {"path": "one"}},
            {**stream("b", {"requester": "*ref(definitions.x)"}), "$parameters": {"path": "two"}},
        ],
    }
    made = translated(manifest, {})
    assert [each["path"] for each in made.config["endpoints"]] == ["one", "two"]
    assert made.config["url_base"] == "https://a.example"


@pytest.mark.parametrize("reference", ["#/definitions/absent", "#/definitions/round"])
def test_references_that_lead_nowhere_are_errors(reference: str) -> None:
    """Or in a circle; the error names the reference."""
    manifest = {"definitions": {"round": {"$ref": "#/definitions/round"}}, "streams": [{"$ref": reference}]}
    with pytest.raises(ConfigError, match=reference):
        translated(manifest, {})


def test_what_has_no_equivalent_is_named_and_the_rest_runs() -> None:
    """Also the streams below it."""
    child = stream(
        "child",
        {
            "partition_router": {
                "type": "SubstreamPartitionRouter",
                "parent_stream_configs": [
                    {
                        "parent_key": "id",
                        "partition_field": "id",
                        "stream": stream("own", {"type": "CustomRetriever", "class_name": "x.Own"}),
                    }
                ],
            }
        },
    )
    made = of(stream(), stream("own", {"type": "CustomRetriever", "class_name": "x.Own"}), child)
    assert made.offered == ["a"]
    assert made.blocked["own"].startswith(
        "retriever: `x.Own` has no equivalent here: it decides which requests are sent"
    )
    assert "its parent `own` has no equivalent here" in made.blocked["child"]
    assert loading.load(made.config).streams[0].name == "a"


def test_a_read_of_what_has_no_equivalent_fails_alone(api: Api) -> None:
    """Its error names the component; the other streams are complete."""

    @api.get("/a")
    def rows(_: Call) -> Any:
        return [{"id": 1}]

    own = {"type": "CustomRetriever", "class_name": "x.Own"}
    manifest = {"streams": [stream(), stream("own", own)]}
    manifest["streams"][0]["retriever"]["requester"]["url_base"] = api.url
    session = ManifestConnector(manifest).session({})
    configured = {"streams": [{"stream": {"name": name}, "sync_mode": "full_refresh"} for name in ("a", "own")]}
    lines = [json.loads(line) for block in session.read(configured, {}) for line in block.splitlines()]
    statuses = [line["trace"]["stream_status"] for line in lines if "stream_status" in line.get("trace", {})]
    ended = {each["stream_descriptor"]["name"]: each["status"] for each in statuses}
    assert ended == {"a": "COMPLETE", "own": "INCOMPLETE"}
    [error] = [line["trace"]["error"] for line in lines if "error" in line.get("trace", {})]
    assert error["message"].startswith("Stream own cannot be read: retriever: `x.Own` has no equivalent here")
    assert not session.complete


def test_hosts_and_authentication_may_differ() -> None:
    """What most have is the API's, and the others have their own."""
    requester = {"type": "HttpRequester", "url_base": "https://other.example/v2", "path": "b"}
    key = {"type": "BearerAuthenticator", "api_token": "{{ config['key'] }}"}
    made = of(stream(), stream("c"), stream("b", {"requester": {**requester, "authenticator": key}}))
    first, _, last = sorted(made.config["endpoints"], key=lambda each: str(each["name"] == "b"))
    assert "authentication" not in first
    assert last["url_base"] == "https://other.example/v2"
    assert last["authentication"] == {"type": "bearer", "token": "a"}


def test_the_first_versions_are_understood() -> None:
    """`stream_slicer`, and the types that had other names."""
    slicer = {
        "type": "ListStreamSlicer",
        "slice_values": ["1", "2"],
        "cursor_field": "group",
        "request_option": {"inject_into": "request_parameter", "field_name": "g"},
    }
    dates = {
        "type": "DatetimeStreamSlicer",
        "cursor_field": "at",
        "datetime_format": "%Y-%m-%d",
        "start_datetime": "2024-01-01",
        "start_time_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "since"},
    }
    made = of(stream(retriever={"stream_slicer": slicer}), stream("b", {"stream_slicer": dates}))
    one, other = made.config["endpoints"]
    assert one["params"] == {"g": "{{ group }}"}
    assert one["partitions"] == [{"name": "group", "values": [1, 2]}]
    assert other["incremental"]["start_param"] == "since"


def test_streams_from_the_config_and_from_lists() -> None:
    """`ConfigComponentsResolver` and `ParametrizedComponentsResolver`."""
    template = stream("template")
    mapping = [
        {"field_path": ["name"], "value": "{{ components_values['title'] }}"},
        {"field_path": ["retriever", "requester", "path"], "value": "reports/{{ components_values['title'] }}"},
    ]
    entries = [
        {
            "type": "DynamicDeclarativeStream",
            "stream_template": template,
            "components_resolver": {
                "type": "ConfigComponentsResolver",
                "stream_config": {"configs_pointer": ["reports"], "default_values": [{"title": "usual"}]},
                "components_mapping": mapping,
            },
        },
        {
            "type": "DynamicDeclarativeStream",
            "stream_template": template,
            "components_resolver": {
                "type": "ParametrizedComponentsResolver",
                "stream_parameters": {"list_of_parameters_for_stream": [{"title": "listed"}]},
                "components_mapping": mapping,
            },
        },
    ]
    made = translated({"dynamic_streams": entries}, {"reports": [{"title": "own"}]})
    assert {each["name"]: each["path"] for each in made.config["endpoints"]} == {
        "own": "own",
        "usual": "usual",
        "listed": "listed",
    }
    assert made.config["url_base"] == "https://api.example.com/reports"


def test_streams_that_the_api_lists(api: Api) -> None:
    """`HttpComponentsResolver`: its retriever is read first, and each record is a stream."""

    @api.get("/sheets")
    def sheets(_: Call) -> Any:
        return [{"title": "one"}, {"title": "two"}]

    @api.get("/sheets/{name}")
    def rows(call: Call) -> Any:
        return [{"of": call.path_params["name"]}]

    template = stream("template")
    template["retriever"]["requester"]["url_base"] = api.url
    listed = stream("sheets")["retriever"]
    listed["requester"]["url_base"] = api.url
    mapping = [
        {"field_path": ["name"], "value": "{{ components_values['title'] }}"},
        {"field_path": ["retriever", "requester", "path"], "value": "sheets/{{ components_values['title'] }}"},
    ]
    resolver = {"type": "HttpComponentsResolver", "retriever": listed, "components_mapping": mapping}
    manifest = {"dynamic_streams": [{"stream_template": template, "components_resolver": resolver}]}
    session = ManifestConnector(manifest).session({})
    assert [endpoint.name for endpoint in session.offered] == ["one", "two"]
    configured = {"streams": [{"stream": {"name": "two"}, "sync_mode": "full_refresh"}]}
    lines = [json.loads(line) for block in session.read(configured, {}) for line in block.splitlines()]
    assert [line["record"]["data"] for line in lines if line["type"] == "RECORD"] == [{"of": "two"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"type": "none"}),
        ({"type": "BasicHttpAuthenticator", "username": "u"}, {"type": "basic", "username": "u", "password": ""}),
        (
            {"type": "ApiKeyAuthenticator", "header": "X-Key", "api_token": "{{ config['key'] }}"},
            {"type": "api_key", "api_key": "a", "in": "header", "name": "X-Key"},
        ),
        (
            {
                "type": "OAuthAuthenticator",
                "token_refresh_endpoint": "https://a/t",
                "client_id": "i",
                "client_secret": "s",
                "refresh_token": "r",
                "scopes": ["x", "y"],
                "access_token_name": "t",
            },
            {
                "type": "oauth2",
                "token_url": "https://a/t",
                "grant_type": "refresh_token",
                "client_id": "i",
                "client_secret": "s",
                "refresh_token": "r",
                "credentials_in": "body",
                "fields": {"scopes": "x y"},
                "body_format": "form",
                "headers": {},
                "token_path": ["t"],
                "expires_path": ["expires_in"],
            },
        ),
        (
            {
                "type": "OAuthAuthenticator",
                "token_refresh_endpoint": "https://a/t",
                "client_id": "i",
                "client_secret": "s",
                "client_id_name": "app",
                "grant_type": "client_credentials",
            },
            {
                "type": "login",
                "login_url": "https://a/t",
                "password": "",
                "body_format": "form",
                "headers": {},
                "fields": {"app": "i", "client_secret": "s", "grant_type": "client_credentials"},
                "token_path": ["access_token"],
                "expires_path": ["expires_in"],
            },
        ),
        ({"type": "OAuthAuthenticator", "access_token_value": "t"}, {"type": "bearer", "token": "t"}),
        (
            {
                "type": "JwtAuthenticator",
                "secret_key": KEY,
                "algorithm": "HS256",
                "token_duration": 60,
                "header_prefix": "JWT",
                "jwt_headers": {"kid": "1"},
                "jwt_payload": {"iss": "me"},
            },
            {
                "type": "jwt",
                "algorithm": "HS256",
                "key": KEY,
                "lifetime": 60,
                "key_id": "1",
                "issuer": "me",
                "claims": {},
                "place": {"in": "header", "name": "Authorization", "value": "JWT {{ token }}"},
            },
        ),
        (
            {
                "type": "CustomAuthenticator",
                "class_name": "x.OwnOauth",
                "token_refresh_endpoint": "https://a/t",
                "client_id": "i",
                "client_secret": "s",
                "grant_type": "client_credentials",
            },
            {
                "type": "oauth2",
                "token_url": "https://a/t",
                "grant_type": "client_credentials",
                "client_id": "i",
                "client_secret": "s",
                "refresh_token": "",
                "credentials_in": "body",
                "fields": {},
                "body_format": "form",
                "headers": {},
                "token_path": ["access_token"],
                "expires_path": ["expires_in"],
            },
        ),
    ],
)
def test_authenticators(given: Any, expected: dict[str, Any]) -> None:
    """Each becomes the authentication that does the same, and is a valid one."""
    requester = {"type": "HttpRequester", "url_base": "https://a.example", "path": "b", "authenticator": given}
    made = of(stream(retriever={"requester": requester}))
    assert made.config["authentication"] == expected
    loading.load(made.config)


def test_a_class_with_a_common_name_is_known_only_by_its_manifest() -> None:
    """Another's class of the same name is not guessed at."""
    own = {
        "type": "CustomTransformation",
        "class_name": "source_declarative_manifest.components.CustomFieldTransformation",
    }
    schema = {"properties": {"day": {"type": "string", "format": "date"}}}
    loader = {"type": "InlineSchemaLoader", "schema": schema}
    given = stream(transformations=[own], schema_loader=loader)
    assert "CustomFieldTransformation" in of(given).blocked["a"]
    given["retriever"]["requester"]["request_parameters"] = {"sort": "[date_upd_ASC]"}
    [endpoint] = of(given).config["endpoints"]
    assert endpoint["add_fields"] == {"day": "{{ none if (record['day'] in ['0000-00-00', '0000-00-00 00:00:00']) }}"}


def test_the_spec_passes_through(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The form of the manifest, and its documentation."""
    assert main(["spec", "--manifest-path", str(FOLDER / "paging.yaml")]) == 0
    printed = json.loads(capsysbinary.readouterr().out)["spec"]
    assert printed["documentationUrl"] == "https://docs.example.com/acme"
    assert printed["connectionSpecification"]["properties"]["token"] == {"type": "string", "airbyte_secret": True}


def test_the_config_is_normalized_and_its_secrets_are_known() -> None:
    """Fields are moved, added and removed as the spec says; values marked as secrets are masked, at any depth."""
    rules = {
        "transformations": [
            {"type": "ConfigAddFields", "fields": [{"path": ["credentials", "kind"], "value": "{{ 'key' }}"}]},
            {"type": "ConfigRemapField", "field_path": ["region"], "map": {"Europe": "eu"}},
            {"type": "ConfigRemoveFields", "field_pointers": [["old"]]},
        ]
    }
    manifest = {"spec": {"config_normalization_rules": rules}}
    assert config_rules.applied(manifest, {"region": "Europe", "old": 1}) == {
        "region": "eu",
        "credentials": {"kind": "key"},
    }
    form = {"properties": {"a": {"oneOf": [{"properties": {"b": {"airbyte_secret": True}}}]}}}
    assert list(spec.secrets(form, {"a": {"b": "hidden"}, "c": "seen"})) == ["hidden"]


def test_a_manifest_may_stand_in_the_config(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """As the Connector Builder sends it: its streams are those of the manifest."""
    manifest = document.read(FOLDER / "parents.yaml")
    manifest["streams"] = [
        {
            **manifest["definitions"]["projects"],
            "schema_loader": {"type": "InlineSchemaLoader", "schema": {"properties": {"id": {}}}},
        }
    ]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"url": "http://127.0.0.1:1", "__injected_declarative_manifest": manifest}))
    assert main(["discover", "--config", str(config)]) == 0
    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    [catalog] = [line["catalog"] for line in lines if line["type"] == "CATALOG"]
    assert [each["name"] for each in catalog["streams"]] == ["projects"]


@pytest.mark.parametrize("text", ["a: [", "- 1", "version: 1"])
def test_what_is_no_manifest_is_an_error(text: str, tmp_path: Path) -> None:
    """It says what to give."""
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="manifest"):
        ManifestConnector.at(path)


def test_rows_with_their_names_beside_them() -> None:
    """The extractors of Google Analytics become `cells`; any other class of that name stays one."""

    def part(kind: str) -> dict[str, Any]:
        return {
            "type": "CustomRecordExtractor",
            "class_name": "source_declarative_manifest.components.KeyValueExtractor",
            "keys_extractor": {"type": "DpathExtractor", "field_path": [f"{kind}Headers", "*", "name"]},
            "values_extractor": {"type": "DpathExtractor", "field_path": ["rows", "*", f"{kind}Values", "*", "value"]},
        }

    def read(*parts: dict[str, Any]) -> Any:
        extractor = {
            "type": "CustomRecordExtractor",
            "class_name": "source_declarative_manifest.components.CombinedExtractor",
            "extractors": [*parts],
        }
        return of(stream(retriever={"record_selector": {"type": "RecordSelector", "extractor": extractor}}))

    [endpoint] = read(part("metric"), part("dimension")).config["endpoints"]
    assert endpoint["records_path"] == ["rows"]
    assert endpoint["cells"] == [
        {"names": ["metricHeaders", "*", "name"], "values": ["metricValues", "*", "value"]},
        {"names": ["dimensionHeaders", "*", "name"], "values": ["dimensionValues", "*", "value"]},
    ]
    assert "CombinedExtractor" in read({"type": "DpathExtractor", "field_path": []}).blocked["a"]


def test_the_api_describes_the_schema(api: Api) -> None:
    """`DynamicSchemaLoader`: discover asks for the fields, and reads types, filter and changes as the CDK does."""

    @api.get("/fields")
    def fields(_: Call) -> Any:
        return {
            "fields": [{"key": "id", "kind": "int"}, {"key": "When", "kind": "date"}, {"key": "x", "kind": "string"}]
        }

    @api.get("/a")
    def rows(_: Call) -> Any:
        return [{"id": 1}]

    retriever = stream("fields")["retriever"]
    retriever["requester"]["url_base"] = api.url
    loader = {
        "type": "DynamicSchemaLoader",
        "retriever": retriever,
        "schema_filter": {"type": "RecordFilter", "condition": "{{ 'x' not in record }}"},
        "schema_transformations": [{"type": "KeysToLower"}],
        "schema_type_identifier": {
            "schema_pointer": ["fields"],
            "key_pointer": ["key"],
            "type_pointer": ["kind"],
            "types_mapping": [
                {"current_type": "int", "target_type": "integer", "condition": "{{ raw_schema['key'] == 'id' }}"}
            ],
        },
    }
    given = stream(schema_loader=loader)
    given["retriever"]["requester"]["url_base"] = api.url
    session = ManifestConnector({"streams": [given]}).session({})
    assert api.requests == []
    [line] = [json.loads(line) for block in session.discover() for line in block.splitlines()]
    assert line["catalog"]["streams"][0]["json_schema"]["properties"] == {
        "id": {"type": ["null", "integer"]},
        "when": {"type": ["null", "string"], "format": "date"},
    }
    assert [call.path for call in api.requests] == ["/fields"]


def test_what_the_api_says_about_its_limits() -> None:
    """The slowest rate of the policies that hold for a stream, and the status and header of a refusal."""
    policies = [
        {"type": "UnlimitedCallRatePolicy", "matchers": [{"url_path_pattern": "^/free"}]},
        {"type": "FixedWindowCallRatePolicy", "period": "PT1H", "call_limit": 1, "matchers": [{"method": "POST"}]},
        {
            "type": "MovingWindowCallRatePolicy",
            "rates": [{"limit": "{{ config['count'] }}", "interval": "PT1S"}, {"limit": 60, "interval": "PT1M"}],
            "matchers": [{"url_base": "https://api.example.com", "weight": 2}],
        },
    ]
    budget = {"policies": policies, "status_codes_for_ratelimit_hit": [420], "ratelimit_reset_header": "X-Reset"}
    made = of(stream(), stream("free"), api_budget=budget)
    assert made.config["request_rates"] == [{"endpoints": ["a"], "max_requests_per_second": 0.5}]
    assert made.config["endpoints"][0]["errors"] == [
        {"status": [420], "action": "rate_limited", "wait_header": "X-Reset"}
    ]
    assert of(stream(), stream("other"), api_budget=budget).config["max_requests_per_second"] == 0.5
    free = of(stream("free"), api_budget=budget).config
    assert not {"max_requests_per_second", "request_rates"} & free.keys()


def test_a_policy_is_shared_by_the_streams_that_match_it_first() -> None:
    """A slow report has a rate of its own, and one that is left out counts no more."""
    policies = [
        {
            "type": "FixedWindowCallRatePolicy",
            "period": "PT1M",
            "call_limit": 6,
            "matchers": [{"url_path_pattern": "/r/"}],
        },
        {"type": "MovingWindowCallRatePolicy", "rates": [{"limit": 5, "interval": "PT1S"}], "matchers": []},
    ]
    asks = stream()["retriever"]["requester"]
    slow = [stream(name, {"requester": {**asks, "path": f"r/{name}"}}) for name in ("b", "c")]
    lost = stream("lost", {"requester": {**asks, "path": "r/{{ nothing.id }}"}})
    made = of(stream(), *slow, lost, stream("d"), api_budget={"policies": policies})
    config = made.config
    assert made.blocked.keys() == {"lost"}
    assert config["request_rates"] == [
        {"endpoints": ["a", "d"], "max_requests_per_second": 5},
        {"endpoints": ["b", "c"], "max_requests_per_second": 0.1},
    ]


def test_the_longest_timeout_holds_for_all() -> None:
    """The CDK waits without end; here it is five minutes, or what a requester says."""
    slow = {**stream()["retriever"]["requester"], "read_timeout_in_seconds": 900}
    assert of(stream()).config["read_timeout"] == 300
    assert of(stream(), stream("b", {"requester": slow})).config["read_timeout"] == 900
