"""The endpoints of a connector of one's own: `endpoints.yaml`, and a schema for each in `schemas/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from source_rest_api.config.config import validated
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text
from source_rest_api.model import Model

if TYPE_CHECKING:
    from pathlib import Path


class _File(Model):
    endpoints: list[Endpoint]


def load_endpoints(folder: Path) -> list[Endpoint]:
    """Read `endpoints.yaml` in a folder, a list of endpoints as a config has them.

    An endpoint without `schema` gets that of `schemas/<name>.json`, if there is one.

    Raises:
        ConfigError: With all that is wrong in the file, and where.
    """
    try:
        entries = yaml_text.load((folder / "endpoints.yaml").read_text(encoding="utf-8"))
        given = [_with_schema(entry, folder / "schemas") for entry in entries] if isinstance(entries, list) else entries
    except ValueError as error:
        raise ConfigError(f"endpoints.yaml or a schema beside it is {error}.") from None
    try:
        return validated({"endpoints": given}, _File).endpoints
    except ConfigError as error:
        raise ConfigError(f"endpoints.yaml: {error.message}") from None


def _with_schema(entry: Any, schemas: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    file = schemas / f"{entry.get('name')}.json"
    return {"schema": json.loads(file.read_text(encoding="utf-8")), **entry} if file.exists() else entry
