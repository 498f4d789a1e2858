"""Asynchronous retrievers: the report job of an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.config.job import CREATED, NAMES, POLLED, TARGET
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import decoders, document, errors, requester
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_STATUSES = ("running", "completed", "failed", "timeout", "skipped")
_REQUESTS = {
    "poll": "polling_requester",
    "result": "download_target_requester",
    "download": "download_requester",
    "abort": "abort_requester",
    "delete": "delete_requester",
}
"""The requesters of the retriever, by the options of a job."""
_WAIT = "failed_retry_wait_time_in_seconds"
_AS_IT_IS = {"path": f"{{{{ {TARGET} }}}}"}
"""The request for a result at a URL that the API gave."""
_PARTS = ("http_method", "params", "headers", "body")
_WHOLE = {"type": "DpathExtractor", "field_path": []}


def is_job(retriever: Component) -> bool:
    """True if a retriever reads from a job."""
    return retriever.get("type") == "AsyncRetriever"


def simple(retriever: Component) -> Component:
    """Returns the retriever that the endpoint of a job has: its request creates the job, and it reads the result.

    Raises:
        ConfigError: The decoder of the responses about jobs has no equivalent here.
    """
    decoders.check_answer(retriever.get("decoder"))
    extractor = retriever.get("download_extractor") or _WHOLE
    decoder = retriever.get("download_decoder")
    if extractor.get("type") == "ResponseToFileExtractor":
        kind = "JsonlDecoder" if extractor.get("file_type") == "jsonl" else "CsvDecoder"
        extractor, decoder = _WHOLE, {"delimiter": extractor.get("delimiter"), "type": kind}
    return {
        **retriever,
        "requester": retriever.get("creation_requester") or {},
        "paginator": retriever.get("download_paginator"),
        "decoder": decoder,
        "record_selector": {**(retriever.get("record_selector") or {}), "extractor": extractor},
    }


def job(retriever: Component, endpoint: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Returns the `job` of an endpoint, and adds the error rules of its requests to the endpoint.

    Raises:
        ConfigError: A part of it has no equivalent here.
    """
    scope = scope._replace(slice={**scope.slice, **{name: name for name in NAMES}})
    found: dict[str, Any] = {"status_path": _path(retriever.get("status_extractor"), "status_extractor", scope)}
    mapping = retriever.get("status_mapping") or {}
    found |= {name: list(map(str, mapping[name])) for name in _STATUSES if mapping.get(name)}
    if retriever.get("download_target_extractor"):
        found["urls_path"] = _path(retriever["download_target_extractor"], "download_target_extractor", scope)
    for name, field in (("time_limit_minutes", "polling_job_timeout"), ("retry_seconds", _WAIT)):
        if retriever.get(field):
            found[name] = scope.known(retriever[field], f"`{field}`")
    for name, place in _REQUESTS.items():
        given = retriever.get(place)
        if given:
            made = _request(given, endpoint, scope.of(given), place)
            rules = errors.rules(given.get("error_handler"), scope.of(given))
            known = endpoint.get("errors", [])
            if new := [rule for rule in rules if rule not in known]:
                endpoint["errors"] = [*known, *new]
            if made != _AS_IT_IS:
                found[name] = made
    return found


def page(endpoint: dict[str, Any], paginate: Callable[[dict[str, Any]], None]) -> None:
    """Adds the pagination of the result to the endpoint of a job, with its parameters in the request for the result.

    Args:
        endpoint: The endpoint.
        paginate: Adds the pagination to an endpoint.
    """
    download = dict(endpoint["job"].get("download") or _AS_IT_IS)
    others = {name: value for name, value in endpoint.items() if name not in _PARTS}
    paged = {**others, "http_method": "GET", **{name: download[name] for name in _PARTS if name in download}}
    paginate(paged)
    download |= {name: paged[name] for name in _PARTS if paged.get(name)}
    if download != {**_AS_IT_IS, "http_method": "GET"}:
        endpoint["job"]["download"] = download
    endpoint |= {name: value for name, value in paged.items() if name not in _PARTS}


def _path(extractor: Component | None, place: str, scope: Scope) -> list[str]:
    kind = (extractor or {}).get("class_name") or (extractor or {}).get("type")
    if extractor is None or kind != "DpathExtractor":
        raise ConfigError(f"`{kind}` has no equivalent here").at(place)
    return [scope.text(key) for key in extractor.get("field_path") or []]


def _request(given: Component, endpoint: Mapping[str, Any], scope: Scope, place: str) -> dict[str, Any]:
    """Returns one request of a job. A header that only the creation has is left out."""
    if given.get("type") != "HttpRequester":
        raise document.lacking(given).at(place)
    made = requester.options(given, scope)
    headers = {**{name: [] for name in endpoint.get("headers") or {} if name not in made["headers"]}, **made["headers"]}
    base = scope.text(given.get("url_base") or given.get("url")).strip()
    is_target = TARGET in templates.names(base) and not given.get("path")
    found = dict(_AS_IT_IS) if is_target else {"path": _url(given, scope)}
    method = requester.method(given)
    found |= {} if method == "GET" else {"http_method": method}
    found |= {name: value for name, value in {**made, "headers": headers}.items() if value}
    return _AS_IT_IS if is_target and not made["headers"] and not made["params"] and method == "GET" else found


def _url(given: Component, scope: Scope) -> str:
    base = scope.url(given.get("url_base") or given.get("url")).strip()
    if {CREATED, POLLED, TARGET} & templates.names(base):
        path = scope.url(given.get("path")).strip()
        return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base
    return requester.url(given, scope)


def shared(endpoints: Iterable[Mapping[str, Any]], manifest: Component) -> dict[str, Any]:
    """Returns the settings of the whole config that jobs need: how many run at the same time, and where they go.

    As in the CDK, it is one at a time unless the manifest has `max_concurrent_async_job_count`.
    """
    found = [each for each in endpoints if "job" in each]
    allowed: list[Any] = []
    for each in found:
        allowed += [origin for origin in _origins(each) if origin not in allowed]
    most = manifest.get("max_concurrent_async_job_count")
    limit = {"max_concurrent_jobs": most if isinstance(most, int) and most > 0 else 1} if found else {}
    return {**limit, **({"allowed_origins": allowed} if allowed else {})}


def _origins(endpoint: Mapping[str, Any]) -> list[Any]:
    """Returns the origins that the requests of a job go to besides that of the endpoint, as `allowed_origins`.

    The URLs of a result may lead to any file store. It receives no credentials.
    """
    made = endpoint["job"]
    own = requester.origin(endpoint["path"])
    others = {requester.origin(made[name]["path"]) for name in _REQUESTS if name in made}
    named = [
        {"origin": each, "credentials": True}
        for each in sorted(others - {own})
        if each.startswith("https://") and "{" not in each
    ]
    return [*named, *(["https://*"] if "urls_path" in made else [])]
