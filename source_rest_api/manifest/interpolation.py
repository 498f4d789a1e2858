"""Templates of a manifest, with the meaning that the CDK gives them: a missing key is empty.

A template that reads only the config and `parameters` becomes its value. Any other becomes a template of this
connector: what it reads of the config is filled in, and the names of partitions and intervals become those of here.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Undefined, UndefinedError, nodes
from jinja2.exceptions import TemplateError
from jinja2.visitor import NodeTransformer

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import unparsing
from source_rest_api.templates import sandbox, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "!"
"""Begins the reason why a key of `stream_slice` has no equivalent here, in place of its expression."""
_SLICES = {"stream_interval", "stream_partition", "stream_slice"}
_FOLDED = {"config", "parameters", "components_values", "stream_template_config", "options"}
_TOKEN = templates.TOKEN
_CLOCK = re.compile(r"now_utc|today_utc|today_with_timezone|day_delta|generate_uuid")
_EMPTY = nodes.Const("")


class _MissingError(Exception):
    """A key below a missing key: the whole template is empty, as in the CDK."""


class _Step(NamedTuple):
    """One key of a reference; `default` is what `.get` gives without it."""

    key: Any
    is_get: bool = False
    default: nodes.Expr | None = None


class Scope(NamedTuple):
    """What the templates of a component read.

    Args:
        config: The config as the user wrote it.
        parameters: The `$parameters`.
        slice: What `stream_slice` holds, as expressions of this connector's templates, by key.
        added: The fields that earlier transformations add, as expressions.
        more: Further values, by name.
    """

    config: Mapping[str, Any]
    parameters: Mapping[str, Any] = {}
    slice: Mapping[str, Any] = {}
    added: Mapping[str, str] = {}
    more: Mapping[str, Any] = {}

    def of(self, component: Mapping[str, Any]) -> Scope:
        """Returns the scope with the parameters of a component."""
        return self._replace(parameters=component.get("$parameters") or {})

    @property
    def values(self) -> dict[str, Any]:
        """The values that are known before anything is read."""
        return {"config": self.config, "parameters": self.parameters, "options": self.parameters, **self.more}

    def value(self, given: Any) -> Any:
        """Returns what a text of the manifest stands for: its value, or a template of this connector.

        Raises:
            ConfigError: Its template has no equivalent here.
        """
        if not isinstance(given, str) or not templates.has_holes(given):
            return given
        if self.is_known(given) and not is_volatile(given):
            return evaluated(given, self.values)
        try:
            return unparsing.template(_Rewriter(self).visit(_parsed(given)))
        except _MissingError:
            return None

    def text(self, given: Any) -> str:
        """Returns a text for a place that is a template: its value, as Python writes it, or a template."""
        value = self.value(given)
        if value is None:
            return ""
        is_template = isinstance(given, str) and (not self.is_known(given) or is_volatile(given))
        return value if is_template else plain(str(value))

    def is_known(self, given: str) -> bool:
        """True if a template reads only what is known before the read."""
        return names(given) <= _FOLDED | self.more.keys()

    def url(self, given: Any) -> str:
        """Returns a part of a URL, in which templates insert their values as they are, as the CDK does."""
        text = self.text(given)
        if not templates.has_holes(text):
            return text
        tree = _parsed(text)
        for output in tree.find_all(nodes.Output):
            output.nodes = [
                part if isinstance(part, nodes.TemplateData) else nodes.Filter(part, "safe", [], [], None, None)
                for part in output.nodes
            ]
        return unparsing.template(tree)

    def known(self, given: Any, what: str) -> Any:
        """Returns the value of a text that has to be known before anything is read.

        Raises:
            ConfigError: It is not.
        """
        if not isinstance(given, str) or not templates.has_holes(given):
            return given
        if not self.is_known(given):
            raise ConfigError(f"{what} reads `{min(names(given) - _FOLDED)}`, which is not known before the read")
        return evaluated(given, self.values)

    def expression(self, given: Any) -> str:
        """Returns the single expression that a template amounts to, in braces.

        Raises:
            ConfigError: It has statements that no expression can stand for.
        """
        if not isinstance(given, str):
            return f"{{{{ {unparsing.expression(unparsing.constant(given))} }}}}"
        try:
            tree = _Rewriter(self).visit(_parsed(given))
        except _MissingError:
            return "{{ none }}"
        return f"{{{{ {unparsing.expression(_joined(tree.body))} }}}}"


def path(expression: str, root: str) -> list[str] | None:
    """Returns the constant keys below a name, if an expression in braces is nothing else; otherwise None."""
    [output] = _parsed(expression).body
    name, steps = _reference(output.nodes[0])  # type: ignore[attr-defined]
    if not isinstance(name, nodes.Name) or name.name != root or not steps:
        return None
    empty = all(_is_empty(step.default) for step in steps)
    return [step.key for step in steps] if empty and all(isinstance(step.key, str) for step in steps) else None


def reference(expression: str) -> tuple[str, ...]:
    """Returns the name and the constant keys of an expression without braces, such as `users.id`."""
    name, steps = _reference(_expression(expression))
    return (name.name if isinstance(name, nodes.Name) else "", *(str(step.key) for step in steps))


def _is_empty(default: nodes.Expr | None) -> bool:
    """True if what `.get` gives without a key is as good as nothing."""
    if isinstance(default, nodes.Dict | nodes.List):
        return not default.items
    return default is None or (isinstance(default, nodes.Const) and not default.value)


def is_volatile(text: str) -> bool:
    """True if what a template gives depends on the time."""
    return templates.has_holes(text) and _CLOCK.search(text) is not None


def names(text: str) -> frozenset[str]:
    """Returns the names that a template reads.

    Raises:
        ConfigError: It is not a template.
    """
    try:
        return templates.names(text)
    except TemplateError as error:
        raise ConfigError(f"the template `{text}` is not valid: {error.message}") from None


def plain(text: str) -> str:
    """Returns a text as a template that gives it."""
    return f"{{{{ {text!r} }}}}" if templates.has_holes(text) else text


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """Returns the value of a template as the CDK finds it: its text, read as a Python literal where it is one.

    Raises:
        ConfigError: It fails.
    """
    try:
        found = _environment().from_string(text).render(values)
    except UndefinedError:
        return None
    except Exception as error:  # noqa: BLE001 -- a template may fail in any way
        raise ConfigError(f"the template `{text}` fails ({type(error).__name__})") from None
    return literal(found) if found else None


def literal(text: str) -> Any:
    """Returns the value of a text that is a Python literal, and any other text as it is."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    if isinstance(value, tuple | set):
        return list(value)
    return text if isinstance(value, complex | bytes) else value


@cache
def _environment() -> sandbox.Sandbox:
    return sandbox.furnish(sandbox.Sandbox(undefined=Undefined))


def _parsed(text: str) -> nodes.Template:
    try:
        return _environment().parse(text)
    except TemplateError as error:
        raise ConfigError(f"the template `{text}` is not valid: {error.message}") from None


class _Rewriter(NodeTransformer):
    """Replaces what a template reads by what it is called here."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 -- Jinja's name
        return self._replaced(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        return self._replaced(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        return self._replaced(node)

    def visit_Test(self, node: nodes.Test) -> Any:  # noqa: N802
        if node.name in {"defined", "undefined"}:
            root, steps = _reference(node.node)
            values = self._scope.values
            if isinstance(root, nodes.Name) and root.name in values:
                return nodes.Const(_is_defined(values[root.name], steps) == (node.name == "defined"))
        return self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> Any:  # noqa: N802
        if _got(node) is not None:
            return self._replaced(node)
        if isinstance(node.node, nodes.Getattr):  # a method
            node.node.node = self.visit(node.node.node)
            node.args = [self.visit(argument) for argument in node.args]
            node.kwargs = [self.visit(keyword) for keyword in node.kwargs]
            return node
        return self.generic_visit(node)

    def _replaced(self, node: nodes.Expr) -> Any:
        root, steps = _reference(node)
        if not isinstance(root, nodes.Name):
            return self.generic_visit(node)
        if root.name in self._scope.values:
            return self._folded(self._scope.values[root.name], steps)
        if root.name in _SLICES:
            return self._of_slice(self._scope.slice, steps)
        if root.name == _TOKEN and steps and steps[0].key == _TOKEN:
            return self._below(nodes.Name(_TOKEN, "load"), steps[1:])
        if root.name == "last_page_token_value":
            return self._below(nodes.Name(_TOKEN, "load"), steps)
        if root.name in {"record", "last_record"} and steps and steps[0].key in self._scope.added:
            made = _expression(self._scope.added[steps[0].key])
            for name in [made] if isinstance(made, nodes.Name) else made.find_all(nodes.Name):
                name.name = root.name if name.name == "record" else name.name
            return self._below(made, steps[1:])
        if root.name == "stream_state":
            raise ConfigError("its template reads `stream_state`, which the CDK does not have any more either")
        return self.generic_visit(node)

    def _folded(self, value: Any, steps: list[_Step]) -> Any:
        for count, step in enumerate(steps, 1):
            found, value = _look(value, step.key)
            if found:
                continue
            if step.is_get:
                default = nodes.Const(None) if step.default is None else self.visit(step.default)
                return self._below(default, steps[count:])
            if count < len(steps):
                raise _MissingError
            return _EMPTY
        return unparsing.constant(value)

    def _of_slice(self, tree: Any, steps: list[_Step]) -> Any:
        left = list(steps)
        while left and isinstance(tree, dict):
            step = left.pop(0)
            if step.key in tree:
                tree = tree[step.key]
            elif step.key not in {"partition", "cursor_slice"}:
                default = _EMPTY if step.default is None else self.visit(step.default)
                return self._below(default, left)
        if isinstance(tree, dict):
            raise ConfigError("its template reads the whole of `stream_slice`, which has no equivalent here")
        if tree.startswith(UNKNOWN):
            raise ConfigError(tree.removeprefix(UNKNOWN))
        return self._below(_expression(tree), left)

    def _below(self, node: Any, steps: list[_Step]) -> Any:
        for step in steps:
            if step.is_get:
                given = [] if step.default is None else [self.visit(step.default)]
                node = nodes.Call(nodes.Getattr(node, "get", "load"), [nodes.Const(step.key), *given], [], None, None)
            else:
                node = nodes.Getitem(node, nodes.Const(step.key), "load")
        return node


def _expression(text: str) -> nodes.Expr:
    [output] = _parsed(f"{{{{ {text} }}}}").body
    return output.nodes[0]  # type: ignore[no-any-return, attr-defined]


def _reference(node: nodes.Node) -> tuple[nodes.Node, list[_Step]]:
    """Returns where a reference begins, and its constant keys from the outside in."""
    steps: list[_Step] = []
    while True:
        got = _got(node)
        if got is not None:
            step, node = got
        elif isinstance(node, nodes.Getattr):
            step, node = _Step(node.attr), node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            step, node = _Step(node.arg.value), node.node
        else:
            return node, steps[::-1]
        steps.append(step)


def _got(node: nodes.Node) -> tuple[_Step, nodes.Node] | None:
    """Returns the key of `….get('key')`, and what it is called on; None if this is no such call."""
    if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get"):
        return None
    if not 1 <= len(node.args) <= 2 or not isinstance(node.args[0], nodes.Const) or node.kwargs:  # noqa: PLR2004 -- key, default
        return None
    return _Step(node.args[0].value, True, node.args[1] if node.args[1:] else None), node.node.node


def _look(value: Any, key: Any) -> tuple[bool, Any]:
    try:
        return True, value[key]
    except (LookupError, TypeError):
        return False, None


def _is_defined(value: Any, steps: list[_Step]) -> bool:
    for step in steps:
        found, value = _look(value, step.key)
        if not found:
            return step.is_get
    return True


def _joined(body: list[nodes.Node]) -> nodes.Expr:
    """Returns statements that print something as one expression."""
    parts: list[nodes.Expr] = []
    for node in body:
        if isinstance(node, nodes.Output):
            parts += [_shown(part) for part in node.nodes]
        elif isinstance(node, nodes.If):
            otherwise = _joined(node.else_)
            for other in reversed(node.elif_):
                otherwise = nodes.CondExpr(other.test, _joined(other.body), otherwise)
            parts.append(nodes.CondExpr(node.test, _joined(node.body), otherwise))
        else:
            raise ConfigError(f"its template has a `{type(node).__name__.lower()}` where an expression is needed")
    parts = [part for part in parts if not (isinstance(part, nodes.Const) and part.value == "")]
    if len(parts) > 1:
        parts = [part for part in parts if not (isinstance(part, nodes.Const) and not str(part.value).strip())]
    return _EMPTY if not parts else parts[0] if len(parts) == 1 else nodes.Concat(parts)


def _shown(node: nodes.Expr) -> nodes.Expr:
    return nodes.Const(node.data) if isinstance(node, nodes.TemplateData) else node
