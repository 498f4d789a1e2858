"""Rewrites templates of a manifest: what is known is filled in, and names become those of this connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import references, unparsing
from source_rest_api.templates import get_calls, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.templates.get_calls import Step

UNKNOWN = "!"
"""Begins the reason why a key of `stream_slice` has no equivalent here, in place of its expression."""
_SLICES = {"stream_interval", "stream_partition", "stream_slice"}
_OPENED = {"last_record", "record", "response"}
"""Names of which only the fields that a template reads are decoded, as long as it does not read them by `get`."""
_TOKEN = templates.TOKEN
_EMPTY = nodes.Const("")


class MissingError(Exception):
    """A key below a missing key: the whole template is empty, as in the CDK."""


class Names(NamedTuple):
    """What names in templates stand for."""

    values: Mapping[str, Any]
    """Values that are known before anything is read, by name."""
    slice: Mapping[str, Any]
    """What `stream_slice` holds, as expressions."""
    added: Mapping[str, str]
    """The fields that earlier transformations add, as expressions."""
    required: frozenset[str]
    """Keys that every config has, where the config itself is not known yet."""


class Rewriter(NodeTransformer):
    """Replaces what a template reads by what it is called here.

    Raises:
        ConfigError: It reads what has no equivalent here.
        MissingError: See there.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    def visit_Name(self, node: nodes.Name) -> Any:  # noqa: N802 -- Jinja's name
        """Replaces a name."""
        return self._replaced(node)

    def visit_Getattr(self, node: nodes.Getattr) -> Any:  # noqa: N802
        """Replaces a key after a dot."""
        return self._replaced(node)

    def visit_Getitem(self, node: nodes.Getitem) -> Any:  # noqa: N802
        """Replaces a key in brackets."""
        return self._replaced(node)

    def visit_Test(self, node: nodes.Test) -> Any:  # noqa: N802
        """Replaces `is defined`, where that is known."""
        if node.name in {"defined", "undefined"}:
            root, steps = references.split(node.node)
            values = self._names.values
            if isinstance(root, nodes.Name) and root.name in values:
                return nodes.Const(_is_defined(values[root.name], steps) == (node.name == "defined"))
        return self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> Any:  # noqa: N802
        """Replaces `.get`, and what else is called."""
        if get_calls.got(node) is not None:
            return self._replaced(node)
        if isinstance(node.node, nodes.Getattr):  # a method
            node.node.node = self.visit(node.node.node)
            node.args = [self.visit(argument) for argument in node.args]
            node.kwargs = [self.visit(keyword) for keyword in node.kwargs]
            return node
        return self.generic_visit(node)

    def _replaced(self, node: nodes.Expr) -> Any:
        root, steps = references.split(node)
        if not isinstance(root, nodes.Name):
            return self.generic_visit(node)
        if root.name in self._names.values:
            return self._folded(self._names.values[root.name], steps)
        if root.name == "config":
            return self._of_config(root, steps)
        if root.name in _SLICES:
            return self._of_slice(self._names.slice, steps)
        if root.name == _TOKEN and steps and steps[0].key == _TOKEN:
            return self._below(nodes.Name(_TOKEN, "load"), steps[1:])
        if root.name == "last_page_token_value":
            return self._below(nodes.Name(_TOKEN, "load"), steps)
        if root.name in _OPENED:
            return self._opened(root, steps)
        if root.name == "stream_state":
            raise ConfigError("its template reads `stream_state`, which the CDK no longer has either")
        return self.generic_visit(node)

    def _opened(self, root: nodes.Name, steps: list[Step]) -> Any:
        """Reads a field of a record or a body; a field that an earlier transformation adds is its expression."""
        if root.name != "response" and steps and steps[0].key in self._names.added:
            made = references.expression(self._names.added[steps[0].key])
            for name in [made] if isinstance(made, nodes.Name) else made.find_all(nodes.Name):
                name.name = root.name if name.name == "record" else name.name
            return self._below(made, steps[1:])
        return self._below(root, [_without_get(step) for step in steps])

    def _folded(self, value: Any, steps: list[Step]) -> Any:
        for count, step in enumerate(steps, 1):
            found, value = references.look(value, step.key)
            if found:
                continue
            if step.is_get:
                default = nodes.Const(None) if step.default is None else self.visit(step.default)
                return self._below(default, steps[count:])
            if count < len(steps):
                raise MissingError
            return _EMPTY
        return unparsing.constant(value)

    def _of_config(self, root: nodes.Name, steps: list[Step]) -> Any:
        """Reads a config that is not known yet: a key that it may lack is empty."""
        node: Any = root
        for count, step in enumerate(steps, 1):
            optional = not step.is_get and (count > 1 or step.key not in self._names.required)
            empty: nodes.Expr = nodes.Dict([]) if count < len(steps) else _EMPTY
            node = self._below(node, [step._replace(is_get=True, default=empty) if optional else step])
        return node

    def _of_slice(self, tree: Any, steps: list[Step]) -> Any:
        if not steps:  # as a condition: whether there is any
            return nodes.Name("stream_slice", "load")
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
        return self._below(references.expression(tree), left)

    def _below(self, node: Any, steps: list[Step]) -> Any:
        for step in steps:
            if step.is_get:
                given = [] if step.default is None else [self.visit(step.default)]
                node = nodes.Call(nodes.Getattr(node, "get", "load"), [nodes.Const(step.key), *given], [], None, None)
            else:
                node = nodes.Getitem(node, nodes.Const(step.key), "load")
        return node


def _without_get(step: Step) -> Step:
    """Returns a step without `.get`, where its default is as good as null; a missing field is null anyhow."""
    default = step.default
    is_null = default is None or (isinstance(default, nodes.Const) and default.value is None)
    is_object = isinstance(default, nodes.Dict) and not default.items
    return step._replace(is_get=False) if is_null or is_object else step


def _is_defined(value: Any, steps: list[Step]) -> bool:
    for step in steps:
        found, value = references.look(value, step.key)
        if not found:
            return step.is_get
    return True


class _Inliner(NodeTransformer):
    """Replaces the names that a template sets by what they are set to."""

    def __init__(self) -> None:
        self._values: dict[str, nodes.Expr] = {}

    def set(self, assigned: nodes.Assign) -> None:
        """Notes an assignment.

        Raises:
            ConfigError: It sets several names at once.
        """
        if not isinstance(assigned.target, nodes.Name):
            raise ConfigError("its template sets several names at once where an expression is needed")
        self._values[assigned.target.name] = self.visit(assigned.node)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 -- Jinja's name
        """Replaces a name."""
        return self._values.get(node.name, node)


def joined(body: list[nodes.Node], inliner: _Inliner | None = None) -> nodes.Expr:
    """Returns statements that print something as one expression.

    Raises:
        ConfigError: No expression can stand for them.
    """
    inliner = inliner or _Inliner()
    parts: list[nodes.Expr] = []
    for node in body:
        if isinstance(node, nodes.Output):
            parts += [_shown(inliner.visit(part)) for part in node.nodes]
        elif isinstance(node, nodes.Assign):
            inliner.set(node)
        elif isinstance(node, nodes.If):
            otherwise = joined(node.else_, inliner)
            for other in reversed(node.elif_):
                otherwise = nodes.CondExpr(inliner.visit(other.test), joined(other.body, inliner), otherwise)
            parts.append(nodes.CondExpr(inliner.visit(node.test), joined(node.body, inliner), otherwise))
        else:
            raise ConfigError(f"its template has a `{type(node).__name__.lower()}` where an expression is needed")
    parts = [part for part in parts if not (isinstance(part, nodes.Const) and part.value == "")]
    if len(parts) > 1:
        parts = [part for part in parts if not (isinstance(part, nodes.Const) and not str(part.value).strip())]
    return _EMPTY if not parts else parts[0] if len(parts) == 1 else nodes.Concat(parts)


def _shown(node: nodes.Expr) -> nodes.Expr:
    return nodes.Const(node.data) if isinstance(node, nodes.TemplateData) else node
