"""The docs site: every link leads to a page, and a page fetches nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration_tests.environments import ROOT, installed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|<link\b[^>]*\bhref=["']?(?:https?:)?//"""
)
_IMPORTED = re.compile(r"""(?:@import|url\()\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. The build fails on a link that leads nowhere, and on a page that the navigation lacks."""
    installed("docs")
    folder = tmp_path_factory.mktemp("site")
    built = [str(ROOT / "scripts/docs"), "build", "--site-dir", str(folder)]
    done = subprocess.run(built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    """Each Markdown file in docs/ has its page."""
    pages = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "docs").rglob("*.md")]
    assert pages
    assert [page for page in pages if not (site / page / "index.html").exists()] == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No script, style, font or image is at another host, and each page forbids its scripts to load one."""
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    pattern = {".html": _FETCHED, ".css": _IMPORTED}
    assert len(files) > 20
    pages = [path for path in files if path.suffix == ".html" and path.is_relative_to(site / "docs")]
    assert all("default-src 'self'" in path.read_text() for path in pages)
    assert [str(path) for path in files if pattern[path.suffix].search(path.read_text())] == []


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    """A page with a link that leads nowhere is named."""
    installed("docs")
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples", "scripts", ".venv-docs", "mkdocs.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for page in [path for path in (ROOT / "docs").rglob("*") if path.is_file()]:
        copy = tmp_path / page.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(page.read_bytes())
    with (tmp_path / "docs/state.md").open("a") as state:
        state.write("\nSee [that](no-such-page.md).\n")
    (tmp_path / ".tmp/pages").mkdir(parents=True)
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "examples"):
        (tmp_path / ".tmp/pages" / name).symlink_to(tmp_path / name)
    mkdocs = [str(ROOT / ".venv-docs/bin/python"), "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(mkdocs, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no-such-page.md" in done.stderr
