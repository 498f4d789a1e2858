"""The command line: `spec`, `check`, `discover`, `read`, with the arguments and exit codes of the Airbyte CDK.

The CDK itself is not imported here, because importing it takes longer than most checks; `source.py` is its edge.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api import states, yaml_text
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError, InternalError, SourceError, as_source_error
from source_rest_api.messages import LogHandler, Messages, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from source_rest_api.connector import Session

_LOG = logging.getLogger("airbyte")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the generic connector; the exit code."""
    return run(Connector(), sys.argv[1:] if arguments is None else arguments)


def run(connector: Connector, arguments: Sequence[str]) -> int:
    """Run a connector's command line.

    Returns:
        0 if all went well (a failed check included), 1 if not, 128 + n after signal n.
    """
    options = _parser().parse_args(arguments)
    writer = Writer(sys.stdout.buffer)
    signals = _Signals()
    _log_through(LogHandler(writer, Messages(lambda text: text)), debug=options.debug)
    try:
        code = _Command(connector, options, writer, signals.stop).run()
    except BrokenPipeError:
        writer.give_up()
        code = 1
    return 128 + signals.received if signals.received else code


class _Command:
    """One command with its arguments."""

    def __init__(self, connector: Connector, options: argparse.Namespace, writer: Writer, stop: Event) -> None:
        self._connector = connector
        self._options = options
        self._writer = writer
        self._stop = stop
        self._messages = Messages(lambda text: text)

    def run(self) -> int:
        try:
            if self._options.command == "spec":
                return self._write(self._connector.spec())
            return self._with_config()
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, it goes out as a message
            return self._failed(as_source_error(error), "".join(traceback.format_exception(error)))

    def _with_config(self) -> int:
        checking = self._options.command == "check"
        try:
            session = self._connector.session(_load_file(self._options.config, "config"), self._stop)
        except ConfigError as error:
            if not checking:
                raise
            return self._write([self._messages.connection_status(str(error))])
        self._messages = Messages(session.mask)
        _log_through(LogHandler(self._writer, self._messages), debug=self._options.debug)
        if checking:
            return self._write(session.check())
        if self._options.command == "discover":
            return self._write(session.discover())
        return self._read(session)

    def _read(self, session: Session) -> int:
        configured = _load_file(self._options.catalog, "catalog")
        saved = states.load(_load_file(self._options.state, "state")) if self._options.state else {}
        self._write(session.read(configured, saved))
        return 0 if session.complete else 1

    def _write(self, blocks: Iterator[bytes] | list[bytes]) -> int:
        for block in blocks:
            self._writer.write(block)
        return 0

    def _failed(self, error: SourceError, trace: str) -> int:
        self._writer.write(self._messages.error(error, stack_trace=trace if isinstance(error, InternalError) else ""))
        return 1


class _Signals:
    """Turns SIGTERM and SIGINT into an orderly end."""

    def __init__(self) -> None:
        self.stop = Event()
        self.received = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self.stop.set()


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="log more")
    parser = argparse.ArgumentParser(prog="source-rest-api", description="An Airbyte source for any REST API.")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    commands.add_parser("spec", parents=[common], help="print the form for the config")
    for name, text in (
        ("check", "try every endpoint of the config"),
        ("discover", "print the catalog of streams with their schemas"),
        ("read", "print the records of the configured streams"),
    ):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("--config", required=True, help="path to the config, JSON or YAML")
        if name == "read":
            command.add_argument("--catalog", required=True, help="path to the configured catalog")
            command.add_argument("--state", help="path to the state of the last sync")
    return parser


def _load_file(path: str, what: str) -> Any:
    """A JSON or YAML file."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The {what} file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The {what} file {path} is not UTF-8 text.") from None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        reason = str(error)
    if not path.endswith((".yaml", ".yml")):
        raise ConfigError(f"The {what} file {path} is not valid JSON: {reason}.")
    try:
        return yaml_text.load(text)
    except ValueError as error:
        raise ConfigError(f"The {what} file {path}: {error}.") from None


def _log_through(handler: LogHandler, *, debug: bool) -> None:
    """Send all log records out as LOG messages; those of libraries only from warnings on."""
    debug = debug or os.environ.get("LOG_LEVEL", "").lower() == "debug"
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    _LOG.setLevel(logging.DEBUG if debug else logging.INFO)
