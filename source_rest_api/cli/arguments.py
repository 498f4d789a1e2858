"""The arguments of the command line: those of the Airbyte CDK, and those for use without a platform."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from source_rest_api import __version__
from source_rest_api.config import validation

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "spec": "print the form for the config",
    "new": "create the folder of a custom connector",
    "import": "create the folder of a custom connector from a low-code manifest",
    "init": "write a config from a URL, an OpenAPI document, a HAR file or a curl command line",
    "check": "test every endpoint of the config",
    "discover": "print the catalog of streams with their schemas",
    "read": "print the records of the configured streams, or of all streams",
    "try": "show the first records of streams as tables, with their schemas and each request",
}
_CONFIG = "path to the config, JSON or YAML; `-` reads it from stdin"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses the arguments of a command. Wrong arguments end the process with exit code 2 and a sentence on stderr."""
    parser, commands = _parsers()
    given = next((argument for argument in arguments if not argument.startswith("-")), None)
    if given is not None and given not in commands:
        parser.error(f"unknown command `{given}`{validation.did_you_mean(given, list(commands))}")
    options = parser.parse_args(arguments)
    if options.command == "read" and options.catalog is not None and (options.streams or options.full_refresh):
        commands["read"].error("--catalog already selects the streams and their sync modes: leave out one of the two")
    if options.command == "discover" and options.write and options.config == "-":
        commands["discover"].error("--write saves schemas beside the config file, so the config cannot come from stdin")
    return options


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="also log debug messages")
    parser = argparse.ArgumentParser(prog="source-rest-api", description="An Airbyte source for any REST API.")
    parser.add_argument("--version", action="version", version=f"source-rest-api {__version__}")
    choice = parser.add_subparsers(title="commands", dest="command", required=True)
    commands = {name: choice.add_parser(name, parents=[common], help=text) for name, text in _COMMANDS.items()}
    commands["new"].add_argument("name", help="name of the connector, such as source-acme")
    commands["new"].add_argument("--folder", default=".", help="parent folder")
    commands["import"].add_argument("manifest", help="path to the manifest.yaml of a low-code connector")
    commands["import"].add_argument("--folder", required=True, help="the folder to write, such as source-acme")
    commands["init"].add_argument("source", help="a URL, a path, or a curl command line in quotes")
    commands["init"].add_argument("--output", required=True, help="the config to write, such as config.yaml")
    commands["init"].add_argument("--yes", action="store_true", help="ask no questions, as in a pipe")
    for name in ("spec", "check", "discover", "read", "try"):
        commands[name].add_argument("--manifest-path", help="path to the manifest.yaml of a low-code connector to run")
    commands["try"].add_argument("config", help=_CONFIG)
    commands["try"].add_argument("streams", nargs="*", metavar="stream", help="names of streams; by default all")
    commands["try"].add_argument("--limit", type=_positive, default=20, help="records of each stream; by default 20")
    commands["try"].add_argument("--full", action="store_true", help="show all columns, and all of each value")
    commands["try"].add_argument("--json", action="store_true", help="print a JSON document instead of tables")
    for name in ("check", "discover", "read"):
        commands[name].add_argument("--config", required=True, help=_CONFIG)
    for name in ("check", "discover", "read", "try"):
        commands[name].add_argument(
            "--update-config", action="store_true", help="save new refresh tokens to the config file (JSON only)"
        )
    commands["discover"].add_argument(
        "--write", action="store_true", help="save inferred schemas beside the config, and use them from then on"
    )
    commands["check"].add_argument("--exit-code", action="store_true", help="exit with 1 if the check fails")
    _add_reading(commands["read"])
    return parser, commands


def _add_reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalog",
        help="path to the configured catalog; without it, all streams are read, incrementally where they can be",
    )
    command.add_argument("--streams", type=_names, default=(), help="names of the streams to read, such as `a,b`")
    command.add_argument("--full-refresh", action="store_true", help="read all records, whatever the state says")
    command.add_argument(
        "--state", help="path to the state of the last read: the states alone, or all that the read printed"
    )
    command.add_argument(
        "--keep-state", help="path to a state file that this read starts from, if it exists, and keeps up to date"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
