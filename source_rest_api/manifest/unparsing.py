"""Writes the tree of a Jinja template as text again, once names in it were replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from source_rest_api.errors import ConfigError
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BINARY = {
    nodes.Add: "+",
    nodes.And: "and",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Mul: "*",
    nodes.Or: "or",
    nodes.Pow: "**",
    nodes.Sub: "-",
}
_UNARY = {nodes.Neg: "-", nodes.Not: "not ", nodes.Pos: "+"}
_COMPARED = {
    "eq": "==",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "lt": "<",
    "lteq": "<=",
    "ne": "!=",
    "notin": "not in",
}
_WORDS: dict[Any, str] = {None: "none", True: "true", False: "false"}


def template(tree: nodes.Template) -> str:
    """Returns the text of a template."""
    return _statements(tree.body)


def expression(node: nodes.Node) -> str:
    """Returns the text of an expression.

    Raises:
        ConfigError: It has a construct that templates here do not have.
    """
    for kind, write in _EXPRESSIONS.items():
        if isinstance(node, kind):
            return write(node)
    raise ConfigError(f"its template uses `{type(node).__name__}`, which has no equivalent here")


def constant(value: Any) -> nodes.Expr:
    """Returns the expression of a JSON value."""
    if isinstance(value, dict):
        return nodes.Dict([nodes.Pair(constant(str(key)), constant(inner)) for key, inner in value.items()])
    if isinstance(value, list | tuple):
        return nodes.List([constant(item) for item in value])
    return nodes.Const(value)


def _statements(body: Iterable[nodes.Node]) -> str:
    return "".join(map(_statement, body))


def _statement(node: nodes.Node) -> str:
    if isinstance(node, nodes.Output):
        return "".join(map(_printed, node.nodes))
    if isinstance(node, nodes.Assign):
        return f"{{% set {expression(node.target)} = {expression(node.node)} %}}"
    if isinstance(node, nodes.If):
        otherwise = "".join(f"{{% elif {expression(e.test)} %}}{_statements(e.body)}" for e in node.elif_)
        if node.else_:
            otherwise += f"{{% else %}}{_statements(node.else_)}"
        return f"{{% if {expression(node.test)} %}}{_statements(node.body)}{otherwise}{{% endif %}}"
    if isinstance(node, nodes.For):
        only = f" if {expression(node.test)}" if node.test else ""
        otherwise = f"{{% else %}}{_statements(node.else_)}" if node.else_ else ""
        head = f"{{% for {expression(node.target)} in {expression(node.iter)}{only} %}}"
        return f"{head}{_statements(node.body)}{otherwise}{{% endfor %}}"
    raise ConfigError(f"its template uses `{type(node).__name__}`, which has no equivalent here")


def _printed(node: nodes.Node) -> str:
    if isinstance(node, nodes.TemplateData):
        return node.data
    is_plain = isinstance(node, nodes.Const) and isinstance(node.value, str) and not templates.has_holes(node.value)
    return node.value if is_plain else f"{{{{ {expression(node)} }}}}"  # type: ignore[attr-defined]


def _const(node: Any) -> str:
    value = node.value
    return _WORDS[value] if value is None or isinstance(value, bool) else repr(value)


def _inner(node: nodes.Node) -> str:
    """An expression as a part of another: in parentheses, unless it needs none."""
    text = expression(node)
    return text if isinstance(node, _ATOMS) and not _is_negative(node) else f"({text})"


def _is_negative(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, int | float) and node.value < 0


def _getattr(node: Any) -> str:
    return f"{_inner(node.node)}.{node.attr}"


def _getitem(node: Any) -> str:
    return f"{_inner(node.node)}[{expression(node.arg)}]"


def _slice(node: Any) -> str:
    parts = ["" if part is None else expression(part) for part in (node.start, node.stop)]
    return ":".join([*parts, expression(node.step)] if node.step else parts)


def _arguments(node: Any) -> str:
    named = [f"{keyword.key}={expression(keyword.value)}" for keyword in node.kwargs]
    return ", ".join([*map(expression, node.args), *named])


def _call(node: Any) -> str:
    return f"{_inner(node.node)}({_arguments(node)})"


def _filter(node: Any) -> str:
    arguments = f"({_arguments(node)})" if node.args or node.kwargs else ""
    return f"{_inner(node.node)} | {node.name}{arguments}"


def _test(node: Any) -> str:
    arguments = f"({_arguments(node)})" if node.args or node.kwargs else ""
    return f"{_inner(node.node)} is {node.name}{arguments}"


def _choice(node: Any) -> str:
    otherwise = f" else {_inner(node.expr2)}" if node.expr2 else ""
    return f"{_inner(node.expr1)} if {_inner(node.test)}{otherwise}"


def _compare(node: Any) -> str:
    others = [f" {_COMPARED[operand.op]} {_inner(operand.expr)}" for operand in node.ops]
    return "".join([_inner(node.expr), *others])


def _tuple(node: Any) -> str:
    items = [expression(item) for item in node.items]
    return ", ".join(items) if node.ctx == "store" else f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _dict(node: Any) -> str:
    return f"{{{', '.join(f'{expression(pair.key)}: {expression(pair.value)}' for pair in node.items)}}}"


_ATOMS = (nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Call, nodes.List, nodes.Dict, nodes.Tuple)
_EXPRESSIONS: dict[type[nodes.Node], Callable[[Any], str]] = {
    nodes.Call: _call,
    nodes.Compare: _compare,
    nodes.Concat: lambda node: " ~ ".join(map(_inner, node.nodes)),
    nodes.CondExpr: _choice,
    nodes.Const: _const,
    nodes.Dict: _dict,
    nodes.Filter: _filter,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.List: lambda node: f"[{', '.join(map(expression, node.items))}]",
    nodes.Name: lambda node: str(node.name),
    nodes.Slice: _slice,
    nodes.Test: _test,
    nodes.Tuple: _tuple,
    nodes.UnaryExpr: lambda node: f"{_UNARY[type(node)]}{_inner(node.node)}",
    nodes.BinExpr: lambda node: f"{_inner(node.left)} {_BINARY[type(node)]} {_inner(node.right)}",
}
