"""Prints the rows of a query as JSON, in DuckDB with the view of the page on the lake.

python rows.py QUERY
"""

from __future__ import annotations

import importlib
import json
import sys


def main(query: str) -> None:
    """Print a list of objects as the last line."""
    lake = importlib.import_module("query").lake  # query.py of the page
    answer = lake.sql(query)
    print(json.dumps([dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()], default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
