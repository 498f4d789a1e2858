"""A tap on singer-sdk's `RESTStream`, as its cookiecutter makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import JSONPathPaginator
from singer_sdk.streams import RESTStream

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANY = {"type": ["object", "array", "null"]}


class Orders(RESTStream[str]):  # type: ignore[misc]
    """The orders, with a token for each next page."""

    name = "orders"
    path = ""
    records_jsonpath = "$.data[*]"
    primary_keys = ("id",)
    schema: ClassVar = th.PropertiesList(
        th.Property("id", th.IntegerType),
        th.Property("number", th.StringType),
        th.Property("status", th.StringType),
        th.Property("currency", th.StringType),
        th.Property("total", th.NumberType),
        th.Property("tax", th.NumberType),
        th.Property("customer", th.CustomType(_ANY)),
        th.Property("tags", th.CustomType(_ANY)),
        th.Property("note", th.StringType),
        th.Property("created_at", th.DateTimeType),
        th.Property("updated_at", th.DateTimeType),
        th.Property("lines", th.CustomType(_ANY)),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The URL of the API."""
        return str(self.config["url"])

    def get_new_paginator(self) -> JSONPathPaginator:
        """The token stands in the body."""
        return JSONPathPaginator("$.next")

    def get_url_params(self, context: Mapping[str, Any] | None, next_page_token: str | None) -> dict[str, Any]:
        """The token, and the first moment wanted."""
        since = {"since": self.get_starting_replication_key_value(context)} if self.replication_key else {}
        return {**since, **({"page": next_page_token} if next_page_token else {})}


class IncrementalOrders(Orders):
    """The same by their time of change."""

    replication_key = "updated_at"


class ShopTap(Tap):  # type: ignore[misc]
    """A tap with one stream."""

    name = "tap-shop"
    config_jsonschema: ClassVar = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("start_date", th.DateTimeType),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Incremental if there is a date to start from."""
        return [IncrementalOrders(self) if "start_date" in self.config else Orders(self)]


if __name__ == "__main__":
    ShopTap.cli()
