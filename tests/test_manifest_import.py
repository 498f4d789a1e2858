"""`python main.py import`: a connector of one's own from a manifest, which reads what the manifest reads."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.cli.generic import main
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import importing
from source_rest_api.protocol import catalog
from tests.manifests import engines
from tests.manifests.imitation import imitation
from tests.test_manifest_engines import FOLDER, NAMES, config

if TYPE_CHECKING:
    from source_rest_api.connector import Connector


ROOT = Path(__file__).parent.parent


def made(tmp_path: Path, name: str) -> Path:
    """Imports a manifest of our own, and returns the folder."""
    folder = tmp_path / f"source-{name.replace('_', '-')}"
    assert main(["import", str(FOLDER / f"{name}.yaml"), "--folder", str(folder)]) == 0
    return folder


def connector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """The connector in a folder."""
    monkeypatch.syspath_prepend(str(folder))
    package = importlib.import_module(folder.name.replace("-", "_"))
    importlib.reload(package)
    found: Connector = next(value for name, value in vars(package).items() if name.startswith("Source"))()
    return found


@pytest.mark.parametrize("name", sorted({*NAMES} - {"lacking", "properties"}))  # these need the CDK, or the API's list
def test_an_imported_connector_reads_what_the_manifest_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records, for the same requests."""
    own = connector(made(tmp_path, name), monkeypatch)
    with imitation() as api:
        by_manifest = engines.ours(FOLDER / f"{name}.yaml", api, config(api))
    with imitation() as api:
        session = own.session(config(api))
        blocks = session.read(catalog.of_all(session.offered), {})
        lines: list[Any] = [json.loads(line) for block in blocks for line in block.splitlines()]
    found: dict[str, list[str]] = {}
    for line in lines:
        if line["type"] == "RECORD":
            found.setdefault(line["record"]["stream"], []).append(engines.text(line["record"]["data"]))
    assert {stream: sorted(records) for stream, records in found.items()} == by_manifest.records


def test_the_tests_of_an_imported_connector_pass(tmp_path: Path) -> None:
    """They need nothing but this package."""
    folder = made(tmp_path, "parents")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": f"{ROOT}:{folder}"}, capture_output=True, text=True, check=False
    )
    assert "2 passed" in done.stdout, done.stdout


def test_a_manifest_of_which_nothing_can_be_imported_is_an_error(tmp_path: Path) -> None:
    """The error names each stream and its component."""
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        "streams: [{type: DeclarativeStream, name: a, retriever: {type: CustomRetriever, class_name: x.Own}}]"
    )
    with pytest.raises(ConfigError, match=r"a: retriever: `x\.Own` has no equivalent here"):
        importing.create(manifest, tmp_path / "source-acme")
