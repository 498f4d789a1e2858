"""Airbyte's own standard suite, on the source reading the sample shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from integration_tests.sample_api import Shop
from source_rest_api.source import SourceRestApi

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]
pytestmark = pytest.mark.filterwarnings("default", "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning")

SHOP = Shop(rows=0.2)


@pytest.fixture(scope="module", autouse=True)
def _shop() -> Iterator[None]:
    with SHOP:
        yield


class ShopSource(SourceRestApi):
    """The source, led to the port that the shop got."""

    @staticmethod
    def read_config(config_path: str) -> MutableMapping[str, Any]:
        return {**SourceRestApi.read_config(config_path), "url_base": SHOP.url}


class TestSuite(SourceTestSuiteBase):
    """The tests that every Airbyte source must pass."""

    connector = ShopSource
