"""The docs say what is true now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import source_rest_api
from docs import generate
from source_rest_api.config import loading
from source_rest_api.config.config import Limits
from source_rest_api.formats import yaml_text

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", generate.files(), ids=lambda path: path.name)
def test_generated_parts_are_current(path: Path) -> None:
    """The generated parts of the docs match the models. If not, run scripts/docs."""
    assert generate.files()[path] == path.read_text()


CONFIGS = README + (ROOT / "docs/records.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", CONFIGS, re.DOTALL))
def test_the_configs_of_the_readme_are_valid(text: str) -> None:
    """A config copied from the docs loads."""
    loading.load(yaml_text.load(text))


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_links_lead_to_files(path: Path) -> None:
    """Relative links in the docs exist."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_all_limits_are_listed() -> None:
    """The table of limits lists every limit and its option."""
    listed = (ROOT / "docs" / "errors.md").read_text().partition("## Limits")[2]
    assert all(f"`limits.{name}`" in listed for name in Limits.model_fields)


def test_public_names_are_documented() -> None:
    """Every public name says what it is for."""
    for name in source_rest_api.__all__:
        assert getattr(source_rest_api, name).__doc__, name


def test_commands_of_the_readme_exist() -> None:
    """The scripts that the README and CONTRIBUTING name are there."""
    texts = README + (ROOT / "CONTRIBUTING.md").read_text()
    for script in set(re.findall(r"\bscripts/\w+", texts)):
        assert (ROOT / script).exists(), script
