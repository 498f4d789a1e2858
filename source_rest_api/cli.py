"""The command line: `spec`, `check`, `discover` and `read`, with the arguments and exit codes of the Airbyte CDK.

This module must not import the CDK, because that takes longer than most checks. `source.py` adapts to the CDK.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config import config_updates, masking
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError, InternalError, SourceError, Stopped, TransientError, as_source_error
from source_rest_api.protocol import catalog, messages, state_file
from source_rest_api.protocol.messages import LogHandler, Messages, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from source_rest_api.connector import Session

_LOG = logging.getLogger("airbyte")
_LAST_SECONDS = 4.5
"""Seconds after a signal or the end of the reader until the process is killed, for example if its output is blocked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the generic connector and returns the exit code."""
    return run(Connector(), sys.argv[1:] if arguments is None else arguments)


def run(connector: Connector, arguments: Sequence[str]) -> int:
    """Runs a connector's command line.

    Returns:
        0 on success (also for a failed check), 1 on failure, 128 + n after signal n.
    """
    options = _parser().parse_args(arguments)
    writer = Writer(sys.stdout.buffer)
    ending = _Ending()
    writer.watch(ending.reader_gone)
    _log_through(LogHandler(writer, Messages(masking.Mask(()))), debug=options.debug)
    try:
        code = _Command(connector, options, writer, ending.stop).run()
    except OSError:
        writer.give_up()
        code = 1
    return 128 + ending.signal if ending.signal else code


class _Command:
    """A command with its arguments."""

    def __init__(self, connector: Connector, options: argparse.Namespace, writer: Writer, stop: Event) -> None:
        self._connector = connector
        self._options = options
        self._writer = writer
        self._stop = stop
        self._messages = Messages(masking.Mask(()))
        self._reading = False
        """True once the read has started; from then on it writes every stream's terminal status."""

    def run(self) -> int:
        try:
            if self._options.command == "new":
                return self._new()
            if self._options.command == "spec":
                return self._write(self._connector.spec())
            return self._with_config()
        except BrokenPipeError:
            raise
        except Stopped:
            return self._failed(TransientError("Stopped by a signal before the command was complete."), "")
        except Exception as error:  # noqa: BLE001 -- any error must become a message
            return self._failed(as_source_error(error), "".join(traceback.format_exception(error)))

    def _new(self) -> int:
        """Creates the folder of a custom connector and lists its files."""
        from source_rest_api import scaffold  # noqa: PLC0415 -- the platform never calls it

        for path in scaffold.create(self._options.name, Path(self._options.folder)):
            print(path, file=sys.stderr)  # noqa: T201 -- stdout is for messages only
        return 0

    def _with_config(self) -> int:
        checking = self._options.command == "check"
        try:
            if self._options.update_config:
                config_updates.check_writable(self._options.config)
            raw = _load_file(self._options.config, "config")
            session = self._connector.session(raw, self._stop, self._pass_on)
            _collect_garbage()
            self._messages = Messages(session.mask)
            _log_through(LogHandler(self._writer, self._messages), debug=self._options.debug)
            if checking:
                return self._write(session.check())
        except ConfigError as error:
            if not checking:
                raise
            return self._write([self._messages.connection_status(str(error))])
        if self._options.command == "discover":
            return self._write(session.discover())
        return self._read(session)

    def _pass_on(self, config: dict[str, Any]) -> None:
        """Writes a changed config to stdout, and to its file with `--update-config`, before it is used."""
        self._writer.write(messages.control(config))
        if self._options.update_config:
            config_updates.save(self._options.config, config)

    def _read(self, session: Session) -> int:
        configured = _load_file(self._options.catalog, "catalog")
        saved = state_file.load(_load_file(self._options.state, "state")) if self._options.state else {}
        for block in session.read(configured, saved):
            self._reading = True
            self._writer.write(block)
        return 0 if session.complete else 1

    def _write(self, blocks: Iterator[bytes] | list[bytes]) -> int:
        for block in blocks:
            self._writer.write(block)
        return 0

    def _failed(self, error: SourceError, trace: str) -> int:
        self._writer.write(self._messages.error(error, stack_trace=trace if isinstance(error, InternalError) else ""))
        for name in self._unread():
            self._writer.write(messages.stream_status(name, "INCOMPLETE"))
        return 1

    def _unread(self) -> list[str]:
        """Returns the configured streams if the read could not start: each still needs a terminal status."""
        if self._options.command != "read" or self._reading:
            return []
        try:
            return [configured.name for configured in catalog.load(_load_file(self._options.catalog, "catalog"))]
        except ConfigError:
            return []


class _Ending:
    """Ends the command in an orderly way on SIGTERM, on SIGINT, and when nobody reads stdout any more."""

    def __init__(self) -> None:
        self.stop = Event()
        self.signal = 0
        """The last one that came."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def reader_gone(self) -> None:
        """Nobody reads any more: let what waits end. The next write fails, which gives the exit code."""
        self._end(1)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        self._end(128 + number)

    def _end(self, code: int) -> None:
        self.stop.set()
        last = Timer(_LAST_SECONDS, os._exit, [code])
        last.daemon = True
        last.start()


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="also log debug messages")
    parser = argparse.ArgumentParser(prog="source-rest-api", description="An Airbyte source for any REST API.")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    commands.add_parser("spec", parents=[common], help="print the form for the config")
    new = commands.add_parser("new", parents=[common], help="create the folder of a custom connector")
    new.add_argument("name", help="name of the connector, such as source-acme")
    new.add_argument("--folder", default=".", help="parent folder")
    for name, text in (
        ("check", "test every endpoint of the config"),
        ("discover", "print the catalog of streams with their schemas"),
        ("read", "print the records of the configured streams"),
    ):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("--config", required=True, help="path to the config, JSON or YAML")
        command.add_argument(
            "--update-config", action="store_true", help="save new refresh tokens to the config file (JSON only)"
        )
        if name == "read":
            command.add_argument("--catalog", required=True, help="path to the configured catalog")
            command.add_argument("--state", help="path to the state of the last sync")
    return parser


def _load_file(path: str, what: str) -> Any:
    """Loads a JSON or YAML file."""
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
    except RecursionError:
        reason = "it is nested too deeply"
    if not path.endswith((".yaml", ".yml")):
        raise ConfigError(f"The {what} file {path} is not valid JSON: {reason}.")
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- most configs are JSON; start-up counts

    try:
        return yaml_text.load(text)
    except ValueError as error:
        raise ConfigError(f"The {what} file {path}: {error}.") from None


def _collect_garbage() -> None:
    """Re-enables the garbage collector that `main.py` switched off; start-up objects are frozen out of it."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _log_through(handler: LogHandler, *, debug: bool) -> None:
    """Writes all log records as LOG messages; from libraries only warnings and errors."""
    debug = debug or os.environ.get("LOG_LEVEL", "").lower() == "debug"
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    _LOG.setLevel(logging.DEBUG if debug else logging.INFO)
