"""Manifests of our own making, read by this connector and by the CDK: the same records, for the same requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.manifest.connector import ManifestConnector
from tests.manifests import engines
from tests.manifests.imitation import imitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import Api

FOLDER = Path(__file__).parent / "manifests"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture
def api() -> Iterator[Api]:
    """The imitation."""
    with imitation() as api:
        yield api


def config(api: Api) -> dict[str, Any]:
    """The config for all manifests."""
    return {
        "url": api.url,
        "token": "a-token-of-the-tests",
        "user": "ada",
        "password": "pass word",
        "mode": "a",
        "start_date": "2024-01-05",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CDK, which warns of deprecated fields
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_both_engines_read_the_same(name: str, api: Api) -> None:
    """Every stream has the same records, in both engines."""
    path = FOLDER / f"{name}.yaml"
    assert ManifestConnector.at(path).translation(config(api)).blocked == {}
    one, other = engines.ours(path, api, config(api)), engines.cdk(path, api, config(api))
    assert one.failed == other.failed == []
    assert one.records == other.records
    assert {asked for asked in other.requests if not asked.startswith("POST /oauth")} <= set(one.requests)
