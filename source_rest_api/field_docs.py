"""Reads the docstrings of a model's fields, which become the descriptions in the form.

They are read from the source only when the form is requested. pydantic's `use_attribute_docstrings` reads them at every
import, which took a fifth of the time to the first record.
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
    """Returns the docstrings of the fields that the class itself declares, by field name."""
    return _in_module(model.__module__).get(model.__qualname__, {})


@cache
def _in_module(name: str) -> dict[str, dict[str, str]]:
    """Returns the field docstrings of all classes in a module, by qualified name; empty without source code."""
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
    """Yields each field that has a docstring, with the docstring."""
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(below.value.value)
