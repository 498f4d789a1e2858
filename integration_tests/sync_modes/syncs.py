"""Runs a program of the page on DuckDB, then the calls on stdin, in PyAirbyte's environment.

python syncs.py PROGRAM

Prints a line of JSON after the program and after each call: its value and all tables. The value of a read is the number
of its records.
"""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
from typing import Any

import airbyte


def main(program: str) -> None:
    """Run them; what PyAirbyte prints goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        names = runpy.run_path(program)
    _tell(names["result"], names)
    for call in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            value = eval(call, names)
        _tell(value, names)


def _tell(value: Any, names: dict[str, Any]) -> None:
    tables = {
        name: json.loads(table.to_pandas().to_json(orient="records", date_format="iso", double_precision=15))
        for name, table in names["cache"].streams.items()
    }
    told = value.processed_records if isinstance(value, airbyte.ReadResult) else value
    print(json.dumps({"value": told, "tables": tables}, default=str), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
