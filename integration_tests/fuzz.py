"""Runs the targets under atheris, a process each: `scripts/fuzz`.

An input that breaks something is printed and kept under `.fuzz/`, and goes before everything else in the next run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".fuzz"
SLOWEST = 10
"""Seconds that one input may take."""
LARGEST = 2048
"""Megabytes that a target may take, the fuzzer's own with them."""
LONGEST = 4096
"""Bytes of an input."""


def fuzz(name: str, seconds: int) -> None:
    """Run one target in this process; does not come back."""
    import atheris  # noqa: PLC0415 -- it stands in an environment of its own

    with atheris.instrument_imports(include=["source_rest_api"]):
        from integration_tests.fuzz_targets import TARGETS  # noqa: PLC0415 -- instrumented
    target = TARGETS[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    for kept in KEPT.glob(f"{name}-*"):
        target.run(kept.read_bytes())
    limits = {"timeout": SLOWEST, "rss_limit_mb": LARGEST, "max_len": LONGEST, "max_total_time": seconds}
    options = [f"-{option}={value}" for option, value in limits.items()]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={KEPT / name}-", str(corpus)], target.run)
    atheris.Fuzz()


def run(names: Sequence[str], seconds: int) -> Iterator[str]:
    """Run targets one after the other, each for its part of the time.

    Args:
        names: Of the targets.
        seconds: For all together.

    Yields:
        The names of those that failed.
    """
    for number, name in enumerate(names, 1):
        began = time.monotonic()
        command = [sys.executable, "-m", "integration_tests.fuzz", "--target", name, str(max(seconds // len(names), 1))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, errors="replace")
        told = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
        print(f"{number} of {len(names)} {name}: {'; '.join(told) or 'FAILED'} ({time.monotonic() - began:.0f} s)")
        if done.returncode:
            print("\n".join([*done.stdout.splitlines()[-40:], *done.stderr.splitlines()[-25:]]))
            for kept in sorted(KEPT.glob(f"{name}-*")):
                print(f"{kept}: {kept.read_bytes()!r}")
            yield name


def main(arguments: Sequence[str]) -> int:
    """Fuzz for so many seconds, all targets or those that are named; 1 if one of them failed."""
    if arguments[0] == "--target":
        fuzz(arguments[1], int(arguments[2]))
    from integration_tests.fuzz_targets import TARGETS  # noqa: PLC0415 -- only here without instruments

    return 1 if list(run(arguments[1:] or list(TARGETS), int(arguments[0]))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
