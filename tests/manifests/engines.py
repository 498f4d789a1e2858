"""Reads a manifest by this connector and by the CDK: what records came, and what was asked."""

from __future__ import annotations

import ast
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import yaml

from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.protocol import catalog, state_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api, Call


class _OneAtATime:
    """The part of `ast` that the CDK calls from its threads.

    Two threads that make syntax trees at once share a count of their depth, and now and then one of them ends with
    `SystemError: AST constructor recursion depth mismatch` (Python before 3.13, cpython issue 106905).
    """

    _lock = threading.Lock()

    def literal_eval(self, text: str) -> Any:
        """Returns the value of a Python literal."""
        with self._lock:
            return ast.literal_eval(text)


_ASTS = _OneAtATime()


@dataclass
class Reading:
    """What one engine read."""

    records: dict[str, list[str]] = field(default_factory=dict)
    """The records by stream, as JSON texts in order of their text."""
    states: dict[str, Any] = field(default_factory=dict)
    """The last state by stream."""
    requests: list[str] = field(default_factory=list)
    """Method, target and body of each request, in order of their text."""
    failed: list[str] = field(default_factory=list)


def ours(path: Path, api: Api, config: dict[str, Any], state: Any = None) -> Reading:
    """Reads all streams of a manifest by this connector, incrementally where they can be."""
    begun = len(api.requests)
    session = ManifestConnector.at(path).session(config)
    configured = catalog.of_all(session.offered)
    saved = state_file.load(state or [])
    lines = [json.loads(line) for block in session.read(configured, saved) for line in block.splitlines()]
    return _read(lines, api, begun)


@patch.dict(os.environ, {"NO_PROXY": "*"})
def cdk(path: Path, api: Api, config: dict[str, Any], state: Any = None) -> Reading:
    """Reads all streams of a manifest by the CDK."""
    from airbyte_cdk.models import (  # noqa: PLC0415 -- its import takes seconds
        AirbyteStateMessageSerializer,
        ConfiguredAirbyteCatalogSerializer,
    )
    from airbyte_cdk.sources.declarative.async_job.job_orchestrator import AsyncJobOrchestrator  # noqa: PLC0415
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import (  # noqa: PLC0415
        ConcurrentDeclarativeSource,
    )
    from airbyte_cdk.sources.declarative.interpolation import jinja  # noqa: PLC0415
    from airbyte_cdk.test.entrypoint_wrapper import read  # noqa: PLC0415

    vars(jinja)["ast"] = _ASTS
    AsyncJobOrchestrator._WAIT_TIME_BETWEEN_STATUS_UPDATE_IN_SECONDS = 0.1  # type: ignore[assignment]
    session = ManifestConnector.at(path).session(config)
    configured = catalog.of_all(session.offered)
    for each in configured["streams"]:
        each["stream"].setdefault("supported_sync_modes", ["full_refresh", "incremental"])
        each["destination_sync_mode"] = "append"
    chosen = ConfiguredAirbyteCatalogSerializer.load(configured)
    states = [AirbyteStateMessageSerializer.load(each) for each in state or []]
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    begun = len(api.requests)
    source = ConcurrentDeclarativeSource(catalog=chosen, config=config, state=states, source_config=manifest)
    output = read(source, config, chosen, states)
    return _read(list(map(_plain, output._messages or [])), api, begun)


def _plain(message: Any) -> Any:
    """Returns a message as JSON, with the nulls of its record, which the CDK's serializer leaves out."""
    from airbyte_cdk.models import AirbyteMessageSerializer  # noqa: PLC0415

    dumped = AirbyteMessageSerializer.dump(message)
    if message.record is not None:
        dumped["record"]["data"] = message.record.data
    return dumped


def _read(messages: list[Any], api: Api, begun: int) -> Reading:
    found = Reading()
    for message in messages:
        if message["type"] == "RECORD":
            record = message["record"]
            found.records.setdefault(record["stream"], []).append(text(record["data"]))
        elif message["type"] == "STATE":
            stream = message["state"]["stream"]
            found.states[stream["stream_descriptor"]["name"]] = stream.get("stream_state")
        elif message["type"] == "TRACE" and message["trace"].get("type") == "ERROR":
            found.failed.append(message["trace"]["error"]["message"])
    for records in found.records.values():
        records.sort()
    calls = api.requests[begun:]
    found.requests = sorted(map(_asked, calls))
    return found


def text(record: dict[str, Any]) -> str:
    """A record as text. What a template of the CDK does not find is an empty text, and here it is null."""
    return json.dumps({name: value for name, value in record.items() if value not in (None, "")}, sort_keys=True)


def _asked(call: Call) -> str:
    """A request as text, however its parameters are encoded and ordered."""
    body = call.body.decode("latin-1")
    with suppress(ValueError):
        body = json.dumps(json.loads(body), sort_keys=True)
    return f"{call.method} {call.path} {sorted(call.query.items())} {body}"
