"""The connectors that rows are played against: ours, and the Airbyte CDK's declarative source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.process import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSON = dict[str, Any]
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Subject:
    """A connector: its program, and how it is told what a config of ours tells ours."""

    name: str
    program: tuple[str, ...]
    config: Callable[[JSON], JSON]


OURS = Subject("ours", PROGRAM, lambda config: config)


def cdk(root: Path) -> Subject:
    """The CDK, as `scripts/setup cdk` installs it."""
    return Subject("CDK", (str(root / ".venv-cdk/bin/source-declarative-manifest"),), equivalent)


def equivalent(config: JSON) -> JSON:
    """A config of the CDK's source that reads the same: secrets beside the manifest, which refers to them."""
    own = {**config.get("authentication", {}), "start_date": config.get("start_date", "2020-01-01T00:00:00Z")}
    by_name = {endpoint["name"]: endpoint for endpoint in config["endpoints"]}
    secrets = {
        name: {"type": "string", "airbyte_secret": True}
        for name in ("api_key", "client_secret", "password", "refresh_token", "token")
        if name in own
    }
    manifest = {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": list(by_name)},
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": config.get("max_concurrency", 4)},
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": secrets}},
        "streams": [_stream(config, endpoint, by_name) for endpoint in config["endpoints"]],
    }
    return {**own, **config.get("__cdk", {}), "__injected_declarative_manifest": manifest}


def _stream(config: JSON, endpoint: JSON, by_name: dict[str, JSON]) -> JSON:
    path, router = _path(config, endpoint, by_name)
    selector: JSON = {"type": "RecordSelector", "extractor": _extractor(endpoint)}
    added = [
        {"type": "AddedFieldDefinition", "path": [name], "value": value}
        for name, value in endpoint.get("add_fields", {}).items()
    ]
    requester: JSON = {
        "type": "HttpRequester",
        "url_base": config["url_base"],
        "path": path,
        "http_method": endpoint.get("http_method", "GET"),
        "authenticator": _authenticator(config.get("authentication", {"type": "none"})),
        "request_parameters": {**config.get("params", {}), **endpoint.get("params", {})},
    }
    if "read_timeout" in config:
        requester["read_timeout_in_seconds"] = config["read_timeout"]
    if config.get("retry"):
        requester["error_handler"] = {
            "type": "DefaultErrorHandler",
            "max_retries": config["retry"].get("max_attempts", 5) - 1,
            "backoff_strategies": [{"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 1}],
        }
    stream: JSON = {
        "type": "DeclarativeStream",
        "name": endpoint["name"],
        "primary_key": endpoint.get("primary_key", []),
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": requester,
            "record_selector": selector,
            "paginator": _paginator(endpoint.get("pagination") or config.get("pagination") or {"type": "none"}),
            "decoder": {"type": {"jsonl": "JsonlDecoder", "csv": "CsvDecoder"}.get(_decoder(endpoint), "JsonDecoder")},
            **router,
        },
        **({"transformations": [{"type": "AddFields", "fields": added}]} if added else {}),
    }
    if "incremental" in endpoint:
        stream["incremental_sync"] = _cursor(endpoint["incremental"])
    return stream


def _decoder(endpoint: JSON) -> str:
    return str(endpoint.get("decoder", {}).get("type", "json"))


def _extractor(endpoint: JSON) -> JSON:
    path = endpoint.get("records_path", "$")
    return {"type": "DpathExtractor", "field_path": [] if path == "$" else path.split(".")}


def _path(config: JSON, endpoint: JSON, by_name: dict[str, JSON]) -> tuple[str, JSON]:
    """The path, and the router to the parent that it names."""
    found = re.search(r"\{\{ (\w+)\.(\w+) \}\}", endpoint["path"])
    if found is None or found[1] not in by_name:
        return endpoint["path"], {}
    parent = {
        "type": "ParentStreamConfig",
        "parent_key": found[2],
        "partition_field": "parent",
        "stream": _stream(config, by_name[found[1]], by_name),
    }
    path = endpoint["path"].replace(found[0], "{{ stream_partition['parent'] }}")
    return path, {"partition_router": {"type": "SubstreamPartitionRouter", "parent_stream_configs": [parent]}}


def _authenticator(auth: JSON) -> JSON:
    if auth["type"] == "bearer":
        return {"type": "BearerAuthenticator", "api_token": "{{ config['token'] }}"}
    if auth["type"] == "basic":
        named = {"username": "{{ config['username'] }}", "password": "{{ config['password'] }}"}
        return {"type": "BasicHttpAuthenticator", **named}
    if auth["type"] == "api_key":
        place = "request_parameter" if auth.get("in") == "query" else "header"
        option = {"type": "RequestOption", "inject_into": place, "field_name": auth.get("name", "X-Api-Key")}
        return {"type": "ApiKeyAuthenticator", "api_token": "{{ config['api_key'] }}", "inject_into": option}
    if auth["type"] == "oauth2":
        kind = "refresh_token" if "refresh_token" in auth else "client_credentials"
        return {
            "type": "OAuthAuthenticator",
            "token_refresh_endpoint": auth["token_url"],
            "client_id": auth["client_id"],
            "client_secret": "{{ config['client_secret'] }}",
            "grant_type": kind,
            **({"refresh_token": "{{ config['refresh_token'] }}"} if kind == "refresh_token" else {}),
        }
    return {"type": "NoAuth"}


def _paginator(paging: JSON) -> JSON:
    kind = paging["type"]
    if kind == "none":
        return {"type": "NoPagination"}
    if kind == "page_number":
        size = {"page_size": paging["page_size"]} if "page_size" in paging else {}
        strategy = {"type": "PageIncrement", "start_from_page": 1, **size}
        token = _option(paging.get("page_param", "page"))
    elif kind == "offset":
        strategy = {"type": "OffsetIncrement", "page_size": paging.get("limit", 100)}
        token = _option(paging.get("offset_param", "offset"))
    elif kind == "cursor":
        value = "response" + "".join(f".get('{key}', {{}})" for key in paging["cursor_path"].split("."))
        strategy = {"type": "CursorPagination", "cursor_value": f"{{{{ {value} }}}}"}
        strategy["stop_condition"] = f"{{{{ not {value} }}}}"
        token = _option(paging.get("cursor_param", "cursor"))
    else:
        value = f"response.get('{paging.get('next_url_path')}')"
        if kind == "link_header":
            value = "headers.get('link', {}).get('next', {}).get('url')"
        strategy = {"type": "CursorPagination", "cursor_value": f"{{{{ {value} }}}}"}
        strategy["stop_condition"] = f"{{{{ not {value} }}}}"
        token = {"type": "RequestPath"}
    made: JSON = {"type": "DefaultPaginator", "page_token_option": token, "pagination_strategy": strategy}
    size_param = paging.get("limit_param", "limit") if kind == "offset" else paging.get("page_size_param")
    if size_param and "page_size" in strategy:
        made["page_size_option"] = _option(size_param)
    return made


def _option(name: str) -> JSON:
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


def _cursor(incremental: JSON) -> JSON:
    written = incremental.get("format", _SECONDS)
    read = incremental.get("record_format", [_SECONDS, "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S%z"])
    made: JSON = {
        "type": "DatetimeBasedCursor",
        "cursor_field": incremental["cursor_field"],
        "datetime_format": written,
        "cursor_datetime_formats": [read] if isinstance(read, str) else read,
        "start_datetime": {
            "type": "MinMaxDatetime",
            "datetime": "{{ config['start_date'] }}",
            "datetime_format": _SECONDS,
        },
    }
    if "start_param" in incremental:
        made["start_time_option"] = _option(incremental["start_param"])
    else:
        made["is_client_side_incremental"] = True
    if "end_param" in incremental:
        made["end_time_option"] = _option(incremental["end_param"])
    if "step" in incremental:
        made |= {"step": incremental["step"], "cursor_granularity": "PT1S"}
    return made
