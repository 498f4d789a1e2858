"""An API as an input describes it, before any request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence  # noqa: TC003 -- msgspec reads the types of the fields
from typing import Any

from msgspec import Struct

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_EXTENSION = re.compile(r"\.(?:json|php|aspx?)$", re.IGNORECASE)
_GENERIC = frozenset({"list", "all", "search", "query", "records", "index"})
"""Words that say nothing about the records of a stream without the word before them."""
_VERSION = re.compile(r"v?\d+(?:\.\d+)*|api|rest", re.IGNORECASE)


class Operation(Struct, frozen=True):
    """One request that may return the records of a stream."""

    path: str
    """Path below the base URL, with `{name}` for each value that a parent supplies."""
    method: str = "GET"
    params: Mapping[str, Any] = {}
    """Query parameters that every request sends. A value may contain `{name}`, like the path."""
    body: Any = None
    """The JSON body; None if there is none."""
    declared: Mapping[str, Mapping[str, Any]] = {}
    """Schemas of further query parameters that the API is known to have, by name."""
    complete: bool = False
    """True if the API has no other parameters."""
    sizes: Mapping[str, str] = {}
    """Page sizes in the input, by parameter. They are sent only if the API requires them."""

    @property
    def placeholders(self) -> list[str]:
        """The names of the values that parents supply, in the order of the path."""
        texts = [self.path, *(value for value in self.params.values() if isinstance(value, str))]
        return [name for text in texts for name in PLACEHOLDER.findall(text)]


class Given(Struct, frozen=True):
    """An API as an input describes it."""

    url_base: str
    operations: Sequence[Operation]
    title: str = "REST API"
    authentication: Mapping[str, Any] | None = None
    """The authentication as in a config, with `${NAME}` for its secrets."""
    secrets: Mapping[str, str] = {}
    """Values of these variables, if the input contains them."""
    alternatives: Sequence[Mapping[str, Any]] = ()
    """Further kinds of authentication that the API accepts."""
    headers: Mapping[str, str] = {}
    """Headers of all requests, as in a config."""
    left_out: Mapping[str, str] = {}
    """Reasons why further operations are not tried, by path."""


def without_extension(path: str) -> str:
    """Returns a path without an extension such as `.json`."""
    return _EXTENSION.sub("", path)


def names(paths: Sequence[str]) -> dict[str, str]:
    """Returns a stream name for each path: its last word, with the words before it if that is not telling or unique."""
    words = {path: _words(path) for path in paths}
    named: dict[str, str] = {}
    for path, own in words.items():
        size = 2 if own[-1:] and own[-1] in _GENERIC else 1
        while size < len(own) and any(
            other != path and "_".join(theirs[-size:]) == "_".join(own[-size:]) for other, theirs in words.items()
        ):
            size += 1
        name = "_".join(own[-size:]) or "records"
        while name in named.values():
            name += "_2"
        named[path] = name
    return named


def _words(path: str) -> list[str]:
    segments = [
        segment for segment in without_extension(path).split("/") if segment and not PLACEHOLDER.search(segment)
    ]
    kept = [segment for segment in segments if not _VERSION.fullmatch(segment)] or segments
    words = [re.sub(r"\W+", "_", segment, flags=re.ASCII).strip("_").lower() for segment in kept]
    return [word if not word[:1].isdigit() else f"_{word}" for word in words if word]
