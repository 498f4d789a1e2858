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


IDIOMS = """
streams:
  - type: DeclarativeStream
    name: rows
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "{{ config['host'] }}"
        path: "rows/{{ config['account'] }}"
        request_parameters: {account: "{{ config['account'] }}"}
        authenticator:
          type: BasicHttpAuthenticator
          username: "{{ config['account'] }}"
          password: "{{ config['secret'] }}"
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%s"
      lookback_window: "P{{ config.get('days', 0) }}D"
      start_datetime: "{{ format_datetime(config['start'], '%s') }}"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
"""


@pytest.mark.parametrize("with_form", [True, False])
def test_what_the_config_says_becomes_what_the_settings_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_form: bool
) -> None:
    """A host without scheme, numbers as names and secrets, no lookback, and a start in the cursor's own format."""
    names = ("host", "account", "secret", "days", "start")
    properties = {name: {"type": "integer" if name == "days" else "string"} for name in names}
    spec = {"type": "Spec", "connection_specification": {"type": "object", "properties": properties}}
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(IDIOMS + (f"spec: {json.dumps(spec)}" if with_form else ""))
    folder = tmp_path / f"source-{1 + with_form}00ms"
    importing.create(manifest, folder)
    own = connector(folder, monkeypatch)
    example = json.loads((folder / "secrets/config.example.json").read_text(encoding="utf-8"))
    assert example.keys() == own.specification()["connectionSpecification"]["properties"].keys() == {*names}
    given = {"host": "api.example.com", "account": "123", "secret": "1_000", "days": 0, "start": "2024-01-01T00:00:00Z"}
    config = own.loaded(given, "own").config
    [rows] = config.streams
    assert config.url_base == "https://api.example.com"
    assert config.authentication.model_dump()["username"] == "123"
    assert config.authentication.password.get_secret_value() == "1_000"  # type: ignore[union-attr]
    assert (rows.path, rows.params) == ("rows/123", {"account": "123"})
    assert rows.incremental.lookback is None  # type: ignore[union-attr]
    assert rows.incremental.start_date.startswith("2024-01-01T00:00:00")  # type: ignore[union-attr]


def test_a_manifest_of_which_nothing_can_be_imported_is_an_error(tmp_path: Path) -> None:
    """The error names each stream and its component."""
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        "streams: [{type: DeclarativeStream, name: a, retriever: {type: CustomRetriever, class_name: x.Own}}]"
    )
    with pytest.raises(ConfigError, match=r"a: retriever: `x\.Own` has no equivalent here"):
        importing.create(manifest, tmp_path / "source-acme")
