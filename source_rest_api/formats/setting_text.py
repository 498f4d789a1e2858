"""Settings that Airbyte's form has as text.

The form has no free maps, and inside lists it would show the secrets of objects.
"""

from __future__ import annotations

from source_rest_api.formats import json_text


def from_yaml(value: object, *, empty: object = None) -> object:
    """Parses YAML text; any other value is returned unchanged.

    Args:
        value: The text, or the setting itself.
        empty: The setting for a text without content.
    """
    if not isinstance(value, str):
        return value
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- most configs have none; start-up counts

    return yaml_text.load(value) or empty


def from_json(value: object) -> object:
    """Parses JSON text; any other value is returned unchanged."""
    return json_text.load(value) if isinstance(value, str) else value
