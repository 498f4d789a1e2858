"""Reads the streams of one manifest by one engine, in a process that may be killed."""

from __future__ import annotations

import ast
import functools
import json
import logging
import os
import re
import socket
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from tempfile import TemporaryDirectory
from threading import RLock
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import (
    AirbyteMessageSerializer,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.sources.declarative import concurrent_declarative_source as declarative
from airbyte_cdk.sources.declarative.interpolation import jinja
from airbyte_cdk.utils.constants import ENV_REQUEST_CACHE_PATH

from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.protocol import state_file
from tests.manifests.any import cases
from tests.manifests.any.api import AnyApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.manifests.any.cases import Case

_PORT = re.compile(r"127\.0\.0\.1:\d+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass
class Outcome:
    """What one engine read of one stream."""

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    requests: list[str] = field(default_factory=list)
    state: Any = None
    unknown: list[str] = field(default_factory=list)
    has_own_code: bool = False
    served: int = 0
    looped: bool = False


def run(path: Path, engine: str, begin: int, out: Connection) -> None:
    """Reads the streams from a number on, and sends each outcome when it is there.

    Args:
        path: The manifest.
        engine: `ours` or `cdk`.
        begin: The first stream.
        out: Where the outcomes go.
    """
    logging.disable(logging.CRITICAL)
    os.environ["NO_PROXY"] = "*"
    _stay_home()
    quicken()
    with AnyApi() as api, redirect_stdout(StringIO()):  # the CDK prints changed configs
        for number, case in enumerate(cases.of(path, api.url)):
            if number >= begin:
                out.send(read(case, engine, api))
    out.close()


def read(case: Case, engine: str, api: AnyApi) -> Outcome:
    """Reads one stream."""
    found = Outcome(case.name, has_own_code=case.has_own_code)
    if case.has_own_code:
        return found
    api.serve(case.stream, case.config)
    try:
        with TemporaryDirectory() as folder:
            # The CDK keeps responses of parents, in memory also for the next source: those of another imitation.
            os.environ[ENV_REQUEST_CACHE_PATH] = folder
            for message in {"ours": ours, "cdk": cdk}[engine](case):
                _take(message, found)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the stream failed
        found.failed = f"{type(error).__name__}: {getattr(error, 'internal_message', None) or error}"
    found.failed = found.failed or (f"the imitation failed: {api.errors[-1]!r}" if api.errors else "")
    api.errors.clear()
    found.requests = [f"{call.method} {call.target} {call.body.decode('utf-8', 'replace')}" for call in api.requests]
    found.unknown, found.served, found.looped = api.unknown, len(api.served), api.looped
    return found


def _take(message: dict[str, Any], found: Outcome) -> None:
    if message["type"] == "RECORD":
        found.records.append(json.loads(_PORT.sub("127.0.0.1", json.dumps(message["record"]["data"]))))
    elif message["type"] == "STATE":
        found.state = message["state"]["stream"].get("stream_state")
    elif message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
        error = message["trace"]["error"]
        found.failed = found.failed or str(error.get("internal_message") or error["message"])


def ours(case: Case, state: Any = None) -> Iterator[dict[str, Any]]:
    """Yields the messages of this connector."""
    session = ManifestConnector(case.manifest).session(case.config, pass_on=lambda _: None)
    for block in session.read(_catalog(case), state_file.load(state or [])):
        for line in block.splitlines():
            yield json.loads(line)


def cdk(case: Case, state: Any = None) -> Iterator[dict[str, Any]]:
    """Yields the messages of the CDK."""
    chosen = ConfiguredAirbyteCatalogSerializer.load(_catalog(case))
    states = [AirbyteStateMessageSerializer.load(each) for each in state or []]
    source = declarative.ConcurrentDeclarativeSource(
        catalog=chosen, config=case.config, state=states, source_config=case.manifest
    )
    for message in source.read(logging.getLogger("airbyte"), case.config, chosen, states):
        if message.record is not None:
            data = orjson.loads(orjson.dumps(message.record.data, default=str))
            yield {"type": "RECORD", "record": {"data": data}}
        else:
            yield json.loads(orjson.dumps(AirbyteMessageSerializer.dump(message)))


def _catalog(case: Case) -> dict[str, Any]:
    is_timed = bool(case.stream.get("incremental_sync")) or case.stream.get("type") == "StateDelegatingStream"
    stream = {"name": case.name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    mode = "incremental" if is_timed else "full_refresh"
    return {"streams": [{"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}]}


def _stay_home() -> None:
    """Has this process reach nothing beyond loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOOPBACK:
            raise OSError(f"{address[0]} is not on loopback")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]


def quicken() -> None:
    """Has the CDK read its own schema once, leave out validation, and parse one literal at a time.

    Python 3.11 counts the depth of all threads' syntax trees together, so threads that parse at once may fail.
    """
    declarative.get_declarative_component_schema = functools.cache(declarative.get_declarative_component_schema)
    declarative.validate_manifest = lambda *_: None
    lock, literal = RLock(), ast.literal_eval

    class OneAtATime:
        @staticmethod
        def literal_eval(text: Any) -> Any:
            with lock:
                return literal(text)

    jinja.ast = OneAtATime  # type: ignore[assignment]
