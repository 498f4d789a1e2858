"""A connector of one's own, from the template."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from source_rest_api import scaffold
from source_rest_api.errors import ConfigError

ROOT = Path(__file__).parent.parent


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_new_connector_passes_its_own_tests(tmp_path: Path) -> None:
    """The output of `main.py new` works unchanged: its tests, its form, its name."""
    made = _python(ROOT, "main.py", "new", "source-acme-shop", "--folder", str(tmp_path))
    assert (made.returncode, made.stdout) == (0, "")
    folder = tmp_path / "source-acme-shop"
    tested = _python(folder, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout
    form = _python(folder, "main.py", "spec").stdout
    assert '"api_token"' in form
    assert '"url_base"' not in form
    command = _python(folder, "-c", "from source_acme_shop import main; import sys; sys.argv[1:] = ['spec']; main()")
    assert command.stdout == form
    assert 'source-acme-shop = "source_acme_shop:main"' in (folder / "pyproject.toml").read_text()
    assert "documentationUrl: https://docs.example.com/source-acme-shop " in (folder / "metadata.yaml").read_text()


def test_a_wrong_form_is_explained(tmp_path: Path) -> None:
    """The strict errors of the generic connector hold for the small form too."""
    scaffold.create("source-acme", tmp_path)
    folder = tmp_path / "source-acme"
    (folder / "secrets/config.json").write_text('{"api_tokn": "a-secret-token"}')
    checked = _python(folder, "main.py", "check", "--config", "secrets/config.json").stdout
    assert "did you mean `api_token`" in checked
    assert "a-secret-token" not in checked


@pytest.mark.parametrize("name", ["acme", "source_acme", "source-", "source-Acme", "source-../x", "source-a--b"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    """A connector's name becomes a folder, a package and an image, so it must fit all three."""
    with pytest.raises(ConfigError, match="source-acme"):
        scaffold.create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """No file is overwritten."""
    (tmp_path / "source-acme").mkdir()
    (tmp_path / "source-acme/notes").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        scaffold.create("source-acme", tmp_path)
