"""Checks of the names in a config's templates, and of partitions and parents of its streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.auth import credentials
from source_rest_api.config import job, stream_references, sweep_endpoint, validation
from source_rest_api.model import texts_of
from source_rest_api.templates import templates
from source_rest_api.templates.record_templates import RECORD, VALUE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from source_rest_api.auth.credentials import RequestAuthenticator, SessionAuthenticator
    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues

_INTERVALS = frozenset({"stream_interval", "stream_slice"})


def problems(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """Yields the errors in an endpoint's templates, partitions and parents."""
    lists = stream_references.lists_of(config, endpoint)
    answer = _answer(endpoint.authentication or config.authentication)
    of_job = job.NAMES if endpoint.job else ()
    yield from _unknown(endpoint.texts, templates.BUILT_IN_NAMES, answer, config.by_variable, lists, of_job)
    yield from _unknown([endpoint.url_base or ""], templates.CONFIG_NAMES | answer)
    of_records = {RECORD, *templates.BUILT_IN_NAMES, *lists} - {templates.TOKEN}
    family = {other.variable for other in stream_references.family_of(config, endpoint)}
    yield from _unknown(endpoint.record_options.texts, of_records | family)
    yield from _unknown([endpoint.remove_when or ""], {VALUE, "config"})
    texts = [
        *endpoint.texts,
        *endpoint.record_options.texts,
        *(text for of in endpoint.partitions for text in of.texts),
    ]
    yield from _functions(texts, config.by_variable, lists)
    if endpoint in stream_references.reached_from(config, endpoint):
        yield "its templates make it a parent of itself; remove the template that closes the cycle"
        return
    named = stream_references.named_in(config, endpoint.texts)
    if named and stream_references.parent_of(config, endpoint) is None:
        yield (
            f"its templates read {_quoted(named)}, but none of these is a child of the others; to combine each record "
            "of one with each record of another, list the values of one in `partitions`"
        )
        return
    if endpoint.partitions:
        yield from _problems_of_lists(config, endpoint, lists)
    yield from _problems_of_copies(config, endpoint)
    if endpoint.embedded_path is not None:
        if stream_references.parent_of(config, endpoint) is None:
            yield "embedded_path: needs a parent: read another stream in a template, such as `{{ parent.id }}`"
        if endpoint.incremental is not None:
            yield "embedded_path: `incremental` does not filter the list in the parent's record; remove one of them"


def problems_of_defaults(config: Config) -> Iterator[str]:
    """Yields the errors in templates that apply to all endpoints; they cannot read records."""
    answer = _answer(config.authentication)
    for place, texts, known in (
        ("url_base", [config.url_base], templates.CONFIG_NAMES | answer),
        ("headers", texts_of(config.headers), templates.BUILT_IN_NAMES | answer),
        ("params", texts_of(config.params), templates.BUILT_IN_NAMES | answer),
    ):
        yield from (f"{place}: {problem}" for problem in _unknown(texts, known))


def problems_of_deletions(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """Yields the settings that keep an endpoint's sweeps from finding all rows, or from identifying them."""
    deletions = endpoint.deletions
    if deletions is None:
        return
    for needed in ("primary_key", "incremental"):
        if not getattr(endpoint, needed):
            yield f"deletions: needs `{needed}`"
    if getattr(endpoint.pagination or config.pagination, "first_page_only", False):
        yield "deletions: a sweep must read all rows, but `pagination.first_page_only` skips most; remove one of them"
    own = endpoint.model_copy(update={"deletions": None}).texts
    if templates.TOKEN in _names(deletions.texts) - _names(own):
        yield f"deletions: a template reads `{templates.TOKEN}`, but no template of the endpoint itself does; remove it"
    reads = sorted(_names(sweep_endpoint.swept(endpoint, deletions).texts) & _INTERVALS)
    if reads:
        yield (
            f"deletions: a sweep reads all rows, but a template reads `{reads[0]}`; in `deletions.params`, set the "
            "parameter to another value, or to an empty list to remove it"
        )


def _problems_of_lists(config: Config, endpoint: Endpoint, lists: Collection[str]) -> Iterator[str]:
    taken = {RECORD, *templates.BUILT_IN_NAMES, *config.by_variable}
    for member in stream_references.family_of(config, endpoint):
        taken |= {of.name for of in member.partitions}
    known = {"config", *config.by_variable, *lists} - {of.name for of in endpoint.partitions}
    for of in endpoint.partitions:
        found = _problems_of_list(config, endpoint, of, taken, known)
        yield from (f"partitions.{of.name}: {problem}" for problem in found)
        known.add(of.name)


def _problems_of_list(
    config: Config, endpoint: Endpoint, of: PartitionValues, taken: AbstractSet[str], known: AbstractSet[str]
) -> Iterator[str]:
    if of.name in taken or of.name in templates.function_names():
        yield "this name is reserved, or already names a stream or a list of an ancestor stream; choose another"
    copies = stream_references.copies(config, endpoint).values()
    references = [*stream_references.read_by_templates(config, endpoint), *copies]
    if of.name not in {reference[0] for reference in references}:
        yield f"no template reads it; write `{{{{ {of.name} }}}}` where the value belongs"
    yield from _unknown(of.texts, known)
    family = stream_references.family_of(config, endpoint)
    for text in of.texts:
        named = stream_references.sources_named(config, endpoint, text)
        source = stream_references.source_of(config, endpoint, text)
        if named and source is None:
            yield f"a template reads {_quoted(named)}, but none of these is a child of the others; read only one"
        elif source is not None and (shared := [e for e in stream_references.family_of(config, source) if e in family]):
            yield (
                f"`{source.variable}` and the endpoint both descend from {_quoted(shared)}: read "
                f"`{source.variable}` in the endpoint's own templates too"
            )


def _problems_of_copies(config: Config, endpoint: Endpoint) -> Iterator[str]:
    lists = stream_references.lists_of(config, endpoint)
    parent = stream_references.parent_of(config, endpoint)
    for name, reference in stream_references.copies(config, endpoint).items():
        if parent is None and reference[0] not in lists:
            yield (
                f"include_from_parent.{name}: no template of the endpoint reads a parent stream, and no list is named "
                f"`{reference[0]}`; correct the name, or read a parent in `path`"
            )
        elif reference[0] in lists and lists[reference[0]].batch:
            yield (
                f"include_from_parent.{name}: `{reference[0]}` is read in batches, so the value of a single record is "
                "unknown; remove this copy, or `batch`"
            )


def _answer(authenticator: SessionAuthenticator | RequestAuthenticator) -> frozenset[str]:
    """Returns the name of the token response, if the authenticator requests a token."""
    return frozenset({templates.ANSWER} if credentials.has_answer(authenticator) else ())


def _unknown(texts: Iterable[str], *known: Collection[str]) -> Iterator[str]:
    """Yields an error for each name that is in none of the collections. They are joined only for an error."""
    for name in sorted(_names(texts)):
        if not any(name in names for names in known):
            advice = validation.did_you_mean(name, sorted(set().union(*known)))
            yield f"a template reads the unknown name `{name}`{advice}"


def _functions(texts: Iterable[str], *named: Collection[str]) -> Iterator[str]:
    """Yields an error for each function that a template reads as if it were a stream or a list."""
    for name in sorted({name for text in texts for name in templates.functions_as_values(text)}):
        is_named = any(name in names for names in named)
        advice = f"rename what is called `{name}`" if is_named else f"call it: `{name}(…)`"
        yield f"a template reads `{name}`, which is a function of templates; {advice}"


def _names(texts: Iterable[str]) -> set[str]:
    """Returns all names that these templates read."""
    return {name for text in texts for name in templates.names(text)}


def _quoted(endpoints: list[Endpoint]) -> str:
    return ", ".join(f"`{endpoint.name}`" for endpoint in endpoints)
