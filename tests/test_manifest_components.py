"""Classes of a connector's `components.py`: run as the CDK runs them, found where the CDK finds them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.manifest.own_code.components import Components
from tests.manifests import engines
from tests.manifests.imitation import ROWS, imitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import Api

FOLDER = Path(__file__).parent / "manifests/own_code"
MANIFEST = FOLDER / "manifest.yaml"
NEED_THE_FILE = {"extracted", "wrapped", "transformed", "filtered", "paged", "searched", "signed", "lines", "seen"}
"""Streams whose classes cannot be replaced."""
CODE = (FOLDER / "components.py").read_text(encoding="utf-8")
ALLOW = "AIRBYTE_ENABLE_UNSAFE_CODE"


@pytest.fixture
def api() -> Iterator[Api]:
    """The imitation."""
    with imitation() as api:
        yield api


def config(api: Api) -> dict[str, Any]:
    """The config of the manifest."""
    return {"url": api.url, "user": "ada", "password": "pass-word"}


def injected(**checksums: str) -> dict[str, Any]:
    """The code as the Connector Builder sends it."""
    return {"__injected_components_py": CODE, "__injected_components_py_checksums": checksums}


def md5() -> str:
    """The checksum of the code."""
    return hashlib.md5(CODE.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_both_engines_read_the_same(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of class gives the same records for the same requests."""
    monkeypatch.setenv(ALLOW, "true")
    assert ManifestConnector.at(MANIFEST).translation(config(api)).blocked == {}
    one = engines.ours(MANIFEST, api, config(api))
    other = engines.cdk(MANIFEST, api, {**config(api), **injected(md5=md5())})
    assert one.failed == other.failed == []
    assert set(one.records) == {*NEED_THE_FILE, "changed", "unsteady"}
    assert one.records == other.records
    assert one.states["seen"]["cursor"] == max(row["at"] for row in ROWS)
    assert set(other.requests) <= set(one.requests)


def test_a_state_is_migrated_by_the_class(api: Api) -> None:
    """The name that an earlier version gave to the cursor is known."""
    saved = [
        {
            "type": "STREAM",
            "stream": {
                "stream_descriptor": {"name": "changed"},
                "stream_state": {"last_seen": "2024-01-20T00:00:00Z"},
            },
        }
    ]
    reading = engines.ours(MANIFEST, api, config(api), saved)
    assert any("at_from" in asked and "2024-01-20" in asked for asked in reading.requests)
    assert sum("at_from" in asked and "2024-01-01" in asked for asked in reading.requests) == 1  # of another stream


def test_a_class_loads_the_schema(api: Api) -> None:
    """Discover offers the fields that the class names."""
    [message] = [
        line
        for block in ManifestConnector.at(MANIFEST).session(config(api)).discover()
        for line in messages(block)
        if line["type"] == "CATALOG"
    ]
    [schema] = [each["json_schema"] for each in message["catalog"]["streams"] if each["name"] == "changed"]
    assert {"id", "at"} <= set(schema["properties"])
    assert "owner" not in schema["properties"]


def messages(block: bytes) -> list[Any]:
    """The messages of a block."""
    return [json.loads(line) for line in block.splitlines()]


def blocked(connector: ManifestConnector, given: dict[str, Any]) -> dict[str, str]:
    """Why streams cannot be read."""
    return connector.translation(given).blocked


def test_without_its_file_a_class_is_named_with_its_place(api: Api, tmp_path: Path) -> None:
    """The other streams are read; the error says where to put the file."""
    shutil.copy(MANIFEST, tmp_path)
    connector = ManifestConnector.at(tmp_path / "manifest.yaml")
    found = blocked(connector, config(api))
    assert set(found) == NEED_THE_FILE
    assert found["extracted"].startswith("retriever.record_selector: ")
    assert "`source_declarative_manifest.components.OddRows`" in found["extracted"]
    assert "put `components.py` beside the manifest" in found["extracted"]
    assert "retriever.requester.authenticator" in found["signed"]


@pytest.mark.parametrize("place", ["acme/components.py", "components.py", "acme/parts/extractors.py"])
def test_a_class_is_found_by_its_module(place: str, api: Api, tmp_path: Path) -> None:
    """The file is the one that the name of the class leads to."""
    module = place.removesuffix(".py").replace("/", ".")
    text = MANIFEST.read_text(encoding="utf-8").replace(
        "source_declarative_manifest.components", f"source_acme.{module}"
    )
    (tmp_path / "manifest.yaml").write_text(text, encoding="utf-8")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(CODE, encoding="utf-8")
    session = ManifestConnector.at(tmp_path / "manifest.yaml").session(config(api))
    lines = [line for block in session.read(only("extracted"), {}) for line in messages(block)]
    assert [line["record"]["data"]["number"] for line in lines if line["type"] == "RECORD"] == [*range(3, 22, 2)]


def only(*names: str) -> dict[str, Any]:
    """A configured catalog."""
    return {"streams": [{"stream": {"name": name}, "sync_mode": "full_refresh"} for name in names]}


def alone(tmp_path: Path) -> ManifestConnector:
    """The connector without its file."""
    shutil.copy(MANIFEST, tmp_path)
    return ManifestConnector.at(tmp_path / "manifest.yaml")


def test_code_from_the_config_runs_where_that_is_allowed(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the CDK, an environment variable allows it."""
    given = {**config(api), **injected(md5=md5(), sha256=hashlib.sha256(CODE.encode()).hexdigest())}
    monkeypatch.delenv(ALLOW, raising=False)
    assert ALLOW in blocked(alone(tmp_path), given)["extracted"]
    monkeypatch.setenv(ALLOW, "true")
    assert blocked(alone(tmp_path), given) == {}


def test_a_manifest_from_the_config_is_not_trusted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class names could lead to any code beside it."""
    monkeypatch.delenv(ALLOW, raising=False)
    given = {**config(api), "__injected_declarative_manifest": {}}
    assert ALLOW in blocked(ManifestConnector.at(MANIFEST), given)["extracted"]


@pytest.mark.parametrize(
    ("checksums", "said"),
    [({}, "needs a checksum"), ({"md5": "0"}, "is not the code"), ({"crc": "0"}, "a `crc`, which is unknown")],
)
def test_code_from_the_config_needs_its_checksum(
    checksums: dict[str, str], said: str, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that was changed on its way does not run."""
    monkeypatch.setenv(ALLOW, "true")
    session = alone(tmp_path).session({**config(api), **injected(**checksums)})
    lines = [line for block in session.read(only("extracted"), {}) for line in messages(block)]
    [message] = [line["trace"]["error"]["message"] for line in lines if "error" in line.get("trace", {})]
    assert said in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["data"]', '["dota"]', "The class `source_declarative_manifest.components.OddRows`"),
        ("import requests", "import no_such_module", "components.py cannot be loaded (ModuleNotFoundError)"),
        ("class OddRows", "class EvenRows", "The class `source_declarative_manifest.components.OddRows`"),
    ],
)
def test_a_class_that_fails_ends_its_stream(old: str, new: str, said: str, api: Api, tmp_path: Path) -> None:
    """The error names the class, and is no success with nothing."""
    connector = alone(tmp_path)
    (tmp_path / "components.py").write_text(CODE.replace(old, new), encoding="utf-8")
    lines = [line for block in connector.session(config(api)).read(only("extracted"), {}) for line in messages(block)]
    [error] = [line["trace"]["error"] for line in lines if "error" in line.get("trace", {})]
    assert said in error["message"]
    assert error["failure_type"] == "config_error"


def test_the_cdk_is_imported_only_for_streams_that_need_it(api: Api) -> None:
    """The start of all other streams is as fast as without classes."""
    script = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from source_rest_api.manifest.connector import ManifestConnector\n"
        "connector = ManifestConnector.at(Path(sys.argv[1]))\n"
        "manifest = connector._manifest\n"
        "manifest['streams'] = [each for each in manifest['streams'] if each['name'] != 'changed']\n"
        "session = connector.session(json.loads(sys.argv[2]))\n"
        "assert 'airbyte_cdk' not in sys.modules\n"
        "list(session.read({'streams': [{'stream': {'name': 'projects'}, 'sync_mode': 'full_refresh'}]}, {}))\n"
        "assert 'airbyte_cdk' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(MANIFEST), json.dumps(config(api))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_imported_connector_has_no_classes(tmp_path: Path) -> None:
    """The streams that need one are named."""
    done = subprocess.run(
        [sys.executable, "main.py", "import", str(MANIFEST), "--folder", str(tmp_path / "source-acme")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "`source_declarative_manifest.components.OddRows` is a class in Python" in done.stderr


RECIPES = "OddRows: {type: DpathExtractor, field_path: [data], field: null}\nSigned: {type: NoAuth}\n"


def test_a_team_adds_recipes_beside_its_manifest(api: Api, tmp_path: Path) -> None:
    """A class with a recipe needs no file."""
    connector = alone(tmp_path)
    (tmp_path / "recipes.yaml").write_text(RECIPES, encoding="utf-8")
    made = connector.translation(config(api))
    assert {"extracted", "signed"} <= set(made.offered)
    [extracted] = [each for each in made.config["endpoints"] if each["name"] == "extracted"]
    assert extracted["records_path"] == ["data"]


@pytest.mark.parametrize("text", ["- OddRows", "OddRows: 5", "OddRows: {field_path: []}"])
def test_a_recipe_has_a_type(text: str, api: Api, tmp_path: Path) -> None:
    """What is no recipe is an error, and not ignored."""
    connector = alone(tmp_path)
    (tmp_path / "recipes.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"recipes\.yaml must map the name of each class"):
        connector.translation(config(api))


def test_a_class_says_how_long_to_wait(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A retry comes after its time, not after ours."""
    session = ManifestConnector.at(MANIFEST).session(config(api))
    with caplog.at_level(logging.INFO):
        lines = [line for block in session.read(only("unsteady"), {}) for line in messages(block)]
    assert sum(line["type"] == "RECORD" for line in lines) == 3
    [retry] = [said for said in caplog.messages if "Retrying in" in said]
    assert float(retry.partition("Retrying in ")[2].partition(" ")[0]) >= 1.9


def test_without_the_cdk_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image does not contain it."""
    monkeypatch.setitem(sys.modules, "airbyte_cdk.sources.declarative.models", None)
    with pytest.raises(ConfigError, match=r"`IterableDecoder` runs by the Airbyte CDK.*install `airbyte-cdk`"):
        Components(FOLDER).built({"type": "IterableDecoder"}, "IterableDecoder", {})
