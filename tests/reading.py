"""Reads a stream page by page in one thread, and keeps what came."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING, Any

from source_rest_api.config import loading
from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import SourceError
from source_rest_api.http.requester import Requester
from source_rest_api.state.progress_events import Barrier, Planned, SweepEnd, Swept
from source_rest_api.streams.stream import Stream
from tests.sign_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.deletions.known_rows import KnownRows
    from source_rest_api.deletions.sweep import Step
    from source_rest_api.state.progress_events import PageProgress
    from source_rest_api.state.state import StreamState
    from source_rest_api.streams.batch import Batch

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
ONCE = {"max_attempts": 1}


def sampled(raw: dict[str, Any], **requester: Any) -> list[Any]:
    """All records of the last endpoint of a config, as in a first sync; raises what goes wrong."""
    loaded = loading.load(raw)
    with Requester(loaded.http(raw["url_base"]), **requester) as sender:
        batches = Stream(loaded, loaded.streams[-1], sender, raw).sample()
        return [json.loads(bytes(record)) for batch in batches for record in batch.records]


class Reading:
    """A read of the last endpoint, as far as it came. Every page is followed by the state that covers it."""

    def __init__(
        self,
        url: str,
        *endpoints: dict[str, Any],
        saved: Any = None,
        now: Callable[[], datetime] = lambda: NOW,
        **config: Any,
    ) -> None:
        endpoints = tuple({"name": "items", "path": "items", **endpoint} for endpoint in endpoints or ({},))
        raw = {"url_base": url, "retry": ONCE, "endpoints": list(endpoints), **config}
        loaded = loading.load(raw)
        self.error: SourceError | None = None
        self.batches: list[Batch] = []
        self.states: list[dict[str, Any]] = []
        self.gone: list[bytes] = []
        self.moves: list[PageProgress] = []
        with Requester(loaded.http(url), credentials=signed_in(loaded)) as requester:
            self.stream = Stream(loaded, loaded.streams[-1], requester, raw, now)
            try:
                self._read(saved, incremental="incremental" in endpoints[-1])
            except SourceError as error:
                self.error = error

    def _read(self, saved: Any, *, incremental: bool) -> None:
        sweep = Sweep.of(self.stream)
        self.known: KnownRows | None = None

        def known_rows(state: StreamState, began: datetime) -> KnownRows | None:
            self.known = None if sweep is None else sweep.known_rows(state, began)
            return self.known

        self.progress = self.stream.progress(saved, incremental=incremental, known_rows=known_rows)
        steps: Iterator[Step] = self.stream.plan(self.progress, 1)
        if sweep is not None and self.known is not None:
            steps = chain(self.stream.plan(self.progress, 1, sweep.delivered), sweep.steps(self.known, 1))
        for step in steps:
            if isinstance(step, Barrier):
                continue
            if isinstance(step, SweepEnd):
                self._conclude(step)
                continue
            if isinstance(step, Planned):
                self.progress.plan(step)
                self._note()
                continue
            while (work := step.claim(ahead=False)) is not None:
                work(self)
        self.progress.complete(NOW)
        self._note()

    def put(self, item: Batch) -> None:
        """Take a page."""
        if isinstance(item.moved, Swept):
            assert self.known is not None
            self.known.meet(item.moved.keys)
            return
        self.batches.append(item)
        self.moves.append(item.moved)
        self.progress.advance(item.moved)
        self._note()

    def _conclude(self, end: SweepEnd) -> None:
        assert self.known is not None
        for keys in self.known.conclude(end):
            self.gone += keys
            self.known.forget(keys)

    def changed(self) -> None:
        """Does nothing: there is only one thread."""

    def _note(self) -> None:
        if self.progress.changed:
            self.states.append(self.progress.dump())

    @property
    def texts(self) -> list[bytes]:
        """The records, as they came."""
        return [bytes(record) for batch in self.batches for record in batch.records]

    @property
    def records(self) -> list[Any]:
        """The records."""
        return [json.loads(text) for text in self.texts]

    @property
    def covered(self) -> list[dict[str, Any]]:
        """The states without the cursor field and what they say of unfinished slices, where that changed."""
        bare = [
            {key: value for key, value in state.items() if key not in {"reading", "cursor_field"}}
            for state in self.states
        ]
        return [state for before, state in zip([{"version": 2}, *bare], bare, strict=False) if state != before]
