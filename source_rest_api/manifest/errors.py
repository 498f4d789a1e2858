"""Error handlers: what the responses of a stream mean, and how long to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.http import error_policy
from source_rest_api.manifest import document, interpolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_ACTIONS = {
    "FAIL": "fail",
    "IGNORE": "ignore",
    "RATE_LIMITED": "rate_limited",
    "REDUCE_PAGE_SIZE": "retry",
    "REFRESH_TOKEN_THEN_RETRY": "refresh_token",
    "RESET_PAGINATION": "restart",
    "RETRY": "retry",
    "SPLIT_REQUEST_WINDOW": "fail",
    "SUCCESS": "accept",
}
_ADVICE = {
    "REDUCE_PAGE_SIZE": "If this persists, the page is too large for the API: make `page_size` smaller.",
    "SPLIT_REQUEST_WINDOW": "The interval is too large for the API: make `step` of the cursor in the manifest shorter.",
}
"""Advice for actions that the connector replaces: it changes no request, but sends it again, or fails."""
_ERRORS = ["4xx", "5xx"]


def rules(
    handler: Component | None, scope: Scope, own: Callable[[Component], Any] = lambda _: None
) -> list[dict[str, Any]]:
    """Returns the error rules of an endpoint.

    Args:
        handler: The component.
        scope: What templates read.
        own: Returns the object for a strategy that is a class; None if it cannot run.

    Raises:
        ConfigError: The handler has no equivalent here.
    """
    if not handler:
        return []
    if handler.get("type") == "CompositeErrorHandler":
        return [rule for inner in handler.get("error_handlers") or [] for rule in rules(inner, scope.of(inner), own)]
    if handler.get("type") != "DefaultErrorHandler":
        raise document.lacking(handler)
    wait = _wait(handler.get("backoff_strategies") or [], scope, own)
    found = [
        rule for given in handler.get("response_filters") or [] for rule in _filtered(given, scope.of(given), wait)
    ]
    if wait:
        found.append({"status": [429], "action": "rate_limited", **wait})
        found.append({"status": ["5xx"], "action": "retry", **wait})
    return found


def _filtered(given: Component, scope: Scope, wait: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rules of a response filter: one for each of its conditions, any of which is enough."""
    named = given.get("action")
    for conditions in _conditions(given, scope):
        action = _ACTIONS.get(str(named), "") if named else _usual(conditions)
        if not action:
            raise ConfigError(f"`action: {named}` has no equivalent here")
        rule = {**conditions, "action": action}
        if action in {"retry", "rate_limited"}:
            rule |= wait
        message = " ".join(filter(None, (_message(given, scope), _ADVICE.get(str(named)))))
        if message and action not in {"accept", "ignore"}:
            rule["message"] = message
        kind = str(given.get("failure_type") or "").removesuffix("_error")
        if kind and action == "fail":
            rule["failure_type"] = kind
        yield rule


def _conditions(given: Component, scope: Scope) -> Iterator[dict[str, Any]]:
    codes = given.get("http_codes")
    if codes:
        yield {"status": [int(scope.known(code, "`http_codes`")) for code in codes]}
    if given.get("error_message_contains"):
        yield {"status": _ERRORS, "body_contains": str(scope.text(given["error_message_contains"]))}
    if given.get("predicate"):
        yield {"when": scope.expression(given["predicate"])}


def _usual(conditions: dict[str, Any]) -> str:
    """Returns what a filter without an action does: what the status means."""
    statuses = [code for code in conditions.get("status", ()) if isinstance(code, int)]
    passing = statuses and all(map(error_policy.is_passing, statuses))
    return "retry" if passing else "fail"


def _message(given: Component, scope: Scope) -> str | None:
    text = given.get("error_message")
    if not text:
        return None
    try:
        message = scope.text(text)
    except ConfigError:
        return None
    return message if interpolation.names(message) <= {"response"} else None


def _wait(strategies: list[Component], scope: Scope, own: Callable[[Component], Any]) -> dict[str, Any]:
    """Returns the `wait_…` settings of the first strategy that names a time; any other waits as this connector does."""
    for strategy in strategies:
        kind = strategy.get("type")
        by_class = own(strategy)
        if by_class is not None:
            return {"wait_by": by_class}
        if kind in {"WaitTimeFromHeader", "WaitUntilTimeFromHeader"}:
            return _by_header(strategy, scope.of(strategy))
        if kind == "WaitTimeFromResponse":
            return {"wait_expression": scope.of(strategy).expression(strategy.get("wait_time_in_seconds"))}
        if kind == "ConstantBackoffStrategy":
            seconds = scope.of(strategy).known(strategy.get("backoff_time_in_seconds"), "`backoff_time_in_seconds`")
            return {"wait_seconds": float(seconds)} if seconds and float(seconds) > 0 else {}
    return {}


def _by_header(strategy: Component, scope: Scope) -> dict[str, Any]:
    header = str(scope.known(strategy.get("header"), "`header`") or "")
    pattern = scope.known(strategy.get("regex"), "`regex`")
    least = scope.known(strategy.get("min_wait"), "`min_wait`")
    wait: dict[str, Any] = {"wait_seconds": float(least)} if least else {}
    if header and pattern:
        return {**wait, "wait_expression": f"{{{{ headers[{header.lower()!r}] | regex_search({str(pattern)!r}) }}}}"}
    return {**wait, "wait_header": header} if header else wait
