"""Reads a connector into a DuckDB cache with PyAirbyte, in its environment, and writes what is in it to a file.

python pyairbyte_reader.py EXECUTABLE CONFIG CACHE RESULT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache


def main(executable: str, config: str, cache_file: str, result_file: str) -> None:
    """Read all streams; the result is each table as a list of rows, and the number of records just read."""
    source = airbyte.get_source(
        "source-rest-api",
        config=json.loads(Path(config).read_text()),
        local_executable=executable,
        install_if_missing=False,
    )
    source.check()
    source.select_all_streams()
    cache = DuckDBCache(db_path=cache_file)
    result = source.read(cache=cache)
    tables = {
        name: json.loads(cache[name].to_pandas().to_json(orient="records", date_format="iso", double_precision=15))
        for name in source.get_selected_streams()
    }
    Path(result_file).write_text(json.dumps({"processed": result.processed_records, "tables": tables}))


if __name__ == "__main__":
    main(*sys.argv[1:])
