"""What a stream is read for: once, or once for each record of a parent stream.

A parent's name in a template is the relation: `path: repos/{{ repos.name }}/issues` makes `repos` the parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.config import Config
    from source_rest_api.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Partition:
    """One set of parent records to read a stream for."""

    records: Mapping[str, Any] = field(default_factory=dict)
    """Each parent's record, by the parent's name in templates."""
    key: str = ""
    """What tells it from others, in state and logs: the parents' fields that the endpoint uses, as JSON."""


def parent_of(config: Config, endpoint: Endpoint) -> Endpoint | None:
    """The stream to read first, whose records (with those of its own parents) the endpoint's templates use."""
    referenced = _referenced(config, endpoint)
    for candidate in referenced:
        family = {candidate.name, *(parent.name for parent in ancestors(config, candidate))}
        if all(other.name in family for other in referenced):
            return candidate
    return None


def ancestors(config: Config, endpoint: Endpoint) -> Iterator[Endpoint]:
    """Parent, grandparent, ... up to the first stream that has none."""
    seen = {endpoint.name}
    parent = parent_of(config, endpoint) if endpoint.name not in _in_cycles(config) else None
    while parent is not None and parent.name not in seen:
        seen.add(parent.name)
        yield parent
        parent = parent_of(config, parent)


def partition(endpoint: Endpoint, records: Mapping[str, Any]) -> Partition:
    """The partition of an endpoint for these parents' records."""
    used = {}
    for reference in sorted({r for text in endpoint.texts for r in templates.references(text)}):
        if reference[0] in records:
            used[".".join(reference)] = _value(records, reference)
    return Partition(records, msgspec.json.encode(used, order="sorted").decode())


def problems(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """What is wrong with the names in an endpoint's templates."""
    known = {other.variable for other in config.streams}
    for name in sorted(_names(endpoint) - templates.BUILT_IN_NAMES - known):
        close = get_close_matches(name, [*templates.BUILT_IN_NAMES, *known], n=1)
        hint = f", did you mean `{close[0]}`?" if close else f"; known are {', '.join(sorted(known))}"
        yield f"a template reads the unknown name `{name}`{hint}"
    if endpoint.name in _in_cycles(config):
        yield "its templates make it a parent of itself"
    elif _referenced(config, endpoint) and parent_of(config, endpoint) is None:
        names = ", ".join(f"`{other.name}`" for other in _referenced(config, endpoint))
        yield f"its templates read {names}, none of which is a child of the others"
    elif endpoint.include_from_parent and not _referenced(config, endpoint):
        yield "include_from_parent: no template of the endpoint names a parent"


def _names(endpoint: Endpoint) -> set[str]:
    return {name for text in endpoint.texts for name in templates.names(text)}


def _referenced(config: Config, endpoint: Endpoint) -> list[Endpoint]:
    names = _names(endpoint)
    return [other for other in config.streams if other.variable in names]


def _in_cycles(config: Config) -> set[str]:
    """Streams that are, over any number of steps, their own parent."""
    parents = {e.name: {other.name for other in _referenced(config, e)} for e in config.streams}
    cyclic = set()
    for name, direct in parents.items():
        reached: set[str] = set()
        waiting = list(direct)
        while waiting:
            current = waiting.pop()
            if current not in reached:
                reached.add(current)
                waiting.extend(parents[current])
        if name in reached:
            cyclic.add(name)
    return cyclic


def _value(records: Mapping[str, Any], reference: tuple[str, ...]) -> Any:
    value: Any = records
    for key in reference:
        value = value.get(key) if isinstance(value, dict) else None
    return value
