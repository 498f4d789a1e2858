"""Time to read children from APIs with rate limits: the real requester, on a virtual clock."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

from bench.contenders import ROOT, RUNTIME
from bench.rig import Report

if TYPE_CHECKING:
    from bench.server import Server

_SEEDS = 5
_MOST = 5
"""Percent of the requests."""
_SAID = {"exact": "yes", "1": "`1`", "": "no"}


def measure(api: Server, *, quick: bool = False) -> Report:  # noqa: ARG001
    """Each limit, with and without `Retry-After`."""
    command = [str(RUNTIME / "python"), "-m", "bench.limits", str(1 if quick else _SEEDS)]
    cases = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    header = ["limit", "`Retry-After`", "requests", "known, s", "ideal, s", "ours, s", "to ideal", "refused"]
    report = Report("limits", "Time to read children from an API with a rate limit", header)
    refused: list[float] = []
    for case in cases:
        ratio = case["seconds"] / case["ideal"]
        seconds = [f"{case[name]:.1f}" for name in ("known", "ideal", "seconds")]
        refused.append(100 * case["refused"] / case["children"])
        numbers = [f"{case['children']:,}", *seconds, f"{ratio:.2f}", f"{refused[-1]:.1f} %"]
        report.rows.append([case["limit"], _SAID[case["retry_after"]], *numbers])
        report.values[f"{case['limit']} {case['retry_after']}"] = ratio
    report.claim("ours to ideal", list(report.values.values()), "<= 1.25")
    above = f"{sum(each > _MOST for each in refused)} of {len(refused)} are above"
    report.claims.append(f"refused: {min(refused):.1f} % to {max(refused):.1f} % (aim <= {_MOST} %: {above})")
    return report


def _simulate(seeds: int) -> None:
    """Print all cases as JSON. It runs where the connector's own dependencies are."""
    from tests.limited_read import BUCKETS, OTHERS, QUOTAS, WINDOWS, Scenario, run  # noqa: PLC0415

    plain = {**BUCKETS, **WINDOWS}
    scenarios = [
        *((name, Scenario(limiter, after)) for name, limiter in plain.items() for after in _SAID),
        *QUOTAS.items(),
        *OTHERS.items(),
    ]
    cases = []
    for name, scenario in scenarios:
        outcomes = [run(replace(scenario, seed=seed)) for seed in range(seeds)]
        cases.append(
            {
                "limit": name,
                "retry_after": scenario.retry_after,
                "children": scenario.children,
                "known": outcomes[0].known,
                "ideal": outcomes[0].ideal,
                "seconds": mean(outcome.seconds for outcome in outcomes),
                "refused": mean(outcome.refusals for outcome in outcomes),
            }
        )
    print(json.dumps(cases))


if __name__ == "__main__":
    import sys

    _simulate(int(sys.argv[1]))
