"""Recognizes calls of `get` in the trees of templates."""

from __future__ import annotations

from typing import Any, NamedTuple

from jinja2 import nodes


class Step(NamedTuple):
    """One key of a reference; `default` is what `.get` gives without it."""

    key: Any
    is_get: bool = False
    default: nodes.Expr | None = None


def got(node: nodes.Node) -> tuple[Step, nodes.Node] | None:
    """Returns the key of `….get('key')`, and what it is called on; None if this is no such call."""
    if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get"):
        return None
    if not 1 <= len(node.args) <= 2 or not isinstance(node.args[0], nodes.Const) or node.kwargs:  # noqa: PLR2004 -- key, default
        return None
    return Step(node.args[0].value, True, node.args[1] if node.args[1:] else None), node.node.node
