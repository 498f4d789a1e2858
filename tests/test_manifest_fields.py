"""Each field of each component of the CDK's schema is translated, refused by name, or documented as without effect."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import airbyte_cdk
import pytest
import yaml

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import config_rules, document, spec
from source_rest_api.manifest.own_code.component import OwnComponent
from source_rest_api.manifest.translation import translated
from source_rest_api.model import Model

FOLDER = Path(__file__).parents[1]
CASES: dict[str, Any] = yaml.safe_load((FOLDER / "tests/manifests/schema/fields.yaml").read_text(encoding="utf-8"))
SCHEMA = Path(airbyte_cdk.__file__).parent / "sources/declarative/declarative_component_schema.yaml"
CONFIG = {"key": "a", "other": "b", "list": [{"n": "x"}], "more": [{"n": "y"}], "nested": {"inner": "b"}}
STREAM: dict[str, Any] = {
    "type": "DeclarativeStream",
    "name": "a",
    "retriever": {
        "type": "SimpleRetriever",
        "requester": {"type": "HttpRequester", "url_base": "https://api.example.com", "path": "a"},
        "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}},
    },
}
OTHER = {**STREAM, "retriever": {**STREAM["retriever"], "decoder": {"type": "JsonlDecoder"}}}
PARENT = {**STREAM, "name": "parent"}
TIMED = {
    "type": "DatetimeBasedCursor",
    "cursor_field": "at",
    "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
    "start_datetime": "2024-01-01T00:00:00Z",
}
JOB: dict[str, Any] = {
    "type": "AsyncRetriever",
    "creation_requester": {"type": "HttpRequester", "url_base": "https://api.example.com", "path": "jobs"},
    "polling_requester": {
        "type": "HttpRequester",
        "url_base": "https://api.example.com",
        "path": "jobs/{{ creation_response['id'] }}",
    },
    "download_requester": {"type": "HttpRequester", "url_base": "{{ download_target }}"},
    "status_mapping": {"running": ["r"], "completed": ["c"], "failed": ["f"], "timeout": ["t"]},
    "status_extractor": {"type": "DpathExtractor", "field_path": ["status"]},
    "download_target_extractor": {"type": "DpathExtractor", "field_path": ["url"]},
    "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}},
}
NESTED = {
    **STREAM,
    "$parameters": {"place": "outer"},
    "retriever": {
        **STREAM["retriever"],
        "requester": {
            **STREAM["retriever"]["requester"],
            "path": "{{ parameters['place'] }}",
            "$parameters": {"place": "inner"},
        },
    },
}
NAMED = {
    "STREAM": STREAM,
    "OTHER_STREAM": OTHER,
    "PARENT": PARENT,
    "TIMED_PARENT": {**PARENT, "incremental_sync": TIMED},
    "NESTED_STREAM": NESTED,
}
LISTED = [{"name": "b", "type": "text"}]
_WITHOUT_EFFECT = re.compile(r"^\| `(?P<component>\w+)`: (?P<fields>`[^|]*`) \| (?P<reason>[^|]+) \|$", re.MULTILINE)


def components() -> dict[str, list[str]]:
    """The components of the CDK's schema, with their fields."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    found = {}
    for name, of in schema["definitions"].items():
        properties = of.get("properties") or {}
        if properties or "type" in (of.get("required") or ()):
            found[name] = [field for field in properties if field not in {"type", "$parameters"}]
    return found


COMPONENTS = components()
FIELDS = [(name, field) for name, fields in COMPONENTS.items() for field in fields]


@cache
def without_effect() -> set[tuple[str, str]]:
    """The fields that the documentation names as without effect."""
    text = (FOLDER / "docs/manifests.md").read_text(encoding="utf-8")
    rows = [(row["component"], row["fields"]) for row in _WITHOUT_EFFECT.finditer(text)]
    return {(component, field) for component, fields in rows for field in re.findall(r"`(\w+)`", fields)}


def filled(value: Any, here: Any) -> Any:
    """A value of a case, with what its words stand for."""
    if value == "HERE":
        return here
    if isinstance(value, str):
        return deepcopy(NAMED.get(value, value))
    if isinstance(value, list):
        return [filled(each, here) for each in value]
    return {name: filled(inner, here) for name, inner in value.items()} if isinstance(value, dict) else value


def merged(base: Any, over: Any) -> Any:
    """A component with the fields of another, at any depth."""
    if not (isinstance(base, dict) and isinstance(over, dict)) or over.get("type", base.get("type")) != base.get(
        "type"
    ):
        return over
    return {**base, **{name: merged(base.get(name), inner) for name, inner in over.items()}}


def manifest_of(case: dict[str, Any], name: str, changes: dict[str, Any], field: str = "") -> dict[str, Any]:
    """A manifest with a component, and with changes to it."""
    around = (case.get("with") or {}).get(field) or {}
    path = around.get("$path")
    given = filled(case["is"], None)
    given = {"type": case.get("type", name), **given}
    if name == "AsyncRetriever":
        given = {**JOB, **given}
    beside = {key: value for key, value in around.items() if not key.startswith("$")}
    here = {**given, **filled(beside, None), **filled(changes, None)}
    base = {**STREAM, "retriever": JOB} if case.get("job") and name != "AsyncRetriever" else STREAM
    if "ignore" in field:
        base = {**base, "incremental_sync": TIMED}
    stream = merged(deepcopy(base), filled(case.get("stream") or {}, here))
    stream |= filled(around.get("$stream") or {}, None)
    if path:
        stream["retriever"]["requester"]["path"] = path
    return {"streams": [stream], **filled(case.get("manifest") or {}, here)}


def outcome(manifest: dict[str, Any], listed: list[dict[str, Any]]) -> tuple[str, str]:
    """All that this connector makes of a manifest, as text, and what it refuses."""
    asked: list[Any] = []

    def ask(retriever: Any) -> list[dict[str, Any]]:
        asked.append(retriever)
        return listed

    manifest = {"streams": [], **manifest}
    if not manifest["streams"] and "dynamic_streams" not in manifest:
        manifest["streams"] = [STREAM | {"name": "another"}]
    config: Any = None
    try:
        config = config_rules.applied(manifest, CONFIG)
        made = translated(manifest, config, FOLDER / "tests/manifests/schema", ask=ask)
    except ConfigError as error:
        return "", str(error)
    own = [(name, each.own.parts, each.own.migrations) for name, each in made.streams.items()]
    seen = [made.config, made.offered, asked, config, spec.specification(manifest), document.checked_streams(manifest)]
    return json.dumps([seen, own], sort_keys=True, default=plain), json.dumps(made.blocked)


def plain(value: Any) -> Any:
    """An object in a config, as JSON."""
    if isinstance(value, OwnComponent):
        return value.key
    return {name: getattr(value, name) for name in type(value).model_fields} if isinstance(value, Model) else ""


def test_each_component_has_a_case() -> None:
    """No component of the schema is left out, and none is made up."""
    assert set(CASES) == set(COMPONENTS)
    assert {name: set(case["fields"]) for name, case in CASES.items()} == {
        name: set(fields) for name, fields in COMPONENTS.items()
    }


@pytest.mark.parametrize(("component", "field"), FIELDS, ids=[".".join(each) for each in FIELDS])
def test_no_field_is_ignored_silently(component: str, field: str) -> None:
    """Another value makes another config, or is refused by name; all others are in the documentation."""
    case = CASES[component]
    listed = case.get("listed", LISTED)
    before, refused_before = outcome(manifest_of(case, component, {}, field), listed)
    after, refused = outcome(manifest_of(case, component, {field: case["fields"][field]}, field), listed)
    if "refused" in case:
        assert case["refused"] in refused_before
        return
    has_effect = before != after or refused != refused_before
    assert has_effect != ((component, field) in without_effect()), refused or "it makes no difference"


def test_the_documentation_names_each_component() -> None:
    """A reader finds what becomes of any component, and no field without effect that there is not."""
    text = (FOLDER / "docs/manifests.md").read_text(encoding="utf-8")
    assert [name for name in COMPONENTS if not re.search(rf"`{name}\b", text)] == []
    assert without_effect() <= set(FIELDS)
