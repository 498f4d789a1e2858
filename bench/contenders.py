"""The tools that are compared, each told to read the same orders: what it is started with, and its config."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bench.server import WINDOWS, Orders

if TYPE_CHECKING:
    from collections.abc import Callable

Mode: TypeAlias = Literal["full_refresh", "incremental", "transformed", "windows"]

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / ".venv-runtime/bin"
CDK_ENVIRONMENT = ROOT / ".venv-cdk/bin"
PEERS = ROOT / ".venv-bench/bin"
_START = "2020-01-01T00:00:00Z"
_FILTER = "record.status == 'paid'"
_ADDED = {"buyer": "{{ record.customer.name }}", "reference": "{{ record.currency }}-{{ record.number }}"}


@dataclass(frozen=True)
class Task:
    """One read of some orders.

    The mode `windows` asks for thirty days at a time; `transformed` is a full refresh with a filter, which all orders
    pass, and two added fields.
    """

    orders: Orders
    base: str
    mode: Mode = "full_refresh"
    paging: Literal["token", "number"] = "token"
    concurrency: int = 1

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{self.base}/{self.orders.name}"


@dataclass(frozen=True)
class Contender:
    """A tool."""

    name: str
    command: Callable[[Task, Path], list[str]]
    """The process that reads a task, with its files in a folder."""
    share: float = 1
    """Which part of the pages it is given, so that its run takes about as long as ours."""

    def orders(self, orders: Orders) -> Orders:
        """Its part."""
        return Orders(max(1, round(orders.pages * self.share)), orders.page_size, orders.record_bytes)


def ours(task: Task, folder: Path, verb: str = "read") -> list[str]:
    """This connector."""
    numbered = {"type": "page_number", "total_pages_path": "total_pages"}
    token = {"type": "cursor", "cursor_path": "next", "cursor_param": "page"}
    endpoint: dict[str, Any] = {
        "name": "orders",
        "path": task.orders.name,
        "records_path": "data",
        "primary_key": ["id"],
        "pagination": numbered if task.paging == "number" else token,
    }
    if task.mode == "incremental":
        endpoint["incremental"] = {"cursor_field": "updated_at", "start_param": "since"}
    if task.mode == "transformed":
        endpoint |= {"filter": _FILTER, "add_fields": _ADDED}
    if task.mode == "windows":
        endpoint["incremental"] = {
            "cursor_field": "updated_at",
            "start_param": "since",
            "end_param": "until",
            "format": "%Y-%m-%d",
            "step": "P30D",
        }
    config = {
        "url_base": task.base,
        "start_date": _start(task),
        "max_concurrency": task.concurrency,
        "endpoints": [endpoint],
    }
    return [str(RUNTIME / "python"), str(ROOT / "main.py"), *_arguments(verb, task, config, folder)]


def cdk(task: Task, folder: Path, verb: str = "read") -> list[str]:
    """The Airbyte CDK's declarative source, with the manifest in its config."""
    config = {"__injected_declarative_manifest": _manifest(task)}
    return [str(CDK_ENVIRONMENT / "source-declarative-manifest"), *_arguments(verb, task, config, folder)]


def manifest(task: Task, folder: Path, verb: str = "read") -> list[str]:
    """This connector, with the CDK's manifest in its config."""
    config = {"__injected_declarative_manifest": _manifest(task)}
    return [str(RUNTIME / "python"), str(ROOT / "main.py"), *_arguments(verb, task, config, folder)]


def dlt(task: Task, _: Path) -> list[str]:
    """The `rest_api` source of dlt, iterated without a destination."""
    numbered = {"type": "page_number", "base_page": 1, "total_path": "total_pages"}
    token = {"type": "cursor", "cursor_path": "next", "cursor_param": "page"}
    endpoint: dict[str, Any] = {
        "path": task.orders.name,
        "data_selector": "data",
        "paginator": numbered if task.paging == "number" else token,
    }
    if task.mode == "incremental":
        endpoint["incremental"] = {"cursor_path": "updated_at", "start_param": "since", "initial_value": _START}
    resource = {"name": "orders", "primary_key": "id", "endpoint": endpoint}
    config = {"client": {"base_url": f"{task.base}/"}, "resources": [resource]}
    return [str(PEERS / "python"), "-m", "bench.dlt_source", json.dumps(config), task.mode]


def singer(task: Task, folder: Path) -> list[str]:
    """A tap on singer-sdk's `RESTStream`."""
    start = {"start_date": _START} if task.mode == "incremental" else {}
    config = written(folder, "tap.json", {"url": task.url, **start})
    return [str(PEERS / "python"), "-m", "bench.singer_tap", "--config", config]


def floor(task: Task, _: Path) -> list[str]:
    """A bare loop with requests."""
    windows = [window.isoformat() for window in WINDOWS] if task.mode == "windows" else []
    pages = task.orders.pages // len(windows or [1])
    return [str(RUNTIME / "python"), "-m", "bench.floor", task.url, str(pages), *windows]


OURS = Contender("ours", ours)
MANIFEST = Contender("ours, manifest", manifest)
FLOOR = Contender("floor", floor)
CDK = Contender("CDK", cdk, share=1 / 10)
DLT = Contender("dlt", dlt, share=1 / 4)
SINGER = Contender("singer-sdk", singer, share=1 / 10)
ALL = [OURS, FLOOR, CDK, DLT, SINGER]


def _manifest(task: Task) -> dict[str, Any]:
    page = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "page"}
    numbered = {"type": "PageIncrement", "page_size": task.orders.page_size, "start_from_page": 1}
    token = {
        "type": "CursorPagination",
        "cursor_value": "{{ response.get('next', '') }}",
        "stop_condition": "{{ not response.get('next') }}",
    }
    stream: dict[str, Any] = {
        "type": "DeclarativeStream",
        "name": "orders",
        "primary_key": ["id"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": task.base, "path": task.orders.name},
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "page_token_option": page,
                "pagination_strategy": numbered if task.paging == "number" else token,
            },
        },
    }
    if task.mode == "transformed":
        stream["retriever"]["record_selector"]["record_filter"] = {
            "type": "RecordFilter",
            "condition": f"{{{{ {_FILTER} }}}}",
        }
        fields = [{"type": "AddedFieldDefinition", "path": [name], "value": text} for name, text in _ADDED.items()]
        stream["transformations"] = [{"type": "AddFields", "fields": fields}]
    if task.mode in {"incremental", "windows"}:
        since = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "since"}
        by_day = {
            "start_time_option": since,
            "datetime_format": "%Y-%m-%d",
            "step": "P30D",
            "cursor_granularity": "P1D",
        }
        to_the_second = {"start_time_option": since, "datetime_format": "%Y-%m-%dT%H:%M:%SZ"}
        stream["incremental_sync"] = {
            "type": "DatetimeBasedCursor",
            "cursor_field": "updated_at",
            "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%SZ"],
            "start_datetime": {
                "type": "MinMaxDatetime",
                "datetime": _start(task),
                "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
            },
            **(by_day if task.mode == "windows" else to_the_second),
        }
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["orders"]},
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": task.concurrency},
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
        "streams": [stream],
    }


def _start(task: Task) -> str:
    return f"{WINDOWS[0].isoformat()}T00:00:00Z" if task.mode == "windows" else _START


def _arguments(verb: str, task: Task, config: dict[str, Any], folder: Path) -> list[str]:
    """The command line of an Airbyte connector."""
    if verb == "spec":
        return [verb]
    arguments = [verb, "--config", written(folder, "config.json", config)]
    return [*arguments, "--catalog", written(folder, "catalog.json", _catalog(task))] if verb == "read" else arguments


def _catalog(task: Task) -> dict[str, Any]:
    mode = "incremental" if task.mode in {"incremental", "windows"} else "full_refresh"
    stream = {
        "name": "orders",
        "json_schema": {"type": "object", "properties": {}},
        "supported_sync_modes": ["full_refresh", "incremental"],
    }
    by_cursor = {"cursor_field": ["updated_at"]} if mode == "incremental" else {}
    return {"streams": [{"stream": stream, "sync_mode": mode, "destination_sync_mode": "append", **by_cursor}]}


def written(folder: Path, name: str, value: object) -> str:
    """The path of a JSON file of a command."""
    path = folder / name
    path.write_text(json.dumps(value))
    return str(path)
