"""Patterns for the field names by which APIs signal pagination: words such as "next", followed by nouns."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

_NOUNS = (
    "page|record|result|batch|set|item|chunk|link|url|uri|href|path|token|cursor|key|marker|id|offset|index|start|"
    "number|num|position|continuation|request|query|param|info|skip|from|after|row|hit|entry|entrie|segment"
)
_ROWS = "count|record|result|item|hit|element|row|entry|entrie|size|object|document|match|matche|matched|found"
NEXT = re.compile(
    rf"(?:odata)?(?:paging|pagination|page|result)?next(?:(?:{_NOUNS})s?)*|lastevaluatedkey|"
    r"continuation(?:token|key|id)?|continue(?:token)?|resumptiontoken"
)
"""Names of fields that lead to the next page: a URL, a token or a number."""
MORE = re.compile(
    r"(?:has|have|is|are|thereare|thereis)?(?:any)?(?:more|next)"
    rf"(?:(?:{_NOUNS}|data|available|incollection|exist|left|remaining|element|value|document|event|object)s?)*|"
    r"(?:is|list|results?|response|output|data)?truncated"
)
"""Names of fields that are true if there are more pages."""
LAST = re.compile(
    r"(?:is)?(?:(?:the)?(?:last|final)(?:page|batch|chunk|set)?|done|completed?|finished|exhausted|eof|end|"
    r"(?:at|reached)?end(?:of)?(?:stream|list|results?|records?|data|pages?|feed|collection))"
)
"""Names of fields that are false if there are more pages."""
TOTAL = re.compile(
    rf"(?:odata|wp|pagination|paging|page|list|search|query|full|overall|grand|results?)?total(?:number|num|no)?(?:of)?"
    rf"(?:(?:{_ROWS})s?)*|num(?:ber)?(?:of)?(?:found|matched|matches|records|results|hits|items|rows)|"
    rf"(?:record|result|item|row|match|hit|entry|object|element|document)s?(?:count|total|found|matched)"
)
"""Names of fields with the total number of records."""
COUNT = re.compile(r"(?:odata)?count|found|matched|matches|hits")
"""Names of fields with a number of records, either in total or of one page."""
TOTAL_PAGES = re.compile(
    r"(?:wp|pagination|paging)?(?:total|num|number|last)(?:number)?(?:of)?pages?(?:count|number)?|pages?(?:count|total)?"
)
TRUE = frozenset({b"true", b'"true"'})
FALSE = frozenset({b"false", b'"false"'})
"""JSON values that count as true (`TRUE`) and as false (`FALSE`)."""


_OTHERS = re.compile(r"[^a-z0-9]")


@lru_cache(maxsize=1000)
def plain(name: str) -> str:
    """Returns a name as the patterns expect it: only letters and digits, in lower case."""
    return _OTHERS.sub("", name.lower())


def flags_more(form: str, value: Raw) -> bool:
    """True if a field is a true flag such as `has_more`.

    Args:
        form: The field's name as `plain` returns it.
        value: The field's value.
    """
    return MORE.fullmatch(form) is not None and bytes(value) in TRUE


def flags_not_last(form: str, value: Raw) -> bool:
    """True if a field is a false flag such as `is_last`; the arguments are those of `flags_more`."""
    return LAST.fullmatch(form) is not None and bytes(value) in FALSE


# These are texts, which `re` compiles when they are first used, because few reads need them.
_HOLDER = r"(?i)page|paging|pagination|page_?info|pager|cursors?"
"""Names of objects that hold signs of paging and nothing else."""
_ENVELOPE = rf"{_HOLDER}|_?meta(data)?|_?links|response_?metadata"
"""The same, if they stand beside a list in an object of its own, not beside it in a record."""
_PLACE = r"offset|start(at|index)?|skip|limit|maxresults|(per)?page(size|number|index)?|pagelen|count"
"""Names of fields that say which part of a list a page is."""


class _Meaning(Struct, frozen=True):
    """What a field's name may mean beside a list."""

    sign: bool
    holder: bool
    envelope: bool
    place: bool
    total: bool


@lru_cache(maxsize=10_000)
def _meaning(name: str) -> _Meaning:
    form = plain(name)
    return _Meaning(
        sign=any(pattern.fullmatch(form) for pattern in (MORE, LAST, NEXT)),
        holder=re.fullmatch(_HOLDER, name) is not None,
        envelope=re.fullmatch(_ENVELOPE, name) is not None,
        place=re.fullmatch(_PLACE, form) is not None,
        total=TOTAL.fullmatch(form) is not None,
    )


def _sign_in(fields: Mapping[str, Raw]) -> str | None:
    """Returns the name of a field that signals more pages, such as `has_more`; None if there is none."""
    for name, value in fields.items():
        if not _meaning(name).sign:
            continue
        form = plain(name)
        if flags_more(form, value) or flags_not_last(form, value) or (NEXT.fullmatch(form) and raw_json.text(value)):
            return name
    return None


def more_beside(fields: Mapping[str, Raw], length: int, *, is_record: bool) -> str | None:
    """Returns the path of a field beside a list that shows that the list goes on; None if there is none.

    Args:
        fields: The object that has the list.
        length: The number of items in the list.
        is_record: True if the object is a record, whose other fields are data.
    """
    sign = _sign_in(fields)
    if sign is not None:
        return sign
    for name, value in fields.items():
        meaning = _meaning(name)
        inner = _sign_in(raw_json.fields(value)) if meaning.holder or (meaning.envelope and not is_record) else None
        if inner is not None:
            return f"{name}.{inner}"
    return None if is_record else _total_beyond(fields, length)


def _total_beyond(fields: Mapping[str, Raw], length: int) -> str | None:
    """Returns the name of a total that is larger than a list. `total` alone may be an amount."""
    has_place = any(_meaning(name).place and raw_json.count(value) is not None for name, value in fields.items())
    for name, value in fields.items():
        is_total = _meaning(name).total and (has_place or plain(name) != "total")
        if is_total and (raw_json.count(value) or 0) > length:
            return name
    return None
