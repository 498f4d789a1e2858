"""Starts the generic connector.

Building the form takes longer than everything that a read does before its first record. So the generic connector's
form is kept in a file, which `scripts/docs` writes. `spec` only reads it, without importing the models.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from source_rest_api.cli.manifest_place import IN_IMAGE
from source_rest_api.protocol import documentation, messages
from source_rest_api.protocol.messages import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIFICATION = Path(__file__).parent.parent / "protocol/spec.json"
"""The ConnectorSpecification of the generic connector, as `Connector().specification()` generates it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the generic connector and returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if list(given) == ["spec"] and not IN_IMAGE.exists():
        return _print_specification(Writer(sys.stdout.buffer))
    from source_rest_api.cli.command_line import run  # noqa: PLC0415 -- `spec` needs no models
    from source_rest_api.connector import Connector  # noqa: PLC0415 -- as above

    return run(Connector(), given, may_be_manifest=True)


def _print_specification(writer: Writer) -> int:
    try:
        writer.write(messages.spec(documentation.linked(msgspec.json.decode(SPECIFICATION.read_bytes()))))
    except OSError:
        writer.give_up()
        return 1
    return 0
