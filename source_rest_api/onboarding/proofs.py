"""Verifies a guessed config against the API, with the reader, the paginators and the checks of `check`."""

from __future__ import annotations

from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.config import environment
from source_rest_api.connector import Connector
from source_rest_api.errors import SourceError, Stopped
from source_rest_api.sync import check, sampled_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from msgspec import Raw

    from source_rest_api.pagination.page import Page
    from source_rest_api.streams.stream import Stream
    from source_rest_api.sync.sampled_pages import Sample

ONE_PAGE = {"type": "none", "first_page_only": True}
"""The pagination of a single request."""
_MOST_PARTITIONS = 6
"""Number of parent records for which a child is requested, to test if its keys are unique."""


class Look(Struct, frozen=True):
    """The first pages of an endpoint, and the error in its config."""

    samples: Sequence[Sample] = ()
    problem: str = ""
    """Empty if the config is right."""
    doubts: Sequence[str] = ()

    @property
    def pages(self) -> list[Page]:
        """The pages of the partition that has the most records."""
        largest = max(self.samples, key=lambda sample: len(sample.records), default=None)
        return [] if largest is None else [sampled.page for sampled in largest.pages]

    @property
    def records(self) -> list[Raw]:
        """The emitted records of all samples."""
        return [record for sample in self.samples for record in sample.records]


class Prover:
    """Tries endpoints of one API.

    Args:
        shared: The settings of all endpoints: base URL, authentication, headers.
        variables: The values of `${NAME}`.
        stop: Set from outside to end early.
    """

    def __init__(self, shared: Mapping[str, Any], variables: Mapping[str, str], stop: Event | None = None) -> None:
        self._shared = shared
        self._variables = variables
        self._stop = stop or Event()

    def look(
        self, endpoint: Mapping[str, Any], parents: Sequence[Mapping[str, Any]] = (), *, guess: bool = False
    ) -> Look:
        """Reads the first pages of an endpoint, without judging them.

        Args:
            endpoint: The endpoint.
            parents: The endpoints that supply the values in its path.
            guess: True to send each request only once: an API may well answer a wrong guess with 500.
        """
        return self._with_stream(endpoint, parents, _read, guess)

    def verdict(
        self, endpoint: Mapping[str, Any], parents: Sequence[Mapping[str, Any]] = (), *, guess: bool = False
    ) -> Look:
        """Reads the first pages of an endpoint and tests them as `check` does."""
        return self._with_stream(endpoint, parents, _judge, guess)

    def _with_stream(
        self,
        endpoint: Mapping[str, Any],
        parents: Sequence[Mapping[str, Any]],
        ask: Callable[[Stream], Look],
        guess: bool,
    ) -> Look:
        config = {**self._shared, "endpoints": [*parents, endpoint]}
        if guess:
            config["retry"] = {**self._shared.get("retry", {}), "max_attempts": 1}
        try:
            raw, secrets = environment.filled(config, self._variables)
            session = Connector().session(raw, self._stop, secrets=secrets)
            with session.probing() as streams:
                stream = streams(endpoint["name"])
                return Look() if stream is None else ask(stream)
        except SourceError as error:
            return Look(problem=str(error))


class DraftProver:
    """Tries one endpoint with some of its settings changed.

    Args:
        prover: Sends the requests.
        draft: The endpoint as far as it is known.
        parents: The endpoints that supply the values in its path.
    """

    def __init__(self, prover: Prover, draft: Mapping[str, Any], parents: Sequence[Mapping[str, Any]]) -> None:
        self.draft = draft
        self._prover = prover
        self._parents = parents

    @property
    def is_child(self) -> bool:
        """True if its requests need the records of a parent, so that looks may be at different lists."""
        return bool(self._parents)

    def look(self, **settings: Any) -> Look:
        """Reads the first pages with these settings, without judging them."""
        return self._prover.look({**self.draft, **settings}, self._parents, guess=_is_guess(settings))

    def verdict(self, **settings: Any) -> Look:
        """Reads the first pages with these settings, and tests them as `check` does."""
        return self._prover.verdict({**self.draft, **settings}, self._parents, guess=_is_guess(settings))


def _is_guess(settings: Mapping[str, Any]) -> bool:
    """True if settings are more than those of a single request."""
    return any(value is not ONE_PAGE for value in settings.values())


def _read(stream: Stream) -> Look:
    samples: list[Sample] = []
    try:
        for partition in islice(stream.partitions(), _MOST_PARTITIONS):
            samples.append(sampled_pages.read(stream, partition))
            if samples[-1].problem is not None:
                break
    except Stopped:
        raise
    except SourceError as error:
        return Look(samples, str(error))
    if not samples:
        return Look(problem="its parent has no records")
    problem = samples[-1].problem
    return Look(samples, "" if problem is None else str(problem))


def _judge(stream: Stream) -> Look:
    probe = check.Probe.of(stream)
    samples = [] if probe.sample is None else [probe.sample]
    return Look(samples, " ".join(map(str, probe.problems)), probe.doubts)
