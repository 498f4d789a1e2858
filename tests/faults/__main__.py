"""Plays all rows and prints the table: `scripts/faults [--against cdk] [--write] [ID ...]`."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.faults.case import Case
from tests.faults.results import CDK_RESULTS, ROOT, markdown
from tests.faults.rows import ROWS
from tests.faults.subjects import OURS, cdk

if TYPE_CHECKING:
    from tests.faults.row import Row
    from tests.faults.subjects import Subject


def main() -> int:
    """Play, print, and with `--write` keep what the CDK did for the docs."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description="Play every fault against the connector.")
    parser.add_argument("--against", choices=["cdk"], help="play them against the Airbyte CDK as well")
    parser.add_argument("--write", action="store_true", help="keep the CDK's results for docs/promises.md")
    parser.add_argument("--workers", type=int, default=2, help="rows at the same time")
    parser.add_argument("--verbose", action="store_true", help="say why a row failed")
    parser.add_argument("ids", nargs="*", metavar="ID", help="rows such as S-01, or the letter of a kind")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.ids or row.id in options.ids or row.id[0] in options.ids]
    subjects = [OURS, cdk(ROOT)] if options.against else [OURS]

    def play(row: Row) -> list[str]:
        results = [_result(row, subject, verbose=options.verbose) for subject in subjects]
        print(f"{row.id}  {'  |  '.join(results)}", flush=True)
        return results

    with ThreadPoolExecutor(options.workers) as pool:
        results = dict(zip([row.id for row in rows], pool.map(play, rows), strict=True))
    for number, subject in enumerate(subjects):
        column = [result[number] for result in results.values()]
        counts = {kind: sum(text.startswith(kind) for text in column) for kind in ("pass", "FAIL", "not run")}
        print(f"{subject.name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if options.write and options.against:
        known = json.loads(CDK_RESULTS.read_text()) if CDK_RESULTS.exists() else {}
        known |= {id_: result[1] for id_, result in results.items()}
        CDK_RESULTS.write_text(json.dumps({row.id: known.get(row.id, "not run") for row in ROWS}, indent=1) + "\n")
        print(markdown())
    return int(any(result[0].startswith("FAIL") for result in results.values()))


def _result(row: Row, subject: Subject, *, verbose: bool) -> str:
    """`pass`, `FAIL: what was seen` or `not run: why`."""
    reason = row.cannot or (row.cdk_cannot if subject.name != "ours" else "")
    if reason:
        return f"not run: {reason}"
    with TemporaryDirectory() as folder, Case(subject, Path(folder), full_time=True) as case:
        try:
            row.play(case)
            case.verify()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the row failed
            if verbose:
                traceback.print_exc()
            said = str(error).partition("\n")[0] if isinstance(error, AssertionError) else type(error).__name__
            return f"FAIL: {case.seen or said}"
    return "pass"


if __name__ == "__main__":
    sys.exit(main())
