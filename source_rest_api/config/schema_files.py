"""Schema files: a folder with the JSON schemas of streams, each in `<name>.json`.

A connector of your own has them in `schemas/` beside its `endpoints.yaml`. For a config file, `discover --write` makes
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.formats import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDING = ".schemas"


def beside(config: str) -> Path:
    """Returns the folder of a config file: `shop.schemas` for `shop.yaml`.

    It has the name of the config because several configs in one folder may have streams of the same name.
    """
    return Path(config).with_suffix(_ENDING)


def find(folder: Path, name: str) -> dict[str, Any] | None:
    """Returns the schema of a stream, or None if it has no file.

    Raises:
        ConfigError: The file is not a schema.
    """
    path = _file(folder, name)
    try:
        found = json_text.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"The schema file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"The schema file {path} is {error}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("properties"), dict):
        raise ConfigError(f"The schema file {path} must be the JSON schema of an object, with `properties`.")
    return found


def write(folder: Path, schemas: Mapping[str, Any]) -> None:
    """Writes schemas by stream name. Each file is replaced as a whole, so none is ever incomplete.

    Raises:
        ConfigError: A file cannot be written, or the name of a stream cannot be that of a file.
    """
    for name in schemas:
        if _file(folder, name).parent != folder:
            raise ConfigError(f"The stream name `{name}` cannot be a file name. Set `schema` in the config instead.")
    try:
        folder.mkdir(exist_ok=True)
        for name, schema in schemas.items():
            json_text.replace(_file(folder, name), schema)
    except OSError as error:
        raise ConfigError(f"The schemas cannot be written to {folder}: {error.strerror}.") from None


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
