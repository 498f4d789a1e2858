"""Parses YAML without its surprises.

Dates stay text. Only true and false are booleans. Numbers are those of JSON, so `0123` and `12:30` stay text. Keys are
text, and a duplicate key is an error. The values that aliases expand to are counted before they are built.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_NAMING = (
    "could not determine a constructor for the tag",
    "found duplicate anchor",
    "found undefined alias",
    "found undefined tag handle",
)
"""Parser messages that quote the text. It may be a secret that begins with `*`, `&` or `!`, so the rest is cut off."""
_MOST_ALIASED = 100_000
"""Upper limit of the values that all aliases of a text expand to."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without the surprises of YAML 1.1."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = 0
        self._aliased = 0
        self._sizes: dict[yaml.Node | None, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Composes a value. An alias counts as all the values that it expands to."""
        is_alias, mark = self.check_event(yaml.AliasEvent), self.peek_event().start_mark  # type: ignore[no-untyped-call]
        before = self._values
        node = super().compose_node(parent, index)
        if not is_alias:
            self._values += 1
            self._sizes[node] = self._values - before
            return node
        if node not in self._sizes:
            raise yaml.constructor.ConstructorError(None, None, "an alias is part of its own value", mark)
        self._values += self._sizes[node]
        self._aliased += self._sizes[node]
        if self._aliased > _MOST_ALIASED:
            problem = f"its aliases expand to more than {_MOST_ALIASED:,} values"
            raise yaml.constructor.ConstructorError(None, None, problem, mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, "duplicate key", key.start_mark)
                seen.add(key.value)
                if key.tag != "tag:yaml.org,2002:merge":
                    key.tag = "tag:yaml.org,2002:str"
        return node

    def construct_scalar(self, node: Any) -> Any:
        """Joins surrogate pairs, as ASCII-only JSON writes characters beyond 16 bits."""
        return super().construct_scalar(node).encode("utf-16", "surrogatepass").decode("utf-16")


_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def load(text: str) -> Any:
    """Parses one YAML (or JSON) document.

    Raises:
        ValueError: The text is not valid YAML. The message states line and column, but quotes nothing of the text.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 -- `_Loader` is a safe loader
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, error.problem or ""
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = next((start for start in _NAMING if problem.startswith(start)), problem)
        raise ValueError(f"not valid YAML{place}: {reason}") from None
    except Exception:  # noqa: BLE001 -- explicit tags and deep nesting raise errors of several types
        raise ValueError("not valid YAML") from None
