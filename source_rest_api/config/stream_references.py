"""Finds the streams and lists that an endpoint's templates name, and so the streams to read before it.

The name of a stream in a template makes it the parent: `path: repos/{{ repos.name }}/issues` makes `repos` the parent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from source_rest_api.formats import raw_json
from source_rest_api.model import texts_of
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues

Reference: TypeAlias = tuple[str, ...]
"""A name in templates, and the keys below it: `(repos, owner, login)`."""

_CREDENTIALS = re.compile(
    r"(?i)authorization|.*(access|auth|api|session)[_-]?(token|key)|token|key|sig(nature)?|secret"
)
"""Matches the names of parameters and headers that grant access."""
_WHOLE = frozenset({("stream_partition",), ("stream_slice",)})
"""Names for the whole partition: `stream_partition.repo` is the same as `repo`."""


def parent_of(config: Config, endpoint: Endpoint) -> Endpoint | None:
    """Returns the stream whose records, with those of its own parents, the endpoint's templates read."""
    return _lowest(config, named_in(config, endpoint.texts))


def family_of(config: Config, endpoint: Endpoint) -> list[Endpoint]:
    """Returns the parent and all its ancestors: the streams whose records are in the endpoint's partitions."""
    return _closure(config, endpoint, lists=False)


def reached_from(config: Config, endpoint: Endpoint) -> list[Endpoint]:
    """Returns all streams that an endpoint needs, directly or indirectly; includes the endpoint if there is a cycle."""
    return _closure(config, endpoint, lists=True)


def source_of(config: Config, endpoint: Endpoint, text: str) -> Endpoint | None:
    """Returns the stream, outside the endpoint's family, whose records supply values for a text of `partitions`."""
    return _lowest(config, sources_named(config, endpoint, text))


def sources(config: Config, endpoint: Endpoint) -> dict[str, Endpoint | None]:
    """Returns for each text of an endpoint's `partitions` the stream that supplies its values, if one does."""
    return {text: source_of(config, endpoint, text) for of in endpoint.partitions for text in of.texts}


def sources_named(config: Config, endpoint: Endpoint, text: str) -> list[Endpoint]:
    """Returns the streams, outside the endpoint's family, that a text of its `partitions` names."""
    family = family_of(config, endpoint)
    return [other for other in named_in(config, [text]) if other not in family]


def suppliers(config: Config, endpoint: Endpoint) -> list[Endpoint]:
    """Returns the streams that supply the partitions of an endpoint: its parent, and the streams of its lists."""
    found = [parent_of(config, endpoint), *sources(config, endpoint).values()]
    return list({supplier.name: supplier for supplier in found if supplier is not None}.values())


def lists_of(config: Config, endpoint: Endpoint) -> dict[str, PartitionValues]:
    """Returns the lists whose values are in the endpoint's partitions: its own, and those of its ancestors."""
    return {of.name: of for member in (*family_of(config, endpoint), endpoint) for of in member.partitions}


def copies(config: Config, endpoint: Endpoint) -> dict[str, Reference]:
    """Returns the fields that `include_from_parent` copies into records, by the names of the copies."""
    if not endpoint.include_from_parent:
        return {}
    parent = parent_of(config, endpoint)
    known = {*lists_of(config, endpoint), *(other.variable for other in family_of(config, endpoint))}
    found = {}
    for name, path in endpoint.include_from_parent.items():
        keys = tuple(path.split("."))
        found[name] = keys if keys[0] in known or parent is None else (parent.variable, *keys)
    return found


def read_by_templates(config: Config, endpoint: Endpoint) -> frozenset[Reference]:
    """Returns the parts of a partition that an endpoint's templates read. A name alone means all below it."""
    found = references([*endpoint.texts, *endpoint.record_options.texts, *texts_of(config.params, config.headers)])
    if any(reference in _WHOLE for reference in found):
        found |= {(other.variable,) for other in family_of(config, endpoint)}
        found |= {(name,) for name in lists_of(config, endpoint)}
    return found


def credentials_read(config: Config, endpoint: Endpoint) -> frozenset[Reference]:
    """Returns the parts of parents' records that only grant access, such as an access token for each account.

    They are read by credentials in parameters and headers alone, and the primary key of their parent is read elsewhere.
    So they do not tell partitions apart, and they may change from sync to sync.
    """
    named = [*endpoint.params.items(), *endpoint.headers.items(), *config.params.items(), *config.headers.items()]
    granting = texts_of(*({name: text} for name, text in named if _CREDENTIALS.fullmatch(name)))
    found = references(granting)
    if not found:
        return found
    others = [*endpoint.texts, *endpoint.record_options.texts, *texts_of(config.params, config.headers)]
    for text in granting:
        others.remove(text)
    elsewhere = references(others)
    known = {
        other.variable
        for other in family_of(config, endpoint)
        if other.primary_key and elsewhere.issuperset((other.variable, *path) for path in other.primary_key)
    }
    return frozenset(reference for reference in found - elsewhere if reference[0] in known)


def fields_for_children(config: Config, endpoint: Endpoint) -> frozenset[str] | None:
    """Returns the top-level fields of an endpoint's records that its child streams use; None if it may be any."""
    fields = set()
    for child in config.streams:
        if endpoint not in reached_from(config, child):
            continue
        copied = {(path[0], *keys) for path in copies(config, child).values() for keys in raw_json.cuts(path[1:])}
        if child.embedded_path is not None and parent_of(config, child) is endpoint:
            return None  # signs that the list goes on may be anywhere beside it
        listed = references([text for of in child.partitions for text in of.texts])
        for reference in read_by_templates(config, child) | listed | copied:
            if reference[0] != endpoint.variable:
                continue
            if len(reference) == 1 or hasattr(dict, reference[1]):
                return None
            fields.add(reference[1])
    return frozenset(fields)


def named_in(config: Config, texts: Iterable[str]) -> list[Endpoint]:
    """Returns the streams that texts name."""
    found = references(texts)
    if not found:
        return []
    names = {reference[0] for reference in found}
    return [config.by_variable[name] for name in sorted(names & config.by_variable.keys())]


def references(texts: Iterable[str]) -> frozenset[Reference]:
    """Returns the names that texts read, by themselves or as a part of `stream_partition`."""
    found: frozenset[Reference] = frozenset().union(*map(templates.references, texts))
    if not found:
        return found
    whole = {reference for reference in found if reference[:1] in _WHOLE and len(reference) > 1}
    return found - whole | {reference[1:] for reference in whole}


def _lowest(config: Config, named: list[Endpoint]) -> Endpoint | None:
    """Returns the stream whose family includes all the others, or None."""
    for candidate in named:
        family = [candidate, *family_of(config, candidate)]
        if all(other in family for other in named):
            return candidate
    return None


def _closure(config: Config, endpoint: Endpoint, *, lists: bool) -> list[Endpoint]:
    reached: dict[str, Endpoint] = {}
    waiting = [endpoint]
    while waiting:
        current = waiting.pop()
        values = [text for of in current.partitions for text in of.texts] if lists else []
        for other in named_in(config, [*current.texts, *values]):
            if other.name not in reached:
                reached[other.name] = other
                waiting.append(other)
    return list(reached.values())
