"""A state file is read as the platform gives it, as a run prints it, and as the CDK writes it."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
)

from source_rest_api.errors import ConfigError
from source_rest_api.protocol import state_file


def message(name: str, value: Any, **more: Any) -> dict[str, Any]:
    """An AirbyteStateMessage."""
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": value}, **more}


A, B = {"version": 1, "cursor": "2024-01-01"}, {"version": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ([], {}),
        ({}, {}),
        ([message("a", A), message("b", B)], {"a": A, "b": B}),
        (message("a", A), {"a": A}),
        ([message("a", B), message("b", B), message("a", A)], {"a": A, "b": B}),
        ({"type": "STATE", "state": message("a", A)}, {"a": A}),
        ([{"type": "STATE", "state": message("a", A, sourceStats={"recordCount": 1.0})}], {"a": A}),
        ([message("a", None)], {"a": {}}),
        ([message("a", A), message("a", None)], {"a": {}}),
        ([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "a", "namespace": None}}}], {"a": {}}),
        ([message("ü", A, destinationStats={"recordCount": 1.0}, id=7)], {"ü": A}),
    ],
)
def test_states(value: Any, expected: dict[str, Any]) -> None:
    """Each stream's last state counts; null is a reset; unknown keys are ignored."""
    assert state_file.load(value) == expected


def test_states_of_the_cdk() -> None:
    """States written by the CDK's models are read."""
    written = AirbyteStateMessageSerializer.dump(
        AirbyteStateMessage(
            type=AirbyteStateType.STREAM,
            stream=AirbyteStreamState(StreamDescriptor(name="a"), AirbyteStateBlob(version=1, cursors={"p": "2024"})),
        )
    )
    assert state_file.load([written]) == {"a": {"version": 1, "cursors": {"p": "2024"}}}


@pytest.mark.parametrize(
    "value",
    [
        "state",
        5,
        [5],
        ["state"],
        [[]],
        {"a": A},
        {"type": "LEGACY", "data": {"a": A}},
        [{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}}],
        [message("a", "2024-01-01")],
        [message("a", [A])],
        [{"type": "STREAM", "stream": {"stream_state": A}}],
        [{"type": "STATE", "state": None}],
    ],
)
def test_what_is_no_state(value: Any) -> None:
    """The error shows it, and what a state looks like."""
    with pytest.raises(ConfigError, match=r"^The state .* is not an Airbyte stream state .*stream_descriptor"):
        state_file.load(value)


def test_a_large_state_is_not_told_in_full() -> None:
    """An error stays readable."""
    with pytest.raises(ConfigError) as caught:
        state_file.load({"data": ["ü" * 10_000]})
    assert len(str(caught.value)) < 500
