"""Makes a connector of one's own from a manifest: `python main.py import manifest.yaml --folder source-acme`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from source_rest_api import scaffold
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document, sample, spec
from source_rest_api.manifest.translation import translated

if TYPE_CHECKING:
    from pathlib import Path

    from source_rest_api.manifest.translation import Translation

_CONNECTOR = '''"""The connector: its API, its streams and its form are in the files beside it."""

from __future__ import annotations

from pathlib import Path

from source_rest_api import ImportedConnector


class {class_name}(ImportedConnector):
    """Reads {title}."""

    folder = Path(__file__).parent
'''
_TEST = '''"""Tests that the form, the example config and the streams fit each other."""

from __future__ import annotations

import json
from pathlib import Path

from {package} import {class_name}

FOLDER = Path(__file__).parent.parent
CONFIG = json.loads((FOLDER / "secrets" / "config.example.json").read_text(encoding="utf-8"))
STREAMS = {streams}


def test_the_form_is_that_of_the_manifest() -> None:
    """The form has a field for each key of the example config."""
    assert CONFIG.keys() <= {class_name}().specification()["connectionSpecification"]["properties"].keys()


def test_all_streams_are_offered() -> None:
    """The example config is valid, and gives all streams."""
    session = {class_name}().session(CONFIG)
    assert sorted(endpoint.name for endpoint in session.offered) == STREAMS
'''
_NOTHING: tuple[Any, ...] = ({}, [], None, "GET", {"type": "none"})
_PATHS = {"cursor_field", "cursor_path", "next_url_path", "records_path", "unwrap"}
_LISTS = {"primary_key", "records_paths", "remove_fields"}
_ENDPOINTS = "# The streams. For all settings, see docs/configuration.md of source-rest-api.\n"
_API = "# The API. Templates read the config of the user, whose form is in spec.json.\n"


def create(manifest: Path, folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Writes a connector for a manifest.

    Args:
        manifest: The manifest.
        folder: The folder to write; its name is that of the connector.

    Returns:
        The files written, and why streams are missing, by name.

    Raises:
        ConfigError: The manifest is not valid, nothing of it can be imported, or the folder is not empty.
    """
    loaded = document.read(manifest)
    form = spec.form(loaded)
    made = translated(loaded, None, manifest.parent, frozenset(form.get("required") or ()))
    if not made.offered:
        raise ConfigError(f"No stream of the manifest can be imported:\n{made.reasons}")
    written = scaffold.create(folder.name, folder.parent)
    names = scaffold.names(folder.name)
    package = folder / names["package"]
    check = document.checked_streams(loaded) or made.offered
    example = sample.of(loaded, form, manifest.read_text(encoding="utf-8"))
    specification = spec.specification(loaded)
    if not form.get("properties"):
        specification["connectionSpecification"] = sample.form_of(example)
    texts = {
        package / "connector.py": _CONNECTOR.format(**names),
        package / "api.yaml": _API + _yaml(_api(made, check)),
        package / "endpoints.yaml": _ENDPOINTS + _yaml([_plain(each) for each in made.config["endpoints"]]),
        package / "spec.json": _json(specification),
        folder / "secrets" / "config.example.json": _json(example),
        folder / "tests" / "test_connector.py": _TEST.format(**names, streams=json.dumps(sorted(made.offered))),
        folder / "integration_tests" / "configured_catalog.json": _json(_catalog(made)),
    }
    for each in made.config["endpoints"]:
        if "schema" in each:
            texts[package / "schemas" / f"{each['name']}.json"] = _json(each["schema"])
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    unused = [path for path in written if path.parent == package / "schemas" and path not in texts]
    for path in unused:
        path.unlink()
    return sorted({*written, *texts} - {*unused}), made.blocked


def _api(made: Translation, checked: list[str]) -> dict[str, Any]:
    own = {name: value for name, value in made.config.items() if name != "endpoints"}
    return {**own, "offered": made.offered, "checked": [name for name in checked if name in made.offered]}


def _plain(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Returns an endpoint as one would write it: without what goes without saying, and with paths as texts."""
    kept = {name: value for name, value in endpoint.items() if name != "schema" and value not in _NOTHING}
    for holder in (kept, kept.get("pagination") or {}, kept.get("incremental") or {}):
        for name in _PATHS & holder.keys():
            holder[name] = _path(holder[name])
    for name in _LISTS & kept.keys():
        paths = [_path(path) for path in kept[name]]
        kept[name] = paths[0] if len(paths) == 1 and isinstance(paths[0], str) else paths
    return kept


def _path(path: Any) -> Any:
    """Returns a path with dots, unless a key has one."""
    is_plain = isinstance(path, list) and not any("." in key or "{" in key for key in path)
    return ".".join(path) if is_plain else path


def _catalog(made: Translation) -> dict[str, Any]:
    return {
        "streams": [
            {
                "stream": {
                    "name": each["name"],
                    "json_schema": each.get("schema") or {},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental" if each.get("incremental") else "full_refresh",
                "destination_sync_mode": "append",
            }
            for each in made.config["endpoints"]
            if each["name"] in made.offered
        ]
    }


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
