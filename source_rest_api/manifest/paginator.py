"""Paginators: how a stream asks for its pages, and which is the last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.http.request_body import texts_in
from source_rest_api.manifest import document, references, requester
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_LINK = (["link", "next", "url"], ["Link", "next", "url"])

_JSON_TEXT = re.compile(r"""(['"])\s*[{\[]""")
"""Matches an expression that writes an object or a list as text, which the CDK reads before it is sent."""


def paginate(paginator: Component, endpoint: dict[str, Any], scope: Scope) -> None:
    """Sets the `pagination` of an endpoint, and puts into its request what the paging needs there.

    Raises:
        ConfigError: The paginator has no equivalent here.
    """
    endpoint["pagination"] = {"type": "none"}
    if paginator.get("type") == "NoPagination":
        return
    if paginator.get("type") != "DefaultPaginator":
        raise document.lacking(paginator)
    strategy = paginator.get("pagination_strategy") or {}
    make = _STRATEGIES.get(str(strategy.get("type")))
    if make is None:
        raise document.lacking(strategy)
    option = _option(paginator, "page_token_option", endpoint)
    if "in_parameters" in strategy:
        given = {name: scope.value(value) for name, value in strategy["in_parameters"].items()}
        endpoint["params"], option = {**(endpoint.get("params") or {}), **given}, None
    settings = make(strategy, option, scope.of(strategy), endpoint)
    size = _size(strategy, scope.of(strategy))
    if size is not None:
        sized = _option(paginator, "page_size_option", endpoint)
        if sized:
            is_json = sized.get("inject_into") == "body_json"
            requester.inject(endpoint, sized, size if is_json else str(size), scope.of(sized))
        if settings and settings["type"] in {"page_number", "offset"}:
            settings |= {"stop_on_short_page": True, _size_name(settings): size}
    if settings:
        endpoint["pagination"] = settings


def reset(given: Component, endpoint: dict[str, Any], scope: Scope) -> None:
    """Has an endpoint begin anew behind its newest value where the API gives no more results to one query.

    Args:
        given: The `pagination_reset` of its retriever, which may be empty.
        endpoint: The endpoint.
        scope: What templates read.

    Raises:
        ConfigError: It has no equivalent here.
    """
    most = (given.get("limits") or {}).get("number_of_records")
    if given.get("action") == "SPLIT_USING_CURSOR":
        if "incremental" not in endpoint or endpoint["pagination"]["type"] == "none":
            raise ConfigError("`pagination_reset: SPLIT_USING_CURSOR` needs a cursor and pages")
        endpoint["incremental"]["sorted"] = True
        if most:
            endpoint["pagination"]["result_cap"] = int(scope.known(most, "`number_of_records`"))
    elif most:
        raise ConfigError("`pagination_reset` with `limits` has an equivalent only for `SPLIT_USING_CURSOR`")


def keep_params(endpoint: dict[str, Any]) -> None:
    """Has the requests of next URLs carry the parameters of the first, where these lack them, as in the CDK."""
    if endpoint["pagination"]["type"] not in {"link_header", "next_url"}:
        return
    cursor = endpoint.get("incremental") or {}
    bounds = [cursor[name] for name in ("start_param", "end_param") if name in cursor]
    given = endpoint.get("params") or {}
    kept = [name for name, value in given.items() if not requester.is_on_first_page(value)]
    names = [*kept, *(bounds if cursor.get("in", "query") == "query" else [])]
    if names:
        endpoint["pagination"]["keep_params"] = names


def _option(paginator: Component, name: str, endpoint: dict[str, Any]) -> Component | None:
    """Returns an option of the paginator, if a request of the endpoint's method has a place for it."""
    option = paginator.get(name)
    if not option:
        return None
    return option if requester.has_body(endpoint) or not str(option.get("inject_into", "")).startswith("body") else None


def _size_name(settings: dict[str, Any]) -> str:
    return "limit" if settings["type"] == "offset" else "page_size"


def number(value: Any) -> Any:
    """Returns a value as an integer, and a template that gives one as it is."""
    return value if isinstance(value, str) and templates.has_holes(value) else int(value)


def _size(strategy: Component, scope: Scope) -> Any:
    size = scope.known(strategy.get("page_size"), "`page_size`")
    try:
        return number(size) if size not in {None, ""} else None
    except (TypeError, ValueError):
        raise ConfigError(f"`page_size: {strategy.get('page_size')}` is not a number") from None


def _ready(option: Component, endpoint: dict[str, Any]) -> None:
    """Gives the endpoint a body of the right kind, if the token goes into one and it has none."""
    if requester.PLACES.get(str(option.get("inject_into"))) in {"form", "json"}:
        endpoint.setdefault("body", requester.empty_body(str(option["inject_into"])))


def _counted(
    kind: str, param: str, strategy: Component, option: Component | None, scope: Scope, endpoint: dict[str, Any]
) -> dict[str, Any] | None:
    settings: dict[str, Any] = {"type": kind, "overlap": False}
    if option:
        settings["in"], settings[param] = requester.location(option, scope)
        _ready(option, endpoint)
    elif not _reads_token(endpoint):
        return None
    if not scope.value(strategy.get("inject_on_first_request")):
        settings["omit_first"] = True
    return settings


def _page(
    strategy: Component, option: Component | None, scope: Scope, endpoint: dict[str, Any]
) -> dict[str, Any] | None:
    settings = _counted("page_number", "page_param", strategy, option, scope, endpoint)
    first = scope.known(strategy.get("start_from_page"), "`start_from_page`")
    cap = {"result_cap": strategy["result_cap"]} if "result_cap" in strategy else {}
    return None if settings is None else {**settings, "first_page": number(first or 0), **cap}


def _offset(
    strategy: Component, option: Component | None, scope: Scope, endpoint: dict[str, Any]
) -> dict[str, Any] | None:
    settings = _counted("offset", "offset_param", strategy, option, scope, endpoint)
    return None if settings is None else {**settings, "limit_param": None, "limit": None}


def _cursor(
    strategy: Component, option: Component | None, scope: Scope, endpoint: dict[str, Any]
) -> dict[str, Any] | None:
    value = scope.expression(strategy.get("cursor_value") or "")
    stop = strategy.get("stop_condition")
    stopping = {} if stop in {None, ""} else {"stop_when": scope.expression(_as_text(stop))}
    if _follows(option):
        return {**_link(value), **stopping}
    if option is None and not _reads_token(endpoint):
        return None
    settings: dict[str, Any] = {"type": "cursor", **_token(value), **stopping}
    if option:
        if option.get("inject_into") == "body_json" and _JSON_TEXT.search(value):
            inner = value[2:-2].strip()
            settings["cursor"] = f"{{{{ json_loads({inner}) if ({inner}) }}}}"
        settings["in"], settings["cursor_param"] = requester.location(option, scope)
        _ready(option, endpoint)
    return settings


def _as_text(condition: Any) -> str:
    text = str(condition)
    return text if "{" in text else f"{{{{ {text.lower()} }}}}" if text in {"True", "False"} else text


def _follows(option: Component | None) -> bool:
    return option is not None and (option.get("type") == "RequestPath" or option.get("inject_into") == "path")


def _token(value: str) -> dict[str, Any]:
    path = references.path(value, "response")
    return {"cursor": value} if path is None else {"cursor_path": path}


def _link(value: str) -> dict[str, Any]:
    if references.path(value, "headers") in _LINK:
        return {"type": "link_header"}
    path = references.path(value, "response")
    return {"type": "next_url", **({"next_url": value} if path is None else {"next_url_path": path})}


def _reads_token(endpoint: dict[str, Any]) -> bool:
    """True if a template of the request puts the token in."""
    return any(templates.TOKEN in text for text in texts_in(endpoint))


_STRATEGIES = {"CursorPagination": _cursor, "OffsetIncrement": _offset, "PageIncrement": _page}
