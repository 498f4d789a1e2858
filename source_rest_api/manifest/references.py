"""References in templates of a manifest: where they begin, and their keys."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from source_rest_api.errors import ConfigError
from source_rest_api.templates.functions import FILTERS, FUNCTIONS
from source_rest_api.templates.get_calls import Step, got


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """Returns Jinja with the functions of this connector, and with the CDK's meaning of a missing key."""
    made = ImmutableSandboxedEnvironment(undefined=Undefined)
    made.globals = {"dict": dict, "namespace": Namespace, **FUNCTIONS}
    made.filters.update({name: of for name, of in FILTERS.items() if name not in made.filters})
    return made


def parsed(text: str) -> nodes.Template:
    """Returns the tree of a template.

    Raises:
        ConfigError: It is not a template.
    """
    try:
        with warnings.catch_warnings():  # of a pattern such as "\\d", whose backslash Jinja keeps as it is
            warnings.simplefilter("ignore", DeprecationWarning)
            return environment().parse(text)
    except TemplateError as error:
        raise ConfigError(f"the template `{text}` is not valid: {error.message}") from None


def expression(text: str) -> nodes.Expr:
    """Returns the tree of an expression without braces."""
    [output] = parsed(f"{{{{ {text} }}}}").body
    return output.nodes[0]  # type: ignore[no-any-return, attr-defined]


def split(node: nodes.Node) -> tuple[nodes.Node, list[Step]]:
    """Returns where a reference begins, and its constant keys from the outside in."""
    steps: list[Step] = []
    while True:
        found = got(node)
        if found is not None:
            step, node = found
        elif isinstance(node, nodes.Getattr):
            step, node = Step(node.attr), node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            step, node = Step(node.arg.value), node.node
        else:
            return node, steps[::-1]
        steps.append(step)


def look(value: Any, key: Any) -> tuple[bool, Any]:
    """Returns whether a value has a key, and what stands there."""
    try:
        return True, value[key]
    except (LookupError, TypeError):
        return False, None


def path(text: str, root: str) -> list[str] | None:
    """Returns the constant keys below a name, if an expression in braces is nothing else; otherwise None."""
    [output] = parsed(text).body
    name, steps = split(output.nodes[0])  # type: ignore[attr-defined]
    if not isinstance(name, nodes.Name) or name.name != root or not steps:
        return None
    empty = all(_is_empty(step.default) for step in steps)
    return [step.key for step in steps] if empty and all(isinstance(step.key, str) for step in steps) else None


def reference(text: str) -> tuple[str, ...]:
    """Returns the name and the constant keys of an expression without braces, such as `users.id`."""
    name, steps = split(expression(text))
    return (name.name if isinstance(name, nodes.Name) else "", *(str(step.key) for step in steps))


def _is_empty(default: nodes.Expr | None) -> bool:
    """True if what `.get` gives without a key is as good as nothing."""
    if isinstance(default, nodes.Dict | nodes.List):
        return not default.items
    return default is None or (isinstance(default, nodes.Const) and not default.value)
