"""Compiles a template to a plain function of its context, which returns the value.

Jinja compiles a template to a generator of texts. For a template that is filled for each record, running the generator
takes longer than the expression in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator

from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2.compiler import Frame
    from jinja2.sandbox import SandboxedEnvironment

_PREAMBLE = (
    "from jinja2.runtime import Undefined as cond_expr_undefined",
    "undefined, concat, text = environment.undefined, environment.concat, environment.finalize",
)
"""What each call would look up, looked up once. `environment` is in the namespace of every template."""


class ValueCode(CodeGenerator):
    """Jinja's code generator, for templates of one output: the function returns it, where Jinja's would yield it.

    The code of expressions is Jinja's own, so the sandbox sees each access, call and operation as before.
    """

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 -- Jinja's name
        """Writes the module of a template."""
        for line in _PREAMBLE:
            self.writeline(line)
        super().visit_Template(node, frame)

    def write_commons(self) -> None:
        """Writes the beginning of the function. Jinja's own has a `yield`, which makes it a generator."""
        self.writeline("resolve = context.resolve_or_missing")

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Writes the end of the function: it returns a single expression's value; of several parts, their text."""
        if len(node.nodes) == 1:
            self.writeline("return ", node)
            self.visit(node.nodes[0], frame)
            return
        self.writeline("return concat((", node)
        for part in node.nodes:
            is_text = isinstance(part, nodes.TemplateData)
            self.write("" if is_text else "text(")
            self.visit(part, frame)
            self.write(", " if is_text else "), ")
        self.write("))")


def function(environment: SandboxedEnvironment, text: str) -> Callable[[Any], Any]:
    """Returns the function of a template.

    A single `{{ … }}` gives the value of its expression, any other template gives text.

    Args:
        environment: The sandbox; its `finalize` converts a value to text.
        text: The template.
    """
    parts = output(environment, text)
    if parts is None:
        statements = environment.from_string(text).root_render_func
        return lambda context: templates.joined(statements(context))
    made = environment.overlay()
    made.code_generator_class = ValueCode
    made.concat = _joined  # type: ignore[method-assign]
    return made.from_string(nodes.Template([parts], lineno=1)).root_render_func


def output(environment: SandboxedEnvironment, text: str) -> nodes.Output | None:
    """Returns the parts of a template: one if it is a single expression, else several; None if it has statements."""
    expression = templates.expression(text)
    body = environment.parse(text if expression is None else text.strip()).body or [nodes.Output([], lineno=1)]
    if len(body) != 1 or not isinstance(body[0], nodes.Output):
        return None
    if expression is None:
        body[0].nodes.append(nodes.TemplateData(""))
    return body[0]


def _joined(parts: Iterable[str]) -> str:
    """Joins the parts of a text. Raises as `templates.joined`."""
    text = "".join(parts)
    return text if len(text) <= templates.LARGEST_RESULT else templates.joined(parts)
