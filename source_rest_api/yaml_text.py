"""YAML as people mean it: dates stay text, and only true and false are booleans (as in YAML 1.2)."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """The safe loader without YAML 1.1's surprises."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(text: str) -> Any:
    """Read one YAML (or JSON) document.

    Raises:
        ValueError: With line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 -- it is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"not valid YAML{place}: {error.problem}") from None
    except yaml.YAMLError:
        raise ValueError("not valid YAML") from None
