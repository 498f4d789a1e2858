"""The endpoints of a connector of one's own: `endpoints.yaml`, and a schema for each in `schemas/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from source_rest_api import yaml_text
from source_rest_api.endpoint import Endpoint

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path) -> list[Endpoint]:
    """Read `endpoints.yaml` in a folder, a list of endpoints as a config has them.

    An endpoint without `schema` gets that of `schemas/<name>.json`, if there is one.

    Raises:
        pydantic.ValidationError: An endpoint is wrong.
    """
    endpoints = []
    for entry in yaml_text.load((folder / "endpoints.yaml").read_text(encoding="utf-8")):
        schema = folder / "schemas" / f"{entry.get('name')}.json"
        declared = {"schema": json.loads(schema.read_text(encoding="utf-8"))} if schema.exists() else {}
        endpoints.append(Endpoint.model_validate({**declared, **entry}))
    return endpoints
