"""Asynchronous retrievers: a request creates a report job, others poll it and download its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import requester

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_STATUSES = ("completed", "failed", "running", "skipped", "timeout")
_AS_IT_IS = {"path": "{{ download_target }}", "http_method": "GET"}
"""The download that needs no request of its own."""


def simple(retriever: Component) -> Component:
    """Returns the retriever that an asynchronous one amounts to, apart from its job."""
    if (retriever.get("download_paginator") or {"type": "NoPagination"}).get("type") != "NoPagination":
        raise ConfigError("`download_paginator` has no equivalent here")
    return {
        "type": "SimpleRetriever",
        "requester": retriever.get("creation_requester") or {},
        "record_selector": retriever.get("record_selector") or {},
        "partition_router": retriever.get("partition_router") or [],
        "decoder": retriever.get("download_decoder") or retriever.get("decoder"),
    }


def job(retriever: Component, scope: Scope) -> dict[str, Any]:
    """Returns the `job` of an endpoint.

    Raises:
        ConfigError: A part of it has no equivalent here.
    """
    mapping = retriever.get("status_mapping") or {}
    settings: dict[str, Any] = {
        "poll": _request(retriever["polling_requester"], scope),
        **{name: [str(each) for each in mapping[name]] for name in _STATUSES if mapping.get(name)},
    }
    paths = {"status_path": "status_extractor", "urls_path": "download_target_extractor"}
    for name, extractor in paths.items():
        if retriever.get(extractor):
            settings[name] = _path(retriever[extractor], scope)
    others = {"result": "download_target_requester", "abort": "abort_requester", "delete": "delete_requester"}
    for name, field in others.items():
        if retriever.get(field):
            settings[name] = _request(retriever[field], scope)
    download = _request(retriever["download_requester"], scope)
    if {key: value for key, value in download.items() if value} != _AS_IT_IS:
        settings["download"] = download
    for name, field in (
        ("time_limit_minutes", "polling_job_timeout"),
        ("retry_seconds", "failed_retry_wait_time_in_seconds"),
    ):
        value = scope.known(retriever.get(field), f"`{field}`")
        if value:
            settings[name] = float(value)
    return settings


def _path(extractor: Component, scope: Scope) -> list[str]:
    if extractor.get("type") != "DpathExtractor":
        raise ConfigError(f"`{extractor.get('class_name') or extractor.get('type')}` has no equivalent here")
    return [str(scope.known(key, "`field_path`")) for key in extractor.get("field_path") or []]


def _request(component: Component, scope: Scope) -> dict[str, Any]:
    if component.get("type") != "HttpRequester":
        raise ConfigError(f"`{component.get('class_name') or component.get('type')}` has no equivalent here")
    own = scope.of(component)
    base, path = (own.text(component.get(name)).strip() for name in ("url_base", "path"))
    base = base or own.text(component.get("url")).strip()
    whole = f"{base.rstrip('/')}/{path.lstrip('/')}" if base and path else base or path
    return {"path": whole, "http_method": requester.method(component), **requester.options(component, own)}
