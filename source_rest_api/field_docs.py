"""The docstrings of a model's fields: what the form says of them.

Read from the source when the form is asked for. pydantic would do it whenever a model is imported
(`use_attribute_docstrings`), which was a fifth of the time to the first record.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def of(model: type) -> dict[str, str]:
    """Each field's docstring, as far as the class itself has them."""
    return _in_module(model.__module__).get(model.__qualname__, {})


@cache
def _in_module(name: str) -> dict[str, dict[str, str]]:
    """Those of all classes, by qualified name; none where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError):
        return {}
    return dict(_in_body(tree.body, ""))


def _in_body(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, dict(_documented(node.body))
            yield from _in_body(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield from _in_body(node.body, f"{prefix}{node.name}.<locals>.")


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Fields with a text below them."""
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(below.value.value)
