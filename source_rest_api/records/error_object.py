"""Detects response bodies that report an error although the status is a success."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw

from source_rest_api.errors import BrokenAnswerError, ConfigError, RateLimitedError
from source_rest_api.formats import paging_names, raw_json
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.http import api_reason, rate_limits

if TYPE_CHECKING:
    from collections.abc import Collection

    from source_rest_api.formats.raw_json import Opened

ERRORS = ("error", "errors")
_SUCCESS = ("success", "ok", "Success", "isSuccess", "is_success", "successful")
"""Fields that are false if the request failed."""
_PARTIAL = ("timed_out", "timedOut", "partial", "is_partial", "isPartial", "incomplete_results", "incompleteResults")
"""Fields that are true if the response is incomplete."""
_SHARDS = "_shards"
"""The field in which Elasticsearch counts the shards of an index that failed."""
KEYS = (*ERRORS, *_SUCCESS, *_PARTIAL, _SHARDS)
"""The top-level fields of a body that are checked."""
_CHECKED = frozenset(KEYS)
_ACCEPT = "If it is not an error, add a rule to `errors` with `action: accept`."


def refuse(fields: Opened, own: Collection[str] = (), *, is_record: bool = False) -> None:
    """Raises an error for a body that reports one despite its success status, even if it has records too.

    Args:
        fields: The top-level fields of the body, at least those in `KEYS`.
        own: Top-level keys that lead to the records in the config.
        is_record: True if the body may itself be a record, whose flags are data.

    Raises:
        RateLimitedError: The error is a rate limit.
        BrokenAnswerError: The response is incomplete; a retry may return all records.
        ConfigError: The body reports another error.
    """
    said = {
        key: value for key, value in fields.items() if key in _CHECKED and isinstance(value, Raw) and key not in own
    }
    if not said:
        return
    for key in ERRORS:
        if key in said and not raw_json.is_nothing(said[key]):
            reason = excerpt(api_reason.find(said[key]), LONGEST) or excerpt(bytes(said[key]))
            raise _failed(f"`{key}` is {reason}", excerpt(bytes(said[key]), LONGEST))
    if is_record:
        return
    for key in _SUCCESS:
        if key in said and bytes(said[key]) in paging_names.FALSE:
            raise _failed(f"`{key}` is false")
    for key in _PARTIAL:
        if key in said and bytes(said[key]) in paging_names.TRUE:
            raise BrokenAnswerError(f"The response is incomplete: `{key}` is true. {_ACCEPT}")
    failed = raw_json.find(said[_SHARDS], ("failed",)) if _SHARDS in said else None
    if failed is not None and raw_json.count(failed):
        raise BrokenAnswerError(f"The response is incomplete: `_shards.failed` is {raw_json.count(failed)}. {_ACCEPT}")


def _failed(what: str, whole: str = "") -> ConfigError | RateLimitedError:
    message = f"The API returned an error in a response with a success status: {what}."
    return RateLimitedError(message) if rate_limits.named_in(f"{what} {whole}") else ConfigError(f"{message} {_ACCEPT}")
