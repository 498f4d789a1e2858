"""Finds the pagination of one endpoint: tries each guess with small pages, and keeps it only if the API confirms it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.formats.excerpt import CUT
from source_rest_api.onboarding import paging_guesses, record_guesses
from source_rest_api.onboarding.proofs import ONE_PAGE
from source_rest_api.pagination import signs
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msgspec import Raw

    from source_rest_api.onboarding.given import Operation
    from source_rest_api.onboarding.proofs import DraftProver, Look
    from source_rest_api.pagination.page import Page

_USUAL_SIZE, _LARGEST = 100, 1000
_ROUND, _FEWEST = 5, 10
"""Usual page sizes are multiples of five from ten on. A list of that length may be one page of several."""
_LONG_VALUE = re.compile(r"(?<=\?)\S{40,}")
"""The query of a URL or a token, which the evidence does not repeat."""
_COUNTED = frozenset({"page_number", "offset"})


class Paging(Struct, frozen=True):
    """The pagination of an endpoint, and how the API confirmed it."""

    pagination: Mapping[str, Any] | None
    """None if one response has all records."""
    evidence: str
    problem: str = ""
    """Why the endpoint cannot be read to its end; empty if it can."""
    goes_on: bool = False
    """True if the response says that there is more."""


class PagingProof:
    """Tries the paginations of one endpoint.

    Args:
        prover: Sends the requests that verify a guess; its draft has no pagination.
        operation: The operation, with its known parameters.
        first: Its first page, requested without paging parameters.
        key: Its primary key, if one was found.
    """

    def __init__(self, prover: DraftProver, operation: Operation, first: Page, key: Sequence[str] | None) -> None:
        self._prover = prover
        self._operation = operation
        self._first = first
        self._key = key

    def found(self) -> Paging:
        """Returns the first pagination that the API confirms."""
        if len(self._first.records) > _LARGEST and self._is_total():
            return self._without()  # no page is so large, and each further request would be as slow
        size_param, page = self._size_param()
        small = max(1, len(self._first.records) // 2) if size_param else None
        for pagination, sign in self._guesses(page):
            candidate = paging_guesses.sized(pagination, size_param, small)
            overlap = {"overlap": True} if candidate["type"] == "offset" else {}
            look = self._prover.verdict(pagination={**candidate, **overlap})
            if self._is_proven(look, candidate, small):
                return self._with_size(pagination, size_param, sign, look)
            if size_param and pagination["type"] not in _COUNTED and sign:
                plain = paging_guesses.sized(pagination, None, None)
                look = self._prover.verdict(pagination=plain)
                if self._is_proven(look, plain, None):
                    return Paging(plain, _told(look, sign))
        return self._without()

    def _without(self) -> Paging:
        sign = signs.find_sign(self._first)
        count = len(self._first.records)
        if sign is not None:
            return Paging(
                None, "", f"{sign.what}, but no pagination that `init` tried leads to the next page", goes_on=True
            )
        if self._is_total():
            return Paging(None, f"all {counted(count, 'record')} in one response, as its total confirms")
        if count >= _FEWEST and count % _ROUND == 0:
            return Paging(
                None, "", f"exactly {count} records, which may be one page of several, and no parameter leads on"
            )
        return Paging(None, f"all {counted(count, 'record')} in one response, without a sign of more")

    def _is_total(self) -> bool:
        """True if a total in the first response equals the number of its records."""
        return signs.total_of(self._first) == len(self._first.records)

    def _guesses(self, page: Page) -> Iterator[tuple[dict[str, Any], str]]:
        """Yields paginations: first by signs in responses; page numbers and offsets only if verifiable."""
        yield from paging_guesses.by_signs(self._first, self._operation, self._key)
        if page is not self._first:
            yield from paging_guesses.by_signs(page, self._operation, self._key)
        if len(self._first.records) > 1:
            yield from ((pagination, "") for pagination in paging_guesses.by_names(self._operation))

    def _size_param(self) -> tuple[str | None, Page]:
        """Returns the parameter that limits the first page to the requested size, and that page."""
        wanted = len(self._first.records) // 2
        if wanted < 1 or self._operation.body is not None:
            return None, self._first
        for name in paging_guesses.sizes(self._operation):
            params = {**self._prover.draft.get("params", {}), name: wanted}
            look = self._prover.look(params=params, pagination=ONE_PAGE)
            if look.pages and len(look.pages[0].records) == wanted:
                return name, look.pages[0]
        return None, self._first

    def _is_proven(self, look: Look, pagination: Mapping[str, Any], small: int | None) -> bool:
        """True if there is a second page that continues where the first one ended."""
        if look.problem or len(look.pages) < 2:  # noqa: PLR2004 -- the first and the second
            return False
        first, second = (self._identities(page.records) for page in look.pages[:2])
        known = self._identities(self._first.records)
        fresh = [identity for identity in second if identity not in set(first)]
        if not fresh or first[:1] != known[:1]:
            return False
        if pagination["type"] not in _COUNTED:
            return True
        if small is None:  # a list that changes by itself has new records too, so all of both pages counts
            overlap = pagination["type"] == "offset" and len(first) > 1
            return first == known and len(second) - len(fresh) == overlap and second[:overlap] == first[-1:][:overlap]
        expected = known[small : small + len(fresh)]
        return len(first) == small and fresh[: len(expected)] == expected

    def _goes_on(self, look: Look) -> bool:
        """True if the second page has a record that the first has not."""
        known = {identity for page in look.pages[:1] for identity in self._identities(page.records)}
        return any(identity not in known for page in look.pages[1:] for identity in self._identities(page.records))

    def _identities(self, records: Sequence[Raw]) -> list[bytes]:
        return record_guesses.identities(records, self._key)

    def _with_size(self, pagination: dict[str, Any], name: str | None, sign: str, look: Look) -> Paging:
        """Returns the pagination with the largest usual page size that the API serves."""
        evidence = _told(look, sign)
        if name is None:
            return Paging(paging_guesses.sized(pagination, None, None), evidence)
        schema = self._operation.declared.get(name, {})
        usual = max(_USUAL_SIZE, len(self._first.records))
        highest = schema.get("maximum")
        wanted = min(highest if isinstance(highest, int) and highest > 0 else usual, _LARGEST)
        full = self._prover.verdict(pagination=paging_guesses.sized(pagination, name, wanted))
        came = len(full.pages[0].records) if full.pages else 0
        goes_on = self._goes_on(full)
        if full.problem or (not goes_on and came < len(self._first.records) and not self._prover.is_child):
            came = len(self._first.records)
            return Paging(paging_guesses.sized(pagination, name, came), evidence)
        capped = came < wanted and goes_on
        size = came if capped else wanted
        limit = f"; the API limits pages to {came} records" if capped else ""
        return Paging(paging_guesses.sized(pagination, name, size), f"{evidence}{limit}")


def _told(look: Look, sign: str) -> str:
    """Returns the evidence in words."""
    second = look.pages[1]
    because = f"{_LONG_VALUE.sub(CUT, sign)}; " if sign else ""
    last = second.request.url.rpartition("/")[2].partition("?")[0]
    asked = second.request.asked
    return f"{because}`…/{last}` with {asked} returned {counted(len(second.records), 'further record')}"
