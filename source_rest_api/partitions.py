"""What a stream is read for: once, or once for each record of a parent stream.

A parent's name in a template is the relation: `path: repos/{{ repos.name }}/issues` makes `repos` the parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api import templates
from source_rest_api.model import texts_of
from source_rest_api.record_templates import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

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
        family = {candidate.name, *_reached(config, candidate)}
        if all(other.name in family for other in referenced):
            return candidate
    return None


def partition(endpoint: Endpoint, records: Mapping[str, Any]) -> Partition:
    """The partition of an endpoint for these parents' records, from the first parent to the direct one.

    What is copied into records counts too: two parents with the same URL below them may differ in it.
    """
    texts = [*endpoint.texts, *endpoint.record_texts]
    references = {reference for text in texts for reference in templates.references(text)}
    copied = {(name, *path.split(".")) for name in list(records)[-1:] for path in endpoint.include_from_parent.values()}
    used = {}
    for reference in sorted(references | copied):
        if reference[0] in records:
            used[".".join(reference)] = _value(records, reference)
    return Partition(records, msgspec.json.encode(used, order="sorted").decode())


def problems(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """What is wrong with the names in an endpoint's templates."""
    yield from _unknown(_names(endpoint.texts), {*templates.BUILT_IN_NAMES, *config.by_variable})
    parents = {name for name, other in config.by_variable.items() if other.name in _reached(config, endpoint)}
    of_records = (templates.BUILT_IN_NAMES - {templates.TOKEN}) | {RECORD} | parents
    yield from _unknown(_names(endpoint.record_texts), of_records)
    referenced = _referenced(config, endpoint)
    if endpoint.name in _reached(config, endpoint):
        yield "its templates make it a parent of itself"
    elif referenced and parent_of(config, endpoint) is None:
        names = ", ".join(f"`{other.name}`" for other in referenced)
        yield f"its templates read {names}, none of which is a child of the others"
    elif endpoint.include_from_parent and not referenced:
        yield "include_from_parent: no template of the endpoint names a parent"


def problems_of_defaults(config: Config) -> Iterator[str]:
    """What is wrong with the names in the templates of the whole API, where no record is at hand."""
    for place, texts, known in (
        ("url_base", [config.url_base], templates.CONFIG_NAMES),
        ("headers", texts_of(config.headers), templates.BUILT_IN_NAMES),
        ("params", texts_of(config.params), templates.BUILT_IN_NAMES),
    ):
        yield from (f"{place}: {problem}" for problem in _unknown(_names(texts), known))


def _unknown(names: set[str], known: AbstractSet[str]) -> Iterator[str]:
    for name in sorted(names - known):
        close = get_close_matches(name, known, n=1)
        hint = f", did you mean `{close[0]}`?" if close else f"; known are {', '.join(sorted(known))}"
        yield f"a template reads the unknown name `{name}`{hint}"


def _names(texts: list[str]) -> set[str]:
    return {name for text in texts for name in templates.names(text)}


def _referenced(config: Config, endpoint: Endpoint) -> list[Endpoint]:
    """The streams that an endpoint's templates name."""
    return [config.by_variable[name] for name in sorted(_names(endpoint.texts)) if name in config.by_variable]


def _reached(config: Config, endpoint: Endpoint) -> set[str]:
    """Names of all parents of an endpoint, over any number of steps; its own is among them if there is a cycle."""
    reached: set[str] = set()
    waiting = _referenced(config, endpoint)
    while waiting:
        current = waiting.pop()
        if current.name not in reached:
            reached.add(current.name)
            waiting.extend(_referenced(config, current))
    return reached


def _value(records: Mapping[str, Any], reference: tuple[str, ...]) -> Any:
    """What a reference leads to.

    Where it is a method's (`repos.name.upper()`, `repos.get('name')`), it is the value whose method it is, so that
    different records never look the same.
    """
    value: Any = records
    for key in reference:
        if isinstance(value, dict):
            if key not in value and hasattr(value, key):
                break
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            break
    return value
