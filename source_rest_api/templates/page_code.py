"""Compiles the filter and the added fields of a stream to one function, which changes all records of a page.

With a function for each template, calls, lookups of names and decoded fields that nothing reads would cost several
times what the expressions cost.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator

from source_rest_api.formats import raw_json
from source_rest_api.templates import field_tree, record_sandbox, templates, value_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jinja2.compiler import Frame
    from jinja2.runtime import Context
    from jinja2.sandbox import SandboxedEnvironment
    from msgspec import Raw

    from source_rest_api.templates.field_tree import FieldTree

RECORD = "record"
"""The name of the record in templates."""
_PREAMBLE = f"""
from jinja2.runtime import Undefined as cond_expr_undefined
from msgspec import Raw
from {raw_json.__name__} import encode
from {record_sandbox.__name__} import ABSENT, BLANK, NULL, plain
undefined, text = environment.undefined, environment.finalize
getattr_, getitem, join, join_bytes = environment.getattr, environment.getitem, "".join, b"".join
"""
"""What each call would look up, looked up once. `environment` is in the namespace of every template."""


class PageCode(CodeGenerator):
    """Jinja's code generator, for templates of one output each: one loop over the records fills them all.

    The code of expressions is Jinja's own, so the sandbox sees each access, call and operation as before. Only where an
    object has the field that a template reads, the field is taken without asking the sandbox.

    Args:
        fields: The fields that a decoded record has as attributes; None if it is decoded to a dict.
        added: The names of the fields to add, whose templates are the last outputs. A first output before them is a
            condition on the records to keep.
    """

    def __init__(self, fields: FieldTree | None, added: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fields = fields
        self._added = added
        self._first = 0

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 -- Jinja's name
        """Writes the module."""
        for line in _PREAMBLE.strip().splitlines():
            self.writeline(line)
        super().visit_Template(node, frame)

    def write_commons(self) -> None:
        """Writes the beginning of the outer function, which looks up the names that all records share."""
        self.writeline("resolve = context.resolve_or_missing")

    def blockvisit(self, body: Any, frame: Frame) -> None:
        """Writes the inner function, `page`, which returns the records to keep.

        The parameters of `page`:

        - `records`: the records
        - `decode`: decodes a record as `fields` says
        - `general`: returns a record with its fields, if that failed here
        - `finish`: returns a record with its fields, given their values
        - `at_end`: True if the fields may be written at the end of a record as it stands
        """
        self._block("def page(records, decode, general, finish, at_end):", "kept = []", "append = kept.append")
        self._block("for raw in records:")
        self._block("try:", "record = decode(raw)")
        self._first = len(body) - len(self._added)
        for number, output in enumerate(body):
            self._output(output, number, frame)
            if not self._is_added(number):
                self.writeline("if not v0: continue")
        self._ending(body)
        self.outdent()
        self._block("except Exception:", "changed = general(raw)")
        self.outdent()
        self._block("else:", f"changed = finish(raw, ({''.join(f'{value}, ' for value in self._values())}))")
        self.outdent()
        self._block("if changed is not None:", "append(changed)")
        self.outdent(2)
        self.writeline("return kept")
        self.outdent()
        self.writeline("return page")

    def _block(self, head: str, *lines: str) -> None:
        self.writeline(head)
        self.indent()
        for line in lines:
            self.writeline(line)

    def _output(self, output: nodes.Output, number: int, frame: Frame) -> None:
        """Writes the code of one template."""
        value = f"v{number}"
        self.writeline(f"{value} = ", output)
        if len(output.nodes) > 1:
            self._text(output.nodes, frame)
            self.writeline(f"if len({value}) > {templates.LARGEST_RESULT}: raise ValueError")
            return
        self.visit(output.nodes[0], frame)
        if self._is_added(number):
            self.writeline(f"if type({value}) is not str: {value} = plain({value})")

    def _text(self, parts: Sequence[nodes.Expr], frame: Frame) -> None:
        """Writes a text of several parts."""
        self.write("join((")
        for part in parts:
            if isinstance(part, nodes.TemplateData):
                if not part.data:
                    continue
                self.visit(part, frame)
            else:
                name = self.temporary_identifier()
                self.write(f"{name} if type({name} := ")
                self.visit(part, frame)
                self.write(f") is str else text({name})")
            self.write(", ")
        self.write("))")

    def _is_added(self, number: int) -> bool:
        return number >= self._first

    def _values(self) -> list[str]:
        return [f"v{self._first + n}" for n in range(len(self._added))]

    def _ending(self, body: Sequence[nodes.Output]) -> None:
        """Writes the fields at the end of a record, if nothing else happens to it and it has none of them."""
        pieces = [
            f"{b',' + raw_json.encode(name) + b':'!r}, encode({value})"
            for name, value in zip(self._added, self._values(), strict=True)
        ]
        if not pieces:
            self._block("if at_end:", "append(raw)", "continue")
            self.outdent()
            return
        conditions = ["at_end", *filter(None, map(self._is_free, self._added))]
        for number, output in enumerate(body):
            if self._is_added(number) and any(choice.expr2 is None for choice in output.find_all(nodes.CondExpr)):
                conditions.append(f"v{number} is not BLANK")
        self._block(f"if {' and '.join(conditions)}:", "own = bytes(raw)[:-1].rstrip()")
        self._block("if own != b'{':", f"append(Raw(join_bytes((own, {', '.join(pieces)}, b'}}'))))", "continue")
        self.outdent(2)

    def _is_free(self, name: str) -> str:
        """Returns the condition that a record has no such field; empty if it has been decided before."""
        if self._fields is None:
            return f"{name!r} not in record"
        steps = field_tree.attributes(self._fields, [name]) if name in self._fields else None
        return f"record.{steps[0]} is ABSENT" if steps else ""

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Writes a name. The record is a variable of the inner function."""
        if node.name == RECORD:
            self.write("record")
        else:
            super().visit_Name(node, frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Writes `owner.name`."""
        self._access(node, node.attr, "getattr_", frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Writes `owner[…]`."""
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            self._access(node, node.arg.value, "getitem", frame)
        else:
            super().visit_Getitem(node, frame)

    def _access(self, node: nodes.Getattr | nodes.Getitem, name: str, sandbox: str, frame: Frame) -> None:
        value = self.temporary_identifier()
        steps = self._attributes(node)
        if steps:
            found = " or ".join(
                f"({value} := {owner}.{step}) is None"
                for owner, step in zip(("record", *[value] * (len(steps) - 1)), steps, strict=True)
            )
            self.write(f"(NULL if {found} else {value})")
            return
        holder = self.temporary_identifier()
        self.write(f"({value} if isinstance({holder} := ")
        self.visit(node.node, frame)
        self.write(f", dict) and ({value} := {holder}.get({name!r})) is not None else {sandbox}({holder}, {name!r}))")

    def _attributes(self, node: nodes.Node) -> list[str] | None:
        """Returns the attributes of a decoded record that lead to a field; None if it is decoded to a dict."""
        keys: list[str] = []
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
            if not isinstance(key, str):
                return None
            keys.insert(0, key)
            node = node.node
        is_field = isinstance(node, nodes.Name) and node.name == RECORD and self._fields is not None
        return field_tree.attributes(self._fields, keys) if is_field and self._fields else None


def function(
    environment: SandboxedEnvironment,
    condition: str | None,
    values: Mapping[str, Any],
    fields: FieldTree | None,
) -> Callable[[Context], Callable[..., list[Raw]]] | None:
    """Returns the function of a stream's templates; None if one of them has statements.

    Args:
        environment: The sandbox; its `finalize` converts a value to text.
        condition: The records to keep; None for all.
        values: The fields to add: templates, and values that are no text.
        fields: The fields that decoded records have as attributes; None if they are decoded to dicts.

    Returns:
        A function of the context that all records of a page share. It returns the function `page` (see `blockvisit`).
    """
    given = ([] if condition is None else [condition]) + list(values.values())
    outputs = [
        value_code.output(environment, value)
        if isinstance(value, str)
        else nodes.Output([nodes.Const(value)], lineno=1)
        for value in given
    ]
    if None in outputs:
        return None
    made = environment.overlay()
    made.code_generator_class = partial(PageCode, fields, list(values))  # type: ignore[assignment]
    run: Any = made.from_string(nodes.Template(outputs, lineno=1)).root_render_func
    return run  # type: ignore[no-any-return]
