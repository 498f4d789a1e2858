"""Finds what the templates of a manifest read, and evaluates them as the CDK does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from jinja2 import nodes

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import references

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVALUATION = JinjaInterpolation()

Path = tuple[Any, ...]


FAILED = object()
"""The value of a template that fails."""


def evaluated(text: Any, config: dict[str, Any], **context: Any) -> Any:
    """Returns the value of a template, as the CDK finds it; None if it fails."""
    found = tried(text, config, **context)
    return None if found is FAILED else found


def tried(text: Any, config: dict[str, Any], default: str | None = None, **context: Any) -> Any:
    """Returns the value of a template, as the CDK finds it; `FAILED` if it fails.

    Args:
        text: The template.
        config: The config.
        default: The template in place of one that reads what is not there. The CDK takes a token's own template, so
            that such a token fails.
        context: What else it reads.
    """
    if not isinstance(text, str) or "{" not in text:
        return text
    try:
        return _EVALUATION.eval(text, config, default, **context)
    except Exception:  # noqa: BLE001 -- a template of others may fail in any way
        return FAILED


@cache
def paths(text: str, root: str) -> frozenset[Path]:
    """Returns the paths that a template reads below a name, such as ("meta", "next") below `response`."""
    try:
        tree = references.parsed(text)
    except ConfigError:
        return frozenset()
    methods = {id(call.node) for call in tree.find_all(nodes.Call)}  # `record.name.upper()` reads `name`
    found = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Call)):
        if id(node) in methods:
            continue
        start, steps = references.split(node)
        if isinstance(start, nodes.Name) and start.name == root and steps:
            found.add(tuple(step.key for step in steps))
    return frozenset(path for path in found if not any(_begins(other, path) for other in found))


def _begins(longer: Path, path: Path) -> bool:
    return len(longer) > len(path) and longer[: len(path)] == path


def compared(text: str) -> Iterator[tuple[Path, Any]]:
    """Yields the paths of a record that a condition compares with a constant, and the constant."""
    try:
        tree = references.parsed(text)
    except ConfigError:
        return
    for node in tree.find_all(nodes.Compare):
        start, steps = references.split(node.expr)
        [operand, *_] = node.ops
        value = operand.expr
        if isinstance(value, nodes.List) and value.items:
            value = value.items[0]
        if isinstance(start, nodes.Name) and start.name == "record" and isinstance(value, nodes.Const):
            yield tuple(step.key for step in steps), value.value


def texts(value: Any) -> Iterator[str]:
    """Yields all texts in a component."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
