"""Runs the commands of the command line, with the exit codes of the Airbyte CDK.

This module must not import the CDK, because that takes longer than most checks. `source.py` adapts to the CDK.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_rest_api.cli import input_file
from source_rest_api.cli.arguments import parse
from source_rest_api.cli.ending import Ending
from source_rest_api.cli.kept_state import KeptState
from source_rest_api.cli.manifest_place import IN_IMAGE, INJECTED
from source_rest_api.cli.stderr_log import StderrLog
from source_rest_api.cli.terminal import Terminal
from source_rest_api.config import config_updates, environment, masking, schema_files
from source_rest_api.errors import ConfigError, InternalError, SourceError, Stopped, TransientError, as_source_error
from source_rest_api.http.egress_guard import is_guarded
from source_rest_api.protocol import catalog, messages, state_file
from source_rest_api.protocol.messages import LogHandler, Messages, Writer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

    from source_rest_api.connector import Connector
    from source_rest_api.session import Session

_LOG = logging.getLogger("airbyte")
_FOR_PEOPLE = frozenset({"try", "init"})
"""The commands whose output is for people, not for a platform."""


def run(connector: Connector, arguments: Sequence[str], *, may_be_manifest: bool = False) -> int:
    """Runs a connector's command line.

    Args:
        connector: The connector.
        arguments: The arguments after the name of the program.
        may_be_manifest: True if a manifest in the arguments, the config or the image takes the place of the connector.

    Returns:
        0 on success (also for a failed check without `--exit-code`), 1 on failure, 128 + n after signal n.
    """
    options = parse(arguments)
    writer = Writer(sys.stdout.buffer)
    ending = Ending()
    writer.watch(ending.reader_gone)
    _log_through(options, writer, masking.Mask(()))
    try:
        code = _Command(connector, options, writer, ending.stop, may_be_manifest).run()
    except OSError:
        writer.give_up()
        code = 1
    return 128 + ending.signal if ending.signal else code


class _Command:
    """A command with its arguments."""

    def __init__(
        self,
        connector: Connector,
        options: argparse.Namespace,
        writer: Writer,
        stop: Event,
        may_be_manifest: bool,
    ) -> None:
        self._connector = connector
        self._may_be_manifest = may_be_manifest
        self._options = options
        self._writer = writer
        self._stop = stop
        self._messages = Messages(masking.Mask(()))
        self._configured: Any = None
        """The configured catalog of a read, once it is loaded."""
        self._reading = False
        """True once the read has started; from then on it writes every stream's terminal status."""

    def run(self) -> int:
        try:
            if self._options.command == "new":
                return self._new()
            if self._options.command == "import":
                return self._import()
            if self._options.command == "init":
                return self._init()
            if self._options.command == "spec":
                return self._write(self._chosen({}).spec())
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

    def _import(self) -> int:
        """Creates the folder of a custom connector from a manifest, and lists its files and the missing streams."""
        from source_rest_api.manifest import importing  # noqa: PLC0415 -- the platform never calls it

        written, missing = importing.create(Path(self._options.manifest), Path(self._options.folder))
        for path in written:
            print(path, file=sys.stderr)  # noqa: T201 -- stdout is for messages only
        for name, reason in missing.items():
            print(f"not imported: {name}: {reason}", file=sys.stderr)  # noqa: T201 -- as above
        return 0

    def _init(self) -> int:
        """Writes a config that the API has confirmed."""
        from source_rest_api.cli.dialogue import Dialogue  # noqa: PLC0415 -- the platform never calls it
        from source_rest_api.onboarding import start  # noqa: PLC0415 -- as above

        options = self._options
        if not options.debug:
            _LOG.setLevel(logging.ERROR)  # guesses that fail are no news
        dialogue = Dialogue(silent=not sys.stdin.isatty(), yes=options.yes)
        start.run(options.source, Path(options.output), os.environ, dialogue, self._stop)
        return 0

    def _with_config(self) -> int:
        checking = self._options.command == "check"
        try:
            session = self._session()
            if checking:
                self._write(session.check())
                return self._checked(session.complete)
        except ConfigError as error:
            if not checking:
                raise
            self._write([self._messages.connection_status(str(error))])
            return self._checked(False)
        if self._options.command == "discover":
            return self._discover(session)
        if self._options.command == "try":
            return self._try(session)
        return self._read(session)

    def _session(self) -> Session:
        path = self._options.config
        if self._options.update_config:
            config_updates.check_writable(path)
        written = input_file.load(path, "config")
        raw, secrets = environment.filled(written, {} if is_guarded() else os.environ)
        self._messages = Messages(masking.Mask(secrets))

        def pass_on(changed: dict[str, Any]) -> None:
            self._pass_on(environment.restored(changed, written, raw))

        schemas = None if path == input_file.STDIN else schema_files.beside(path)
        session = self._chosen(raw).session(raw, self._stop, pass_on, secrets=secrets, schemas=schemas)
        _collect_garbage()
        self._messages = Messages(session.mask)
        _log_through(self._options, self._writer, session.mask)
        return session

    def _chosen(self, config: Any) -> Connector:
        """Returns the connector to run: that of a manifest, if one is given."""
        path = self._options.manifest_path
        injected = isinstance(config, dict) and INJECTED in config
        if not self._may_be_manifest or not (path or injected or IN_IMAGE.exists()):
            return self._connector
        from source_rest_api.manifest.connector import ManifestConnector  # noqa: PLC0415 -- start-up counts

        if path or not injected:
            return ManifestConnector.at(Path(path) if path else IN_IMAGE)
        return ManifestConnector(config[INJECTED])

    def _try(self, session: Session) -> int:
        """Shows the trials, each as it ends; `--json` prints one document at the end."""
        from source_rest_api.cli import trial_report  # noqa: PLC0415 -- the platform never calls it

        trials = session.trials(self._options.streams, self._options.limit)
        options, terminal = self._options, Terminal.of(sys.stdout)
        return int(
            not trial_report.show(
                trials, session.mask, terminal, self._writer.write, whole=options.full, as_json=options.json
            )
        )

    def _discover(self, session: Session) -> int:
        """Prints the catalog; `--write` first saves the inferred schemas beside the config."""
        blocks = list(session.discover())
        if self._options.write and session.inferred:
            folder = schema_files.beside(self._options.config)
            schema_files.write(folder, session.inferred)
            _LOG.info("Wrote the schemas of %s to %s.", ", ".join(session.inferred), folder)
        return self._write(blocks)

    def _checked(self, succeeded: bool) -> int:
        return int(self._options.exit_code and not succeeded)

    def _pass_on(self, config: dict[str, Any]) -> None:
        """Writes a changed config to stdout, and to its file with `--update-config`, before it is used."""
        self._writer.write(messages.control(config))
        if self._options.update_config:
            config_updates.save(self._options.config, config)

    def _read(self, session: Session) -> int:
        options = self._options
        if options.catalog is None:
            self._configured = catalog.of_all(session.offered, options.streams)
        else:
            self._configured = input_file.load(options.catalog, "catalog")
        kept = KeptState(options.keep_state) if options.keep_state else None
        saved = {} if kept is None else kept.states
        if options.state:
            saved = state_file.load(input_file.load_states(options.state))
        with self._display(session):
            try:
                for block in session.read(self._configured, {} if options.full_refresh else saved):
                    self._reading = True
                    self._writer.write(block)
                    if kept is not None:
                        kept.note(block)
            finally:
                if kept is not None:
                    kept.save()
        return 0 if session.complete else 1

    def _display(self, session: Session) -> AbstractContextManager[object]:
        """Returns the progress display, if somebody watches stderr and stdout goes elsewhere."""
        if not Terminal.of(sys.stderr).redraws or sys.stdout.isatty():
            return nullcontext()
        from source_rest_api.cli.progress_display import ProgressDisplay  # noqa: PLC0415 -- for terminals only

        return ProgressDisplay(lambda: session.runs)

    def _write(self, blocks: Iterator[bytes] | list[bytes]) -> int:
        for block in blocks:
            self._writer.write(block)
        return 0

    def _failed(self, error: SourceError, trace: str) -> int:
        if self._options.command in _FOR_PEOPLE:
            _LOG.error("%s", error)
            return 1
        self._writer.write(self._messages.error(error, stack_trace=trace if isinstance(error, InternalError) else ""))
        for name in self._unread():
            self._writer.write(messages.stream_status(name, "INCOMPLETE"))
        return 1

    def _unread(self) -> list[str]:
        """Returns the configured streams if the read could not start: each still needs a terminal status."""
        if self._options.command != "read" or self._reading:
            return []
        try:
            if self._configured is None and self._options.catalog is not None:
                self._configured = input_file.load(self._options.catalog, "catalog")
            return [] if self._configured is None else [each.name for each in catalog.load(self._configured)]
        except ConfigError:
            return []


def _collect_garbage() -> None:
    """Re-enables the garbage collector that `main.py` switched off; start-up objects are frozen out of it."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _log_through(options: argparse.Namespace, writer: Writer, mask: masking.Mask) -> None:
    """Writes all log records as LOG messages, or to stderr for people; from libraries only warnings and errors."""
    for_people = options.command in _FOR_PEOPLE
    handler: logging.Handler = StderrLog(mask) if for_people else LogHandler(writer, Messages(mask))
    debug = options.debug or os.environ.get("LOG_LEVEL", "").lower() == "debug"
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    _LOG.setLevel(logging.DEBUG if debug else logging.INFO)
