"""The budget of requests: how many an API accepts in a time, and how it says that there are no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import datetimes
from source_rest_api.manifest import requester

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_UNLIMITED = "UnlimitedCallRatePolicy"
_HOLE = re.compile(r"\{[{%].*?[%}]\}")
_TOO_MANY = 429


def limits(budget: Component, endpoints: Iterable[Mapping[str, Any]], scope: Scope) -> dict[str, Any]:
    """Returns the rates of the policies: `max_requests_per_second` if one holds for all, otherwise `request_rates`.

    A policy holds for the endpoints that match it first. Its endpoints share its slowest rate.

    Args:
        budget: The component.
        endpoints: The endpoints; their `path` is the whole URL.
        scope: What templates read.

    Raises:
        ConfigError: A rate is not known before the read.
    """
    policies = budget.get("policies") or []
    matched: dict[int | None, list[str]] = {}
    for each in endpoints:
        number = next((number for number, policy in enumerate(policies) if _fits(policy, each, scope)), None)
        matched.setdefault(number, []).append(each["name"])
    found = [
        {"endpoints": names, "max_requests_per_second": min(rates)}
        for number, names in matched.items()
        if number is not None and (rates := list(_rates(policies[number], scope)))
    ]
    if found and len(matched) == 1:
        return {"max_requests_per_second": found[0]["max_requests_per_second"]}
    return {"request_rates": found} if found else {}


def kept(config: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Returns `request_rates` of a config without the endpoints that it lacks."""
    rates = [{**rate, "endpoints": own} for rate in config.get("request_rates", ()) if (own := _of(rate, names))]
    return {"request_rates": rates} if rates else {}


def _of(rate: Mapping[str, Any], names: Collection[str]) -> list[str]:
    return [name for name in rate["endpoints"] if name in names]


def rules(budget: Component) -> list[dict[str, Any]]:
    """Returns the error rule for the statuses and the header by which the API says when it accepts requests again."""
    statuses, header = budget.get("status_codes_for_ratelimit_hit"), budget.get("ratelimit_reset_header")
    if not statuses and not header:
        return []
    rule = {"status": list(map(int, statuses or [_TOO_MANY])), "action": "rate_limited"}
    return [{**rule, **({"wait_header": str(header)} if header else {})}]


def _fits(policy: Component, endpoint: Mapping[str, Any], scope: Scope) -> bool:
    matchers = policy.get("matchers") or []
    return not matchers or any(_matches(each, endpoint, scope) for each in matchers)


def _matches(matcher: Component, endpoint: Mapping[str, Any], scope: Scope) -> bool:
    """True if requests of an endpoint may match. Parameters and headers are taken as matching."""
    method = matcher.get("method")
    if method and str(method).upper() != endpoint.get("http_method", "GET"):
        return False
    url = _HOLE.sub("x", endpoint["path"])
    base = requester.origin(url)
    wanted = matcher.get("url_base")
    if wanted and requester.origin(_HOLE.sub("x", scope.text(wanted))) != base:
        return False
    pattern = matcher.get("url_path_pattern")
    return not pattern or re.search(str(pattern), url[len(base) :] or "/") is not None


def _rates(policy: Component, scope: Scope) -> Iterator[float]:
    """Yields the requests per second that a policy allows."""
    if policy.get("type") == _UNLIMITED:
        return
    weights = [
        float(scope.known(each["weight"], "`weight`")) for each in policy.get("matchers") or [] if "weight" in each
    ]
    for rate in policy.get("rates") or [policy]:
        limit = scope.known(rate.get("limit") or rate.get("call_limit"), "`limit`")
        interval = scope.known(rate.get("interval") or rate.get("period"), "`interval`")
        if limit and interval:
            seconds = datetimes.duration(str(interval)).total_seconds()
            yield float(limit) / seconds / max([1.0, *weights])
