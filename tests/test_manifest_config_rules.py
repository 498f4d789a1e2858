"""The rules of a manifest for its config: it is put in order and checked, before anything reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import config_rules
from source_rest_api.manifest.own_code.components import Components

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)
from airbyte_cdk.sources.declarative.validators.validation_strategy import ValidationStrategy


class Upper(ConfigTransformation):
    def transform(self, config):
        config["region"] = config["region"].upper()


class Short(ValidationStrategy):
    def validate(self, value):
        if len(value) > 3:
            raise ValueError("it is too long")
"""


def rules(**given: Any) -> dict[str, Any]:
    """A manifest with rules."""
    return {"spec": {"config_normalization_rules": {"type": "ConfigNormalizationRules", **given}}}


def schema(of: Any) -> dict[str, Any]:
    """A check by a JSON schema."""
    return {"type": "ValidateAdheresToSchema", "base_schema": of}


def test_conditions_decide() -> None:
    """A rule whose condition is false changes nothing, whatever a false one looks like."""
    steps = [
        {
            "type": "ConfigAddFields",
            "condition": "{{ config['region'] == 'us' }}",
            "fields": [{"path": ["a"], "value": 1}],
        },
        {"type": "ConfigRemoveFields", "condition": "{{ false }}", "field_pointers": [["region"]]},
    ]
    assert config_rules.applied(rules(transformations=steps), {"region": "eu"}) == {"region": "eu"}


@pytest.mark.parametrize(
    ("rule", "config", "error"),
    [
        (
            {"type": "DpathValidator", "field_path": ["ids", "*"], "validation_strategy": schema({"type": "integer"})},
            {"ids": [1, "secret"]},
            "integer",
        ),
        ({"type": "DpathValidator", "field_path": ["ids"], "validation_strategy": schema({"type": "array"})}, {}, None),
        (
            {"type": "DpathValidator", "field_path": ["ids"], "validation_strategy": schema('{"type": "array"}')},
            {"ids": "[1]"},
            None,
        ),
        (
            {
                "type": "PredicateValidator",
                "value": "{{ config['a'] + 1 }}",
                "validation_strategy": schema({"maximum": 2}),
            },
            {"a": 2},
            "maximum",
        ),
    ],
)
def test_a_config_that_does_not_keep_to_the_rules_is_an_error(rule: Any, config: Any, error: str | None) -> None:
    """It names the rule, and no value of the config."""
    manifest = rules(validations=[rule])
    if error is None:
        assert config_rules.applied(manifest, config) == config
        return
    with pytest.raises(ConfigError, match=error) as raised:
        config_rules.applied(manifest, config)
    assert "secret" not in raised.value.message


def test_classes_run_if_their_file_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without it, a warning names them."""
    steps = [{"type": "CustomConfigTransformation", "class_name": "source_declarative_manifest.components.Upper"}]
    own = {"type": "CustomValidationStrategy", "class_name": "source_declarative_manifest.components.Short"}
    check = {"type": "DpathValidator", "field_path": ["region"], "validation_strategy": own}
    manifest = rules(transformations=steps, validations=[check])
    assert config_rules.applied(manifest, {"region": "long"}) == {"region": "long"}
    assert "components.Upper` for the config does not run" in caplog.text
    (tmp_path / "components.py").write_text(CODE)
    assert config_rules.applied(manifest, {"region": "eu"}, Components(tmp_path)) == {"region": "EU"}
    with pytest.raises(ConfigError, match="it is too long"):
        config_rules.applied(manifest, {"region": "long"}, Components(tmp_path))
