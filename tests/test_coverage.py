"""docs/coverage.md is true: each spelling in it is one that a config or a form may have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from source_rest_api.auth.authenticators import Bearer
from source_rest_api.auth.oauth import OAuth2
from source_rest_api.config.config import Config
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.config.loading import load
from source_rest_api.cursors.cursors import DatetimeText
from source_rest_api.formats import yaml_text
from source_rest_api.http.tls import Tls
from source_rest_api.model import Model, Secret
from source_rest_api.protocol.spec import specification

TEXT = (Path(__file__).parent.parent / "docs/coverage.md").read_text()
ROWS = {
    cells[0].strip("`"): cells[3].replace("\\|", "|")
    for cells in (re.split(r"(?<!\\) \| ", line[2:-2]) for line in re.findall(r"^\| `.*$", TEXT, re.MULTILINE))
}
SPELLED = {name: cell[1:].partition("`")[0] for name, cell in ROWS.items() if cell.startswith("`")}
FORM = {name: text for name, text in SPELLED.items() if name.startswith("spec.") and ":" in text}
CONFIG = {name: text for name, text in SPELLED.items() if not name.startswith(("spec.", "custom.", "schema.file"))}
PARENTS = [
    {"name": "orgs", "path": "/orgs"},
    {"name": "repos", "path": "/orgs/{{ orgs.id }}/repos", "incremental": {"cursor_field": "updated_at"}},
]


class Report(Model):
    """Something to read."""

    name: str
    """Its name."""


def _named(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_feature_that_was_counted_has_its_row() -> None:
    """240 features in 14 tables, and 32 needs behind custom Python, each with an answer."""
    assert len(ROWS) == 240 + 32
    assert all(ROWS.values())
    assert len(SPELLED) > 150


@pytest.mark.parametrize("name", CONFIG)
def test_a_spelling_is_part_of_a_config(name: str) -> None:
    """It loads, in an endpoint below two parents or as a setting of the config."""
    given = yaml_text.load(CONFIG[name])
    assert isinstance(given, dict), CONFIG[name]
    own = {key: value for key, value in given.items() if key in _named(Endpoint)}
    around = {key: value for key, value in given.items() if key not in own}
    assert set(around) <= _named(Config)
    endpoints = [*PARENTS, {"name": "a", "path": "/a", **own}]
    config = load({"url_base": "https://api.example.com", "endpoints": endpoints, **around})
    assert len(config.streams) == 3


@pytest.mark.parametrize("name", FORM)
def test_a_spelling_is_part_of_a_form(name: str) -> None:
    """It can be a field of a custom connector's config model."""
    scope: dict[str, Any] = {
        "Annotated": Annotated, "Bearer": Bearer, "DatetimeText": DatetimeText, "Field": Field, "Literal": Literal,
        "Model": Model, "OAuth2": OAuth2, "Report": Report, "Secret": Secret, "Tls": Tls,
    }  # fmt: skip
    source = f'class Form(Model):\n    """A form."""\n    {FORM[name]}\n    """A field."""\n'
    exec(compile(source, name, "exec", dont_inherit=True), scope)
    [field] = specification(scope["Form"])["connectionSpecification"]["properties"].values()
    wanted: dict[str, Any] = {
        "spec.string": {"type": "string"},
        "spec.secret": {"type": "string", "airbyte_secret": True},
        "spec.pattern": {"pattern": "^[a-z]+$"},
        "spec.date_format": {"format": "date-time"},
        "spec.optional": {"type": "string"},
        "spec.default": {"default": 100},
        "spec.enum": {"enum": ["eu", "us"], "default": "eu"},
        "spec.number": {"type": "number"},
        "spec.array": {"type": "array", "items": {"type": "string"}},
        "spec.boolean": {"type": "boolean"},
        "spec.one_of": {"type": "object"},
        "spec.min_max": {"minimum": 1, "maximum": 365},
        "spec.array_of_objects": {"type": "array"},
        "spec.hidden": {"airbyte_hidden": True},
        "spec.nested_object": {"type": "object"},
    }
    assert {key: field[key] for key in wanted[name]} == wanted[name]
