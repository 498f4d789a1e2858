"""States that the CDK saved: this connector goes on from them, and loses nothing at the seam."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import states
from source_rest_api.manifest.connector import ManifestConnector
from tests.manifests import engines
from tests.manifests.imitation import imitation
from tests.test_manifest_engines import FOLDER, config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api import Api

PATH = FOLDER / "intervals.yaml"


@pytest.fixture
def api() -> Iterator[Api]:
    """The imitation."""
    with imitation() as api:
        yield api


def messages(of: dict[str, Any]) -> list[dict[str, Any]]:
    """States by stream, as the platform passes them on."""
    return [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": saved}}
        for name, saved in of.items()
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CDK
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("path", "shorter"),
    [
        (PATH, ("windows", "epochs", "filtered_here", "children", "delegated")),
        (FOLDER / "further.yaml", ("first_page_only",)),
    ],
)
def test_a_sync_goes_on_from_what_the_cdk_saved(path: Path, shorter: tuple[str, ...], api: Api) -> None:
    """Both engines read the same after a state of the CDK, be it of dates, epochs, numbers or partitions."""
    first = engines.cdk(path, api, config(api))
    saved = messages({name: {**json.loads(json.dumps(state))} for name, state in first.states.items()})
    one, other = engines.ours(path, api, config(api), saved), engines.cdk(path, api, config(api), saved)
    assert one.failed == other.failed == []
    for stream, records in other.records.items():
        lost = set(records) - set(one.records.get(stream, []))
        assert not lost, stream
    for stream in shorter:
        assert len(one.records.get(stream, [])) < len(first.records[stream]), stream


@pytest.mark.parametrize(
    ("stream", "saved", "expected"),
    [
        ("windows", {"at": "2024-01-20T00:00:00Z"}, {"cursor": "2024-01-20T00:00:00Z"}),
        ("days", {"day": "2024-01-20"}, {"cursor": "2024-01-20T00:00:00Z"}),
        ("epochs", {"epoch": 1705708800}, {"cursor": "2024-01-20T00:00:00Z"}),
        ("counted", {"epoch": 1705708800}, {"cursor": "1705708800"}),
        ("windows", {"__ab_no_cursor_state_message": True}, None),
        (
            "windows",
            {"use_global_cursor": True, "state": {"at": "2024-01-20T00:00:00Z"}},
            {"cursor": "2024-01-20T00:00:00Z"},
        ),
        (
            "windows",
            {
                "state_type": "date-range",
                "slices": [
                    {"start": "2024-02-01T00:00:00.000Z", "end": "2024-02-05T00:00:00.000Z"},
                    {"start": "2024-01-05T00:00:00.000Z", "end": "2024-01-10T00:00:00.000Z"},
                    {"start": "2024-01-10T00:00:00.000Z", "end": "2024-01-12T00:00:00.000Z"},
                ],
            },
            {"cursor": "2024-01-12T00:00:00Z"},
        ),
        (
            "children",
            {
                "states": [{"partition": {"id": "p1", "parent_slice": {}}, "cursor": {"at": "2024-01-20T00:00:00Z"}}],
                "parent_state": {},
            },
            {"moved": {"paths": [["projects", "id"]], "cursors": {'["p1"]': "2024-01-20T00:00:00Z"}}},
        ),
        (
            "children",
            {"use_global_cursor": True, "lookback_window": 86400, "state": {"at": "2024-01-20T00:00:00Z"}},
            {"moved": {"paths": [], "cursors": {}, "default": "2024-01-19T00:00:00Z"}},
        ),
        (
            "children",
            {"p2": {"at": "2024-01-20T00:00:00Z"}},
            {"moved": {"paths": [["projects", "id"]], "cursors": {'["p2"]': "2024-01-20T00:00:00Z"}}},
        ),
        ("windows", {"version": 2, "cursor": "2024-01-20T00:00:00Z"}, {"cursor": "2024-01-20T00:00:00Z"}),
    ],
)
def test_each_form_of_state_is_understood(stream: str, saved: dict[str, Any], expected: Any, api: Api) -> None:
    """The forms that the CDK has written over the years, and this connector's own."""
    made = ManifestConnector.at(PATH).translation(config(api))
    found = states.moved(stream, saved, made.streams[stream])
    assert found == ({} if expected is None else {"version": 2, **expected})


def test_partitions_keep_their_cursors(api: Api) -> None:
    """A partition goes on where the CDK left it; one that the state does not know is read from the start."""
    saved = {"states": [{"partition": {"id": "p4", "parent_slice": {}}, "cursor": {"at": "2024-01-05T00:00:00Z"}}]}
    found = engines.ours(PATH, api, config(api), messages({"children": saved}))
    kept = [json.loads(record)["id"] for record in found.records["children"]]
    assert "p2-0" in kept
    assert "p4-0" not in kept
    assert "moved" not in found.states["children"]


def test_a_state_of_something_else_is_an_error(api: Api) -> None:
    """It names the stream, and what to do."""
    made = ManifestConnector.at(PATH).translation(config(api))
    with pytest.raises(ConfigError, match=r"Stream windows: the state .* reset the stream"):
        states.moved("windows", {"page": 7}, made.streams["windows"])
