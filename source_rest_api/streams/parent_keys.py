"""Skips and counts parent records that lack the values for a child stream's requests."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.config import stream_references
from source_rest_api.errors import ConfigError
from source_rest_api.model import texts_of
from source_rest_api.templates import missing_keys, templates
from source_rest_api.templates.scalars import BLANK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.stream_references import Reference
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.streams.parents import Parents

_LOG = logging.getLogger("airbyte.source_rest_api.streams.parent_keys")
_HOLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class Lack(Struct, frozen=True):
    """A value that a template needs and a record does not have."""

    reference: Reference
    is_known: bool
    """True if the name is right: the record has the field, as null, or the template allows for its absence."""
    beside: tuple[str, ...] = ()
    """The keys beside which the field should be."""


class ParentKeys:
    """The values of parent records without which a child cannot be requested.

    These are the values in the path. If the path reads nothing of the parent, at least one value in the parameters, the
    headers or the body must be there.

    Args:
        config: The API.
        endpoint: The endpoint to read.
        raw_config: The config as the user wrote it, for templates.
    """

    def __init__(self, config: Config, endpoint: Endpoint, raw_config: Mapping[str, Any]) -> None:
        self.stream = endpoint.name
        self._shared = config.context(raw_config)
        self._streams = frozenset(config.by_variable)
        known = self._streams | templates.CONFIG_NAMES
        parent = stream_references.parent_of(config, endpoint)
        pieces = [] if "{%" in endpoint.path else _HOLE.findall(endpoint.path)
        self._path = [piece for piece in pieces if templates.names(piece) <= known]
        self._others = []
        if parent is not None and parent.variable not in templates.names(endpoint.path):
            texts = [*texts_of(endpoint.params, endpoint.headers), *(endpoint.body.texts if endpoint.body else ())]
            self._others = [text for text in texts if parent.variable in templates.names(text)]

    def lack(self, records: Mapping[str, Any]) -> Lack | None:
        """Returns what a request lacks in these records; None if it can be made."""
        for text in self._path:
            lack = self.lack_of(text, records)
            if lack is not None:
                return lack
        lacks = [self.lack_of(text, records) for text in self._others]
        return lacks[0] if lacks and None not in lacks else None

    def lack_of(self, text: str, records: Mapping[str, Any]) -> Lack | None:
        """Returns what a template lacks in these records; None if it gives a value without it."""
        reads = sorted(keys for keys in templates.references(text) if keys[0] in self._streams and keys[1:])
        gaps = [gap for keys in reads if (gap := _gap(records, keys)) is not None]
        if not gaps:
            return None
        try:
            value = templates.evaluate(text, {**self._shared, **records})
        except ConfigError:
            return next((gap for gap in gaps if gap.is_known), gaps[0])
        return Lack(gaps[0].reference, is_known=True) if value is None or value is BLANK else None


class KeyCount:
    """Counts the parent records that one read skips.

    Args:
        keys: The values that records must have.
        parents: Remembers which warnings were logged.
        stats: Counts the records for the closing line.
    """

    def __init__(self, keys: ParentKeys, parents: Parents, stats: ReadStats) -> None:
        self._keys = keys
        self._parents = parents
        self._stats = stats
        self._known: set[str] = set()
        self._passed_over: Counter[tuple[str, Reference]] = Counter()
        self._beside: dict[Reference, tuple[str, ...]] = {}

    def allows(self, records: Mapping[str, Any]) -> bool:
        """Note a parent's record, and return True if its children can be requested."""
        return self._noted("", self._keys.lack(records))

    def allows_value(self, text: str, records: Mapping[str, Any]) -> bool:
        """Note a record that supplies the values of a list, and return True if there are any."""
        return self._noted(text, self._keys.lack_of(text, records))

    def _noted(self, text: str, lack: Lack | None) -> bool:
        if lack is None or lack.is_known:
            self._known.add(text)
        if lack is None:
            return True
        self._passed_over[text, lack.reference] += 1
        self._beside[lack.reference] = lack.beside
        self._stats.add(passed_over=1)
        return False

    def close(self, *, whole: bool) -> None:
        """Log which records were skipped, once per command.

        Args:
            whole: True if all records of the parents were read, not only changed ones.

        Raises:
            ConfigError: No record at all has a field, so its name is probably wrong.
        """
        for (text, reference), count in sorted(self._passed_over.items()):
            stream, *keys = reference
            field = ".".join(keys)
            if whole and text not in self._known:
                close = missing_keys.hint(keys[-1], self._beside[reference]) or "."
                raise ConfigError(
                    f"No record of `{stream}` has the field `{field}`, which a template reads{close} Correct the name; "
                    f"if the API may leave the field out of all records, write `{{{{ {stream}.{field} or none }}}}`."
                ).at(f"Stream {self._keys.stream}")
            if self._parents.is_new_warning(self._keys.stream, f"{stream}.{field}"):
                _LOG.warning(
                    "Stream %s: skipped %d records of `%s`, because their `%s` is null or absent.",
                    self._keys.stream,
                    count,
                    stream,
                    field,
                )


def _gap(records: Mapping[str, Any], reference: Reference) -> Lack | None:
    """Returns the part of a reference that is null or absent. A method (`repos.name.upper()`) is no part of it."""
    value: Any = records
    for number, key in enumerate(reference):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, dict) and not hasattr(value, key):
            return Lack(reference[: number + 1], is_known=False, beside=tuple(value))
        else:
            return Lack(reference[:number], is_known=True) if value is None else None
    return Lack(reference, is_known=True) if value is None else None
