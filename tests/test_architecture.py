"""The structure that docs/architecture.md draws."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "source_rest_api"
MODULES = {path.stem: ast.parse(path.read_text()) for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
ARCHITECTURE = (PACKAGE.parent / "docs/architecture.md").read_text()
LARGEST = 250


@cache
def imports(module: str, *, at_run_time: bool = True) -> set[str]:
    """The modules of the package that a module imports; those for types only are left out."""
    tree = MODULES[module]
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if at_run_time and id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "source_rest_api":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("source_rest_api."):
            found.add(str(node.module).partition(".")[2])
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("source_rest_api.")}
    return found & MODULES.keys()


@cache
def reached(module: str) -> set[str]:
    """Everything that importing a module brings in."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for other in imports(waiting.pop()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_imports_itself(module: str) -> None:
    """Imports go in one direction: following them never leads back."""
    assert module not in reached(module)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("errors", set(MODULES) - {"errors"}),
        ("raw_json", {"page", "config", "endpoint", "stream"}),
        ("page", {"paginators", "config", "endpoint", "requester", "stream"}),
        ("paginators", {"endpoint", "config", "requester", "stream", "sync"}),
        ("config", {"requester", "stream", "sync", "connector", "messages"}),
        ("requester", {"stream", "sync", "connector", "messages"}),
        ("stream", {"sync", "connector", "messages", "cli"}),
        ("messages", {"sync", "connector", "cli", "source"}),
        ("connector", {"cli", "source"}),
    ],
)
def test_the_lower_does_not_know_the_upper(lower: str, upper: set[str]) -> None:
    """Leaves and components know nothing of those that use them."""
    assert not reached(lower) & upper


def test_only_the_edge_imports_the_cdk() -> None:
    """The CDK is slow to import, so `main.py` does without it; `source.py` alone knows it."""
    users = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "airbyte" in ast.unparse(node)
    }
    assert users == {"source"}
    assert "source" not in reached("cli")


def test_only_one_module_writes_to_stdout() -> None:
    """`messages.Writer` writes; the command line hands it over; nothing else names it."""
    users = {module for module, tree in MODULES.items() if "stdout" in ast.unparse(_without_docstrings(tree))}
    assert users == {"cli"}


def _without_docstrings(tree: ast.Module) -> ast.Module:
    plain = ast.parse(ast.unparse(tree))
    for node in ast.walk(plain):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    return plain


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short_nouns(module: str) -> None:
    """A module is one noun, and can be read in one go."""
    assert module not in {"utils", "helpers", "common", "base", "misc"}
    assert len((PACKAGE / f"{module}.py").read_text().splitlines()) <= LARGEST


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_architecture_names_every_module(module: str) -> None:
    """Whoever looks for a module finds its room in docs/architecture.md."""
    assert f"`{module}`" in ARCHITECTURE
