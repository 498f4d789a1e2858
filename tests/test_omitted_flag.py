"""APIs that omit false flags, as gRPC gateways do (etcd): the error names the setting, and that one works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")
KEYS = {"type": "last_record", "field": "key", "param": "after"}


@pytest.mark.parametrize("flag", ["more", "done"])
def test_the_error_names_the_setting_that_reads_all(api: Api, flag: str) -> None:
    """`more` is only true or missing, or so is `done`."""
    rows = [{"key": n} for n in range(7)]

    @api.get("/items")
    def items(call: Call) -> Any:
        page = [row for row in rows if row["key"] > int(call.arg("after") or -1)]
        is_last = len(page) <= 3
        told = {} if is_last is (flag == "more") else {flag: True}
        return {"kvs": page[:3], **told}

    setting = "more_path" if flag == "more" else "end_path"
    error = Reading(api.url, {"pagination": {**KEYS, setting: flag}}).error
    assert isinstance(error, ConfigError)
    expression = "not response.more" if flag == "more" else "response.done"
    assert f"set `stop_when: {expression}`" in error.message
    reading = Reading(api.url, {"pagination": {**KEYS, "stop_when": expression}})
    assert reading.error is None
    assert reading.records == rows
