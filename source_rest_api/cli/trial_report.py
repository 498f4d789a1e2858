"""Shows the trial of a stream: to people as text, to machines as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.cli.text_table import aligned, cut, table
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import printable
from source_rest_api.plurals import counted
from source_rest_api.protocol import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.cli.terminal import Terminal
    from source_rest_api.http.request_log import Exchange
    from source_rest_api.sync.trial import Trial

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def show(
    trials: Iterable[Trial],
    mask: Callable[[str], str],
    terminal: Terminal,
    write: Callable[[bytes], None],
    *,
    whole: bool,
    as_json: bool,
) -> bool:
    """Writes trials, each as it ends, and returns True if all succeeded.

    Args:
        trials: The trials.
        mask: Masks secrets.
        terminal: The terminal, if the output goes to one.
        write: Writes the output.
        whole: True for all columns, and all of each value.
        as_json: True for one JSON document at the end instead of text.
    """
    done: list[Trial] = []
    for trial in trials:
        if not as_json:
            shown = text(trial, mask, terminal, whole=whole)
            write(("\n" * bool(done) + shown).encode("utf-8", "backslashreplace"))
        done.append(trial)
    if as_json:
        write(messages.line({"streams": [document(trial, mask) for trial in done]}))
    return all(trial.problem is None for trial in done)


def document(trial: Trial, mask: Callable[[str], str]) -> dict[str, Any]:
    """Returns a trial as JSON data. The records are as the API sent them."""
    return {
        "stream": trial.stream,
        "records": trial.records,
        "json_schema": trial.json_schema,
        "requests": [_request(exchange, mask) for exchange in trial.requests],
        "seconds": round(trial.seconds, 3),
        "ended": trial.ended,
        "error": None if trial.problem is None else mask(str(trial.problem)),
    }


def _request(exchange: Exchange, mask: Callable[[str], str]) -> dict[str, Any]:
    return {
        "endpoint": exchange.endpoint,
        "method": exchange.method,
        "url": mask(exchange.url),
        "status": exchange.status,
        "ms": round(exchange.seconds * 1000, 1),
        "bytes": exchange.size,
        "records": exchange.records,
        "paging": mask(exchange.then),
    }


def text(trial: Trial, mask: Callable[[str], str], terminal: Terminal, *, whole: bool = False) -> str:
    """Returns a trial as text.

    Args:
        trial: The trial.
        mask: Masks secrets.
        terminal: The terminal. Without one, all columns are shown.
        whole: True for all columns, and all of each value.
    """
    bold, plain = (_BOLD, _PLAIN) if terminal.styled else ("", "")
    sent = counted(len(trial.requests), "request")
    head = f"{counted(len(trial.records), 'record')} ({trial.ended}), {sent}, {trial.seconds:.1f} s"
    parts = [f"{bold}{trial.stream}{plain}: {head}"]
    if trial.records:
        names = list(dict.fromkeys(name for record in trial.records for name in raw_json.fields(record)))
        cells = [_cells(record, names) for record in trial.records]
        parts.append("\n".join(table(names, cells, terminal.width, whole=whole)))
        parts.append("\n".join([f"{bold}Schema{plain}", *aligned(list(_fields(trial.json_schema)))]))
    if trial.requests:
        parts.append("\n".join([f"{bold}Requests{plain}", *_requests(trial.requests, mask, terminal.width)]))
    if trial.problem is not None:
        parts.append(f"{bold}Error{plain}\n{mask(str(trial.problem))}")
    return "\n\n".join(parts) + "\n"


def _cells(record: Raw, names: list[str]) -> list[str]:
    fields = raw_json.fields(record)
    return [_cell(fields[name]) if name in fields else "" for name in names]


def _cell(value: Raw) -> str:
    text = raw_json.text(value) if raw_json.kind(value) == "string" else None
    return bytes(value).decode() if text is None else text


def _requests(exchanges: Sequence[Exchange], mask: Callable[[str], str], width: int | None) -> list[str]:
    """Returns a line for each request. In a narrow terminal, the URL is whole in a line of its own."""
    rows = [_row(exchange, mask) for exchange in exchanges]
    lines = aligned(rows)
    if width is None or max(map(len, lines)) <= width:
        return lines
    facts = aligned([["", *row[1:]] for row in rows])
    return [line for row, below in zip(rows, facts, strict=True) for line in (printable(row[0]), cut(below, width))]


def _row(exchange: Exchange, mask: Callable[[str], str]) -> list[str]:
    return [
        f"{exchange.method} {mask(exchange.url)}",
        str(exchange.status),
        f"{exchange.seconds * 1000:.0f} ms",
        "" if exchange.size is None else f"{exchange.size:,} bytes",
        "" if exchange.records is None else counted(exchange.records, "record"),
        mask(exchange.then),
    ]


def _fields(schema: dict[str, Any], name: str = "") -> Iterator[list[str]]:
    """Yields name and type of each field, nested ones with dots."""
    for key, field in schema.get("properties", {}).items():
        yield [f"{name}{key}", _type(field)]
        yield from _fields(field, f"{name}{key}.")


def _type(field: dict[str, Any]) -> str:
    kinds = " or ".join(kind for kind in field["type"] if kind != "null")
    items = f" of {_type(field['items'])}" if "items" in field else ""
    values = field.get("additionalProperties")
    values = f" of {_type(values)} by key" if isinstance(values, dict) else ""
    return f"{kinds}{items}{values}{', ' + field['format'] if 'format' in field else ''}"
