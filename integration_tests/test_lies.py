"""Reads of APIs that lie; `scripts/soak lies` plays as many as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests import lie_soak
from tests.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Run an API that is reached by no proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Api() as api:
        yield api


@pytest.mark.parametrize("lies", lie_soak.LIES)
def test_no_lie_is_believed(lies: str, api: Api) -> None:
    """A read that ends as COMPLETE has every row, whatever the API says; an honest API's read ends so."""
    wrong = [seed for seed in range(12) if not lie_soak.read_once(api, seed, lies)[2]]
    assert wrong == []


def test_no_lie_makes_a_delete_record(api: Api) -> None:
    """A sweep counts only if it proves itself whole: rows that are there are never reported as deleted."""
    wrong = [seed for seed in range(40) if not lie_soak.sweep(api, seed)[2]]
    assert wrong == []
