"""What holds for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("no test depends on time", deadline=None)
settings.load_profile("no test depends on time")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach loopback directly, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API whose handlers do not fail."""
    with Api() as api:
        yield api
        assert api.errors == []
