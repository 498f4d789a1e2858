"""Tests each endpoint for `check`: reads its first pages, and verifies the config against what the API sends."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import ConfigError, ErrorContext, InternalError, SourceError, Stopped, as_source_error
from source_rest_api.pagination.page import End
from source_rest_api.plurals import counted
from source_rest_api.streams.parents import ParentLimitError
from source_rest_api.sync import sample_fields, sampled_pages
from source_rest_api.sync.cursor_findings import of_cursor
from source_rest_api.sync.key_findings import of_key
from source_rest_api.sync.page_findings import of_pages
from source_rest_api.sync.start_findings import of_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.streams.stream import Stream
    from source_rest_api.sync.findings import Finding
    from source_rest_api.sync.sampled_pages import Sample

MOST_PARENT_PAGES = 10
"""Upper limit of the pages of a parent that are read to find a record with the fields that a child's templates read."""
_MOST_PARTITIONS = 3
"""Upper limit of the partitions that are read to find a record."""


class Probe(Struct):
    """The result of the test of a stream."""

    seen: str = ""
    problems: list[SourceError] = []
    doubts: list[str] = []
    sample: Sample | None = None

    @classmethod
    def of(cls, stream: Stream) -> Probe:
        """Tests a stream; errors become the `problems` of the result.

        Raises:
            Stopped: The check was stopped.
        """
        probe = cls()
        try:
            _test(stream, probe)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 -- an error must not keep the other endpoints from being tested
            probe.problems.append(as_source_error(error))
        return probe


def report(probes: Sequence[Probe], sent: int) -> tuple[bool, str]:
    """Returns whether the check succeeded, and its message: the problems, the doubts, and the number of requests.

    Args:
        probes: The tests of all streams.
        sent: The number of requests.

    Raises:
        InternalError: There is a bug in this connector.
    """
    problems = [problem for probe in probes for problem in probe.problems]
    for problem in problems:
        if isinstance(problem, InternalError):
            raise problem
    doubts = [f"Warning: {doubt}" for probe in probes for doubt in probe.doubts]
    # A child stream fails with its parent's error.
    told = list(dict.fromkeys(map(str, problems))) if problems else ["; ".join(probe.seen for probe in probes)]
    return not problems, "\n".join([*told, *doubts, f"{counted(sent, 'request')} sent."])


def _test(stream: Stream, probe: Probe) -> None:
    partition = None if stream.endpoint.job is None else next(stream.partitions(), None)
    if partition is not None:
        probe.seen = f"{stream.name}: {stream.try_job(partition)}"
        return
    try:
        sample = _sample(stream)
    except ParentLimitError as limit:
        probe.seen = f"{stream.name}: not tested, because the first pages of its parent have no record to read it for"
        probe.doubts.append(
            f"Stream {stream.name} needs a record with a value in each field of its path. {limit.message}"
        )
        return
    if sample is None:
        probe.seen = f"{stream.name}: not tested, because its parent has no records or its `partitions` has no values"
        return
    probe.sample = sample
    if sample.problem is not None:
        probe.problems = [sample.problem]
    sample_fields.check(stream.endpoint, sample.records, list(_missing_in_parent(sample)))
    for finding in _findings(sample):
        error = ConfigError(f"{finding.text}.").at(f"Stream {stream.name}", *filter(None, [finding.where]))
        if finding.fails:
            probe.problems.append(error)
        else:
            probe.doubts.append(str(error))
    if probe.problems:
        return
    sweep = Sweep.of(stream)
    if sweep is not None:
        with ErrorContext(stream.name, "`deletions`"):
            sweep.first_page(sample.partition)
    probe.seen = _seen(sample)


def _sample(stream: Stream) -> Sample | None:
    """Returns the first pages of the first partition that has records; None if there are no partitions."""
    sample = None
    for partition in islice(stream.partitions(), _MOST_PARTITIONS):
        sample = sampled_pages.read(stream, partition)
        if sample.records or sample.problem is not None:
            break
    return sample


def _findings(sample: Sample) -> Iterator[Finding]:
    yield from of_key(sample)
    yield from of_cursor(sample, sample.stream.now())
    if sample.problem is None:
        yield from of_pages(sample)
        yield from of_start(sample)


def _seen(sample: Sample) -> str:
    first = sample.pages[0]
    came, emitted = len(first.page), len(first.emitted)
    left_out = "" if emitted == came else f" ({emitted} after filters)"
    if not first.page.last:
        more = "more in the same response"
    elif isinstance(first.following, End):
        more = f"no more ({first.following.reason})"
    else:
        more = "more pages"
    return f"{sample.stream.name}: {counted(came, 'record')} on the first page{left_out}, {more}"


def _missing_in_parent(sample: Sample) -> Iterator[str]:
    for name in sample.stream.missing_copies(sample.partition):
        path = sample.stream.endpoint.include_from_parent[name]
        yield f"`include_from_parent.{name}` names `{path}`, which the first record of the parent does not have"
