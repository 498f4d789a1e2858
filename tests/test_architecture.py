"""The structure that docs/architecture.md draws: packages, one import direction, short modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "source_rest_api"
ORDER = """
dlt_source spark_source
stream_parts
cli source stream_pages
manifest onboarding
scaffold
connector
session
sync
deletions
streams protocol
config state
cursors
auth records pagination
http
model
templates
formats
errors read_stats field_docs
lazy_models plurals spellings unset closest_name
"""
"""From the top: a package or root module may import those on the lines below its own."""
LINES = {name: number for number, line in enumerate(ORDER.split("\n")) for name in line.split()}
PACKAGES = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("**/*/__init__.py")}
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text())
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}
LARGEST = 300
ARCHITECTURE = (PACKAGE.parent / "docs/architecture.md").read_text()


def imports(tree: ast.Module) -> set[str]:
    """The modules of the package that a module imports anywhere, those for types too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    inner = {name.removeprefix("source_rest_api.") for name in found if name.startswith("source_rest_api.")}
    return inner & MODULES.keys()


def room(module: str) -> str:
    """The package that a module lives in, or the name of a module at the root."""
    return module.partition(".")[0]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down(module: str) -> None:
    """A module imports only its own package and those below it, even for types."""
    own = room(module)
    others = {other for other in imports(MODULES[module]) if room(other) != own}
    assert not {other for other in others if LINES[room(other)] <= LINES[own]}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_imports_itself(module: str) -> None:
    """Following imports, those for types too, never leads back."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for other in imports(MODULES[waiting.pop()]) - seen:
            seen.add(other)
            waiting.append(other)
    assert module not in seen


def test_the_order_names_every_room() -> None:
    """There is no package and no root module that the order does not place."""
    assert {room(module) for module in MODULES} == LINES.keys()
    assert {package.partition("/")[0] for package in PACKAGES} < LINES.keys()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_says_what_is_in_it(package: str) -> None:
    """Its `__init__.py` is one sentence and imports nothing, and docs/architecture.md names it."""
    tree = ast.parse((PACKAGE / package / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1
    assert f"`{package}/`" in ARCHITECTURE


def test_only_the_edge_imports_the_cdk() -> None:
    """The CDK is slow to import, so `main.py` does without it. `source` knows it, and what runs a `components.py`."""
    users = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "airbyte" in ast.unparse(node)
    }
    assert users == {"source", "manifest.own_code.components"}


def test_only_one_module_writes_to_stdout() -> None:
    """`messages.Writer` writes; the command line hands it over; nothing else names it."""
    users = {module for module, tree in MODULES.items() if "stdout" in ast.unparse(_without_docstrings(tree))}
    assert users == {"cli.command_line", "cli.generic"}


def _without_docstrings(tree: ast.Module) -> ast.Module:
    plain = ast.parse(ast.unparse(tree))
    for node in ast.walk(plain):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    return plain


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short_nouns(module: str) -> None:
    """A module is one noun, and can be read in one go."""
    name = module.rpartition(".")[2]
    assert name not in {"utils", "helpers", "common", "base", "misc"}
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    assert len(path.read_text().splitlines()) <= LARGEST


def _models() -> dict[str, str]:
    """The classes that derive from `Model`, and their modules."""
    classes = [(node, name) for name, tree in MODULES.items() for node in tree.body if isinstance(node, ast.ClassDef)]
    found = {"Model": "model"}
    for _ in range(3):  # as deep as models are
        found |= {n.name: name for n, name in classes if {ast.unparse(base) for base in n.bases} & found.keys()}
    return found


@pytest.mark.parametrize("module", sorted(set(_models().values())))
def test_models_have_annotations_and_not_their_text(module: str) -> None:
    """With `from __future__ import annotations`, pydantic compiles the text of each field's type at each start."""
    imported = [node.module for node in MODULES[module].body if isinstance(node, ast.ImportFrom)]
    assert "__future__" not in imported
