"""The targets of `scripts/fuzz` take their seeds, every beginning of them, and some that are mutated."""

from __future__ import annotations

import random

import pytest

from integration_tests.fuzz_targets import TARGETS, mutated


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_takes_its_seeds(name: str) -> None:
    """Each target raises only documented errors, and every oracle agrees."""
    target = TARGETS[name]
    choice = random.Random(0)
    for seed in target.seeds:
        target.run(seed)
        for length in range(0, len(seed), max(len(seed) // 50, 1)):
            target.run(seed[:length])
        for _ in range(30):
            target.run(mutated(seed, choice))
