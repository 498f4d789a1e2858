"""Time to read children from APIs with rate limits: this connector, the CDK and dlt, over real connections."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import rig
from bench.contenders import CDK_ENVIRONMENT, PEERS, ROOT, RUNTIME, written
from bench.rig import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.server import Server

_LIMITS = [
    "bucket of 10, 50/s, `Retry-After: 1`",
    "bucket of 40, 20/s, `Retry-After: 1`",
    "50 each second, `Retry-After: 1`",
    "100 each 5 s, `Retry-After`",
    "3 under way together",
]
_CHILDREN = 600
_AT_ONCE = 32


def measure(api: Server, *, quick: bool = False) -> Report:  # noqa: ARG001
    """A few limits, each program once: most of the time is waiting."""
    children = 200 if quick else _CHILDREN
    report = Report(
        "real_limits",
        f"Time to read {children} children, 50 ms each, over real connections",
        ["limit", "ideal, s", "", "s", "to ideal", "requests refused", "records"],
    )
    ours, others = [], []
    for limit in _LIMITS[:2] if quick else _LIMITS:
        for name, command in _CONTENDERS.items():
            run = _run(limit, children, command)
            ratio = run.seconds / run.ideal
            got = "all" if run.records == children else f"failed after {run.records}"
            refused = f"{run.refused} ({100 * run.refused / children:.1f} %)"
            report.rows.append([limit, f"{run.ideal:.1f}", name, f"{run.seconds:.1f}", f"{ratio:.2f}", refused, got])
            report.values[f"{limit}|{name}"] = {"ratio": ratio, "complete": run.records == children}
            if name == "ours":
                ours.append(ratio)
            elif run.records == children:
                others.append(ratio / ours[-1])
    report.claim("ours to ideal", ours, "<= 1.25")
    report.claim("others that read all, to ours", others, ">= 1")
    return report


class _Run(NamedTuple):
    seconds: float
    """From the first request for a child to the end of the last, at the API."""
    ideal: float
    refused: int
    records: int


@contextmanager
def _api(limit: str, children: int) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """Start the API; give its port and ideal, and a list that has what it counted afterwards."""
    command = [str(RUNTIME / "python"), "-m", "bench.limited_server", limit, str(children)]
    outcome: list[float] = []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), outcome
        process.stdin.close()
        outcome += json.loads(process.stdout.readline())


def _run(limit: str, children: int, command: Callable[[str, Path], list[str]]) -> _Run:
    """Read all children once. A program that gives up has read fewer."""
    with TemporaryDirectory(prefix="bench-") as folder, _api(limit, children) as (said, outcome):
        arguments = command(f"http://127.0.0.1:{said['port']}", Path(folder))
        usage = rig.run(arguments, Path(folder), may_fail=True)
    refused, seconds = outcome
    return _Run(seconds, said["ideal"], round(refused), usage.records)


def _ours(base: str, folder: Path) -> list[str]:
    children = {"name": "children", "path": "children/{{ parents.id }}", "records_path": "data"}
    parents = {"name": "parents", "path": "parents", "records_path": "data"}
    config = {"url_base": base, "endpoints": [parents, children]}
    return [str(RUNTIME / "python"), str(ROOT / "main.py"), *_read(config, folder)]


def _cdk(base: str, folder: Path) -> list[str]:
    router = {
        "type": "SubstreamPartitionRouter",
        "parent_stream_configs": [
            {
                "type": "ParentStreamConfig",
                "stream": _stream(base, "parents", "parents"),
                "parent_key": "id",
                "partition_field": "parent",
            }
        ],
    }
    manifest = {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["children"]},
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": _AT_ONCE},
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
        "streams": [_stream(base, "children", "children/{{ stream_partition.parent }}", partition_router=router)],
    }
    config = {"__injected_declarative_manifest": manifest}
    return [str(CDK_ENVIRONMENT / "source-declarative-manifest"), *_read(config, folder)]


def _dlt(base: str, _: Path) -> list[str]:
    parents = {"name": "parents", "endpoint": {"path": "parents", "data_selector": "data", "paginator": "single_page"}}
    link = {"type": "resolve", "resource": "parents", "field": "id"}
    children = {
        "name": "children",
        "parallelized": True,
        "endpoint": {
            "path": "children/{parent}",
            "params": {"parent": link},
            "data_selector": "data",
            "paginator": "single_page",
        },
    }
    config = {"client": {"base_url": f"{base}/"}, "resources": [parents, children]}
    return [str(PEERS / "python"), "-m", "bench.dlt_source", json.dumps(config), "full_refresh"]


_CONTENDERS = {"ours": _ours, "CDK": _cdk, "dlt": _dlt}


def _stream(base: str, name: str, path: str, **retriever: Any) -> dict[str, Any]:
    """A stream of a manifest."""
    extractor = {"type": "DpathExtractor", "field_path": ["data"]}
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": ["id"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": base, "path": path},
            "record_selector": {"type": "RecordSelector", "extractor": extractor},
            **retriever,
        },
    }


def _read(config: dict[str, Any], folder: Path) -> list[str]:
    """The arguments of an Airbyte connector that reads the children."""
    stream = {"name": "children", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
    files = {"config": config, "catalog": catalog}
    named = [[f"--{name}", written(folder, f"{name}.json", value)] for name, value in files.items()]
    return ["read", *named[0], *named[1]]
