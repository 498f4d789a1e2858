"""Loads a config into DuckDB with dlt, in dlt's environment, and writes what is in the tables to a file.

python dlt_reader.py CONFIG DATABASE RESULT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dlt
import duckdb

from source_rest_api.dlt_source import rest_api


def main(config: str, database: str, result_file: str) -> None:
    """Load all streams; the result is each table as a list of rows, and the number of rows just loaded."""
    pipeline = dlt.pipeline(
        "shop",
        destination=dlt.destinations.duckdb(database),
        dataset_name="records",
        pipelines_dir=str(Path(database).parent / "pipelines"),
    )
    pipeline.run(rest_api(config))
    counts = {name: n for name, n in pipeline.last_trace.last_normalize_info.row_counts.items() if name[0] != "_"}
    with duckdb.connect(database) as connection:
        tables = {name: _rows(connection, name) for name in counts}
    Path(result_file).write_text(json.dumps({"processed": sum(counts.values()), "tables": tables}, default=str))


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, object]]:
    columns = [
        row[0] for row in connection.execute(f"describe records.{name}").fetchall() if not row[0].startswith("_dlt")
    ]
    rows = connection.execute(f"select {', '.join(columns)} from records.{name}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


if __name__ == "__main__":
    main(*sys.argv[1:])
