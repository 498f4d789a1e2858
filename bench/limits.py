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
_SAID = {"exact": "yes", "1": "`1`", "": "no"}


def measure(api: Server, *, quick: bool = False) -> Report:  # noqa: ARG001
    """Each limit, with and without `Retry-After`."""
    command = [str(RUNTIME / "python"), "-m", "bench.limits", str(1 if quick else _SEEDS)]
    cases = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    header = ["limit", "`Retry-After`", "requests", "ideal, s", "ours, s", "to ideal", "refused"]
    report = Report("limits", "Time to read children from an API with a rate limit", header)
    for case in cases:
        ratio = case["seconds"] / case["ideal"]
        numbers = [f"{case['children']:,}", f"{case['ideal']:.1f}", f"{case['seconds']:.1f}", f"{ratio:.2f}"]
        refused = f"{100 * case['refused'] / case['children']:.1f} %"
        report.rows.append([case["limit"], _SAID[case["retry_after"]], *numbers, refused])
        report.values[f"{case['limit']} {case['retry_after']}"] = ratio
    report.claim("ours to ideal", list(report.values.values()), "<= 1.25")
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
                "ideal": outcomes[0].ideal,
                "seconds": mean(outcome.seconds for outcome in outcomes),
                "refused": mean(outcome.refusals for outcome in outcomes),
            }
        )
    print(json.dumps(cases))


if __name__ == "__main__":
    import sys

    _simulate(int(sys.argv[1]))
