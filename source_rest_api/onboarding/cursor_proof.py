"""Finds the cursor of one endpoint: a time in each record, and the parameter that filters by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.formats import date_formats, datetimes
from source_rest_api.onboarding import parameters, record_guesses
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from source_rest_api.onboarding.given import Operation
    from source_rest_api.onboarding.proofs import DraftProver, Look

_FORMATS = ("", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%s", "%ms")
"""Formats of the parameter to try; the first is that of the records."""


class Cursor(Struct, frozen=True):
    """The `incremental` of an endpoint, and how the API confirmed it."""

    incremental: Mapping[str, Any] | None
    evidence: str


class CursorProof:
    """Tries the cursors of one endpoint.

    Args:
        prover: Sends the requests that verify a guess; its draft has the pagination.
        operation: The operation, with its known parameters.
    """

    def __init__(self, prover: DraftProver, operation: Operation) -> None:
        self._prover = prover
        self._operation = operation

    def found(self, look: Look) -> Cursor:
        """Returns the first cursor that the API confirms.

        Args:
            look: The first pages of the endpoint.
        """
        page = look.pages[0]
        fields = record_guesses.cursors(page.records)
        if not fields:
            return Cursor(None, "no field holds the time of a change in every record")
        for path, form, changed in fields:
            times = [_moment(value, form) for value in record_guesses.values(page.records, path)]
            if len(set(times)) < 2:  # noqa: PLR2004 -- the same time in all records proves nothing
                continue
            middle = sorted(set(times))[len(set(times)) // 2]
            for incremental in self._guesses(path, form):
                seen = self._filtered(incremental, middle, form, page.records)
                if seen:
                    creation = (
                        ""
                        if changed
                        else ". It is not the time of the last change, so changed records are not read again"
                    )
                    return Cursor(incremental, f"{seen}{creation}")
        names = ", ".join(f"`{path}`" for path, _, _ in fields)
        return Cursor(None, f"{names} may be the cursor, but no parameter that `init` tried filters by it")

    def _guesses(self, path: str, form: str) -> Iterator[dict[str, Any]]:
        name = path.rpartition(".")[2]
        record_format = {"record_format": form} if form else {}
        paging = set(map(str, self._prover.draft.get("pagination", {}).values()))
        for param in parameters.starts_for(name, self._operation.declared, complete=self._operation.complete):
            if param in paging:
                continue
            for sent in _FORMATS:
                yield {
                    "cursor_field": path,
                    **record_format,
                    "start_param": param,
                    **({"format": sent} if sent else {}),
                }
                if not self._operation.declared:
                    break

    def _filtered(self, incremental: dict[str, Any], start: datetime, form: str, sample: Sequence[Raw]) -> str:
        """Returns a description of the response to a request from a moment; empty if it is not what was requested.

        Args:
            incremental: The cursor.
            start: The moment.
            form: The format of the times in records.
            sample: Records that the API returns without a start.
        """
        moment = start.isoformat().replace("+00:00", "Z")
        path, param = incremental["cursor_field"], incremental["start_param"]
        look = self._prover.look(incremental={**incremental, "start_date": moment})
        if look.problem or not look.pages or not look.pages[0].records:
            return ""
        page = look.pages[0]
        try:
            times = [_moment(value, form) for value in record_guesses.values(page.records, path)]
        except ValueError:
            return ""
        if min(times) < _floor(start, incremental.get("format", "")) or not page.request.params.get(param):
            return ""
        if self._lacks(look, times, [record for record in sample if _time(record, path, form) > start], path, form):
            return ""
        whole = self._prover.verdict(incremental=incremental)
        if whole.problem:
            return ""
        if start not in times and any("start_exclusive" in doubt for doubt in whole.doubts):
            incremental["start_exclusive"] = True
        came = counted(len(page.records), "record")
        return f"`?{param}={page.request.params[param]}` returned {came}, none older"

    def _lacks(self, look: Look, times: Sequence[datetime], later: Sequence[Raw], path: str, form: str) -> bool:
        """True if a response lacks a later record, as when the parameter filters by another field.

        If it is sorted by the time, later records may be on its next pages.
        """
        key = self._prover.draft.get("primary_key")
        names = [key] if isinstance(key, str) else key
        came = set(record_guesses.identities(look.pages[0].records, names))
        lacking = [each for each in later if record_guesses.identities([each], names)[0] not in came]
        follows = len(look.pages) > 1 and list(times) == sorted(times)
        return bool(lacking) and not (follows and all(_time(each, path, form) >= times[-1] for each in lacking))


def _time(record: Raw, path: str, form: str) -> datetime:
    (value,) = record_guesses.values([record], path)
    return _moment(value, form)


def _moment(value: Any, form: str) -> datetime:
    return date_formats.compiled(form).parse(str(value)) if form else datetimes.parse(str(value))


def _floor(moment: datetime, form: str) -> datetime:
    """Returns the oldest time that a request from a moment may return, if the request names only the day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) if form == "%Y-%m-%d" else moment
