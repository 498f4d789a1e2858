"""Checks streams with `only_changed_parents`, and computes the digest of the settings that they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.config import stream_references
from source_rest_api.formats import digests
from source_rest_api.model import texts_of
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint


def problems(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """Yields why an endpoint cannot be read for changed parents only."""
    if not endpoint.only_changed_parents:
        return
    suppliers = stream_references.suppliers(config, endpoint)
    if not suppliers:
        yield "only_changed_parents: needs a parent: read another stream in a template, such as `{{ parent.id }}`"
    for supplier in suppliers:
        if not supplier.is_incremental:
            yield (
                f"only_changed_parents: set `incremental` in the endpoint `{supplier.name}`; without it, the connector "
                "does not know which of its records changed"
            )
    if _combines(config, endpoint):
        yield (
            "only_changed_parents: the partitions are combinations of several streams, or a stream supplies them only "
            "if the config does not; let one stream supply them, or remove `only_changed_parents`"
        )


def _combines(config: Config, endpoint: Endpoint) -> bool:
    """True if a combination may appear or disappear although one of its parents has not changed."""
    sources = stream_references.sources(config, endpoint)
    sourced = [of for of in endpoint.partitions if any(sources[text] is not None for text in of.texts)]
    parents = len(sourced) + (stream_references.parent_of(config, endpoint) is not None)
    return parents > 1 or any(of.otherwise for of in sourced)


def fingerprint(config: Config, endpoint: Endpoint, raw_config: Mapping[str, Any]) -> str:
    """Returns a digest of the settings that determine which parents exist, and what a stream reads for each.

    If it differs from the saved digest, the children of all parents are read again.

    Args:
        config: The API.
        endpoint: The stream.
        raw_config: The config as the user wrote it, for templates.

    Raises:
        ConfigError: A template cannot be filled.
    """
    above = stream_references.reached_from(config, endpoint)
    asked = [(each.name, each.decisive, each.incremental) for each in sorted(above, key=lambda each: each.name)]
    shared = (config.url_base, config.params, config.start_date, endpoint.incremental)
    values = [
        templates.evaluate(text, config.context(raw_config))
        for of in endpoint.partitions
        for text in of.texts
        if templates.names(text) <= templates.CONFIG_NAMES
    ]
    texts = [config.url_base, *texts_of(config.params), *(text for each in above for text in each.texts)]
    read = sorted({keys[1] for keys in stream_references.references(texts) if keys[0] == "config" and keys[1:]})
    used = [(name, raw_config.get(name)) for name in read]
    return digests.digest(repr((shared, asked, endpoint.partitions, values, used)))
