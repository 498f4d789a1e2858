"""Recipes of a team for the classes of its own manifests: `recipes.yaml` beside the manifest.

It maps the name of a class to fields. The component takes these fields in place of its own, and needs no class:

    EventsRetriever: {type: SimpleRetriever}
    AccountsRouter: {type: ListPartitionRouter, values: "{{ config['accounts'] }}", cursor_field: account}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_rest_api.manifest.document import Component

_FILE = "recipes.yaml"


def read(folder: Path | None) -> dict[str, Component]:
    """Returns the recipes beside a manifest, by the last part of the class's name.

    Raises:
        ConfigError: The file is not a map from names to fields with a `type`.
    """
    path = None if folder is None else folder / _FILE
    if path is None or not path.is_file():
        return {}
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- few manifests have one; start-up counts

    try:
        recipes = yaml_text.load(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{_FILE} is {error}.") from None
    if not isinstance(recipes, dict) or not all(isinstance(of, dict) and of.get("type") for of in recipes.values()):
        raise ConfigError(f"{_FILE} must map the name of each class to fields with a `type`: `Name: {{type: …}}`.")
    return recipes


def applied(value: Any, recipes: Mapping[str, Component]) -> Any:
    """Returns a part of a manifest with the classes replaced that have a recipe. A null removes a field."""
    if isinstance(value, list):
        return [applied(item, recipes) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: applied(inner, recipes) for name, inner in value.items()}
    recipe = recipes.get(str(made.get("class_name") or "").rpartition(".")[2])
    if recipe is None:
        return made
    del made["class_name"]
    return {name: inner for name, inner in {**made, **recipe}.items() if inner is not None}
