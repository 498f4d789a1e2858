"""Classes of a connector's `components.py`: run as the CDK runs them, found where the CDK finds them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document
from source_rest_api.manifest.connector import ManifestConnector
from tests.manifests import engines
from tests.manifests.imitation import imitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import Api

FOLDER = Path(__file__).parent / "manifests/own_code"
MANIFEST = FOLDER / "manifest.yaml"
CODE = (FOLDER / "components.py").read_text(encoding="utf-8")
ALLOW = "AIRBYTE_ENABLE_UNSAFE_CODE"
_OF_THE_CDK = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


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
    assert set(one.records) == {
        *("extracted", "wrapped", "transformed", "filtered", "paged", "signed", "lines", "changed")
    }
    assert one.records == other.records
    assert set(other.requests) <= set(one.requests)
