"""Recognizes query parameters by name: for paging, for the page size, or for the start of an incremental read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from source_rest_api.formats import paging_names

if TYPE_CHECKING:
    from collections.abc import Iterable

Role: TypeAlias = Literal["page", "offset", "size", "token", "start"]

_PATTERNS: dict[Role, re.Pattern[str]] = {
    "size": re.compile(
        r"(?:page)?(?:limit|size|len(?:gth)?|count|rows|top|take)|(?:per|itemsper|resultsper|recordsper)page|"
        r"max(?:results|records|items|pagesize)?|first|(?:number|num)(?:of)?(?:results|records|items)|resultsize"
    ),
    "page": re.compile(r"(?:current|my)?page(?:number|no|num|index)?|p|pg"),
    "offset": re.compile(r"(?:page|result|record)?offset|skip|start(?:at|index|row)?|startelement|from"),
    "token": re.compile(
        r"(?:page|next|continuation|pagination|next ?page|start|end|scroll|after)?(?:cursor|token|marker|scrollid|key)|"
        r"(?:starting|page)?after(?:id)?|next(?:page)?|continu(?:e|ation)|scroll(?:id)?|iterator|from|"
        r"exclusivestartkey"
    ),
    "start": re.compile(
        r"(?:(?:date|last)?(?:updat|modif|chang|edit)\w*|creat\w*|timestamp|date|time)?"
        r"(?:since|after|from|gte?|ge|min|start(?:ing)?(?:date|time)?|begin)(?:date|time|at|ts|timestamp)?|"
        r"(?:from|min|start|since|after|begin)(?:date|time|timestamp|(?:updat|modif|creat|chang)\w*)|"
        r"(?:updat|modif|chang)\w*(?:since|after|from|min|gte?|start)|ifmodifiedsince"
    ),
}
_TRIED: dict[Role, tuple[str, ...]] = {
    "size": ("limit", "per_page", "page_size", "size", "_limit", "pageSize", "perPage", "page[size]", "$top"),
    "page": ("page", "_page", "page_number", "pageNumber", "pageIndex", "page[number]"),
    "offset": ("offset", "skip", "start", "$skip", "startIndex", "from"),
    "token": ("cursor", "page_token", "after", "token", "next", "starting_after", "pageToken", "from"),
    "start": (),
}
"""Names to try if the API's parameters are unknown; each is only a guess until it is verified."""


def of_role(role: Role, names: Iterable[str], *, complete: bool) -> list[str]:
    """Returns the parameters that may have a role, the likeliest first.

    Args:
        role: The role.
        names: The parameters that the API is known to have.
        complete: True if it has no others, so that guessing names is useless.
    """
    known = [name for name in names if has_role(name, role)]
    return known if complete else [*known, *(name for name in _TRIED[role] if name not in known)]


def has_role(name: str, role: Role) -> bool:
    """True if a name says that a parameter has a role."""
    return _PATTERNS[role].fullmatch(paging_names.plain(name)) is not None


def pages(name: str) -> bool:
    """True if a parameter is for paging or the page size, so that it does not select records."""
    return any(has_role(name, role) for role in ("size", "page", "offset", "token"))


def starts_for(field: str, names: Iterable[str], *, complete: bool) -> list[str]:
    """Returns the parameters that may select the records changed since a moment.

    Args:
        field: The name of the cursor field.
        names: The parameters that the API is known to have.
        complete: True if it has no others.
    """
    known = sorted((name for name in names if has_role(name, "start")), key=lambda name: name.endswith(("gt]", "_gt")))
    tried = [f"{field}_gte", f"{field}__gte", "updated_since", "since", "modified_since", "updated_after"]
    tried += [f"{field}_min", f"{field}_from", f"min_{field}", f"{field}_after", f"{field}[gte]", "_since"]
    return known if complete or known else tried


def token_names(path: str, names: Iterable[str], *, complete: bool) -> list[str]:
    """Returns the parameters that may send the token at a path of the body, such as `meta.next_cursor`.

    Args:
        path: The path of the token.
        names: The parameters that the API is known to have.
        complete: True if it has no others.
    """
    names = list(names)
    last = path.rpartition(".")[2]
    derived = [re.sub(r"^_?next_?", "", last, flags=re.IGNORECASE), last]
    derived = [name[:1].lower() + name[1:] for name in derived if name]
    allowed = [name for name in derived if name in names] if complete else derived
    return list(dict.fromkeys([*allowed, *of_role("token", names, complete=complete)]))
