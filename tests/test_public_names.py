"""The public API: what `from source_rest_api import …` offers, and that docs and template need nothing deeper."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import source_rest_api

ROOT = Path(__file__).parent.parent
TEXTS = [
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "README.md",
    *(path for path in (ROOT / "source_rest_api/template").rglob("*") if path.is_file()),
]
CONNECTOR_NEEDS = {
    *("Connector", "Config", "Endpoint", "Model", "Secret", "DatetimeText", "load_endpoints"),
    *("Bearer", "ApiKey", "Basic", "OAuth2", "Login", "Jwt"),
    *("Paginator", "Page", "Position", "Request", "End", "Next"),
    *("SourceRestApi", "main", "run"),
}


def test_a_connector_of_ones_own_finds_what_it_needs() -> None:
    """These names are promised; none goes without a line in the changelog."""
    assert set(source_rest_api.__all__) >= CONNECTOR_NEEDS


@pytest.mark.parametrize("name", source_rest_api.__all__)
def test_each_public_name_can_be_imported(name: str) -> None:
    """`__all__` lists nothing that is not there, and each public class is documented."""
    value = getattr(source_rest_api, name)
    assert value is not None
    if isinstance(value, type):
        assert value.__doc__


def test_other_names_are_not_there() -> None:
    """A misspelt name is an ImportError that names it."""
    with pytest.raises(AttributeError, match="Conector"):
        _ = source_rest_api.Conector


def test_importing_the_package_imports_nothing_else() -> None:
    """The package imports a module only when one of its names is used."""
    code = "import sys, source_rest_api; print([name for name in sys.modules if name.startswith('source_rest_api.')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_docs_and_template_import_public_names_only(path: Path) -> None:
    """Code that users copy survives every move inside the package.

    `dlt_source` and `spark_source` are public, for those who have dlt or Spark.
    """
    inner = re.findall(
        r"^\s*(?:from|import) source_rest_api\.(?!(?:dlt|spark)_source import)\S+", path.read_text(), re.MULTILINE
    )
    assert inner == []
    for names in re.findall(r"^from source_rest_api import ([\w ,]+)$", path.read_text(), re.MULTILINE):
        assert set(names.split(", ")) <= set(source_rest_api.__all__)
