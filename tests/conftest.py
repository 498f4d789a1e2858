"""Fixtures for all tests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("no test depends on time", deadline=None)
settings.load_profile("no test depends on time")

LONG = {"image", "real_server", "slow"}


@pytest.hookimpl(trylast=True)  # after pytest-randomly, whose order is kept within both kinds
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, so that no worker waits at the end for another that began one late."""
    items.sort(key=lambda item: LONG.isdisjoint(mark.name for mark in item.iter_markers()))


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach loopback directly, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Leave the log as it was: a command in this process writes it to its stdout, which is closed after the test."""
    root, own = logging.getLogger(), logging.getLogger("airbyte")
    handlers, level, own_level = root.handlers, root.level, own.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    own.setLevel(own_level)


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API whose handlers do not fail."""
    with Api() as api:
        yield api
        assert api.errors == []
