"""One stream divided into parts that several processes read: slices of time or of numbers, or values of a list.

Each part is a config of its own: the same API, a smaller interval or list, and a share of the limits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from source_rest_api.connector import Connector
from source_rest_api.cursors.field_cursor import FieldCursor
from source_rest_api.formats import setting_text
from source_rest_api.protocol import catalog
from source_rest_api.stream_pages import StreamPages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues

_MISSING = "missing"
"""Key in a state: the partitions that a read did not meet. A part meets only its own."""
_OF_FIRST = {_MISSING, "start"}
"""Keys in a state that only the first part supplies."""


@dataclass(frozen=True)
class Part:
    """One slice, some values of a list, or the whole stream.

    Args:
        number: Its place; slices rise in time.
        start: The start of the slice; None for that of the state or of the config.
        end: The end of the slice; None for that of the config. Records at the end belong to the next slice.
        values: Values of the stream's first list in `partitions`; empty for all.
    """

    number: int = 0
    start: str | None = None
    end: str | None = None
    values: tuple[Any, ...] = ()


class StreamParts:
    """One stream of a config, and its parts.

    Args:
        config: The config, with its environment variables filled in.
        secrets: Texts to mask in messages, besides the secrets of the config.
        name: Name of the stream.
        state: The state to continue from; empty for none.
        now: The current time, up to which slices are planned. The last one is read up to the time of its read.
        at_once: How many parts are read at the same time, and share the limits; by default all.

    Raises:
        ConfigError: The config is not valid, or there is no such stream.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        secrets: Collection[str],
        name: str,
        state: Mapping[str, Any],
        now: datetime,
        at_once: int | None = None,
    ) -> None:
        self._config, self._secrets, self._name, self._state = _listed(config), secrets, name, state
        self._endpoint = chosen(self._config, name)
        self.parts = self._planned(now)
        """The parts, at least one. Together they are the stream."""
        self._limits = _shared(Connector().session(config).config, min(at_once or len(self.parts), len(self.parts)))

    def read(self, part: Part) -> Iterator[list[Raw] | dict[str, Any]]:
        """Yields the pages of a part, and last what it adds to the state.

        Raises:
            ConfigError: The part could not be read to its end.
        """
        config = self.restricted(part)
        endpoint = chosen(config, self._name)
        saved = self._state if part.number == 0 or part.values else {}
        pages = StreamPages(endpoint, config, self._secrets, saved)
        for page in pages:
            yield [*_before(page, endpoint, part.end)]
        yield pages.state if part.number == 0 else self._added(pages.state, endpoint)

    def restricted(self, part: Part) -> dict[str, Any]:
        """Returns the config of a part, with its share of the limits."""
        endpoints = [
            self._of_part(each, part) if each["name"] == self._name else each for each in self._config["endpoints"]
        ]
        return {**self._config, **self._limits, "endpoints": endpoints}

    def _of_part(self, raw: Mapping[str, Any], part: Part) -> dict[str, Any]:
        endpoint, own = self._endpoint, dict(raw)
        if isinstance(endpoint.incremental, FieldCursor):
            ends = {endpoint.incremental.start_name: part.start, endpoint.incremental.end_name: part.end}
            given = {name: text for name, text in ends.items() if text is not None}
            own["incremental"] = {**raw["incremental"], **given}
        if part.values:
            first, *others = [each.model_dump(exclude_unset=True) for each in endpoint.partitions]
            own["partitions"] = [{**first, "values": part.values}, *others]
        return own

    def _planned(self, now: datetime) -> list[Part]:
        endpoint, cursor = self._endpoint, self._endpoint.incremental
        if endpoint.deletions or endpoint.only_changed_parents:
            return [Part()]  # they compare the whole stream with what the last read had of it
        if endpoint.partitions:
            return [Part(number, values=values) for number, values in enumerate(_batches(endpoint.partitions[0]))]
        if not isinstance(cursor, FieldCursor):
            return [Part()]
        saved = cursor.mark(self._state["cursor"]) if self._state.get("cursor") else None
        whole = cursor.bounds(saved, self._config.get("start_date"), now, {"config": self._config})
        *inner, _ = [*cursor.windows(whole)] or [whole]
        borders = [each.end.text for each in inner if each.end is not None]
        # The first part begins, and the last one ends, as the stream does that is not divided.
        return [Part(number, *ends) for number, ends in enumerate(zip_longest([None, *borders], borders))]

    def _added(self, state: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
        """Returns what a part after the first adds to the state: not what all parts began with."""
        cursor, added = endpoint.incremental, {name: value for name, value in state.items() if name not in _OF_FIRST}
        known = self._state.get("cursor")
        if cursor and known and "cursor" in added and cursor.mark(added["cursor"]).value <= cursor.mark(known).value:
            del added["cursor"]  # a part of the time before the state, which `lookback` reads again
            added.pop("boundary", None)
        for name, value in added.items():
            if isinstance(value, dict):
                old = self._state.get(name, {})
                added[name] = {key: each for key, each in value.items() if old.get(key) != each}
        return added


def merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merges what the parts of one stream add to its state, in the order of their numbers."""
    whole: dict[str, Any] = {}
    for state in states:
        if "cursor" in state:
            whole.pop("boundary", None)  # it is of an earlier cursor
        for name, value in state.items():
            whole[name] = {**whole.get(name, {}), **value} if isinstance(value, dict) else value
    whole.pop(_MISSING, None)
    return whole


def chosen(config: Mapping[str, Any], name: str) -> Endpoint:
    """Returns the endpoint of a stream, with its templates filled.

    Raises:
        ConfigError: The config is not valid, or there is no such stream.
    """
    return catalog.chosen(Connector().session(config).offered, [name])[name].filled(config)


def _listed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config with the endpoints of `endpoints_yaml` among the others."""
    listed = dict(config)
    more: Any = setting_text.from_yaml(listed.pop("endpoints_yaml", []), empty=[])
    return {**listed, "endpoints": [*listed.get("endpoints", []), *more]}


def _shared(config: Config, at_once: int) -> dict[str, Any]:
    """Returns each limit of the config, divided by the number of parts that are read at the same time."""
    names = ("max_concurrency", "max_concurrent_jobs")
    limits: dict[str, Any] = {name: max(1, getattr(config, name) // at_once) for name in names}
    limits["request_rates"] = [
        {"endpoints": rate.endpoints, "max_requests_per_second": rate.max_requests_per_second / at_once}
        for rate in config.request_rates
    ]
    if config.max_requests_per_second is not None:
        limits["max_requests_per_second"] = config.max_requests_per_second / at_once
    return limits


def _batches(values: PartitionValues) -> list[tuple[Any, ...]]:
    """Divides a list into what one part reads; one part reads all if a template supplies the values."""
    if any("{{" in text for text in values.texts):
        return [()]
    distinct = list({json.dumps(value): value for value in values.values}.values())
    size = values.batch or 1
    return [tuple(distinct[start : start + size]) for start in range(0, len(distinct), size)]


def _before(page: list[Raw], endpoint: Endpoint, end: str | None) -> Iterator[Raw]:
    """Yields the records before the end of a slice. Those at the end belong to the next slice, which reads them too."""
    cursor, place = endpoint.incremental, endpoint.cursor_place
    if end is None or place is None or not isinstance(cursor, FieldCursor):
        yield from page
        return
    border = cursor.mark(end).value
    values = cursor.model_copy(update={"cursor_field": place}).values(page)
    yield from (record for record, value in zip(page, values, strict=True) if value is None or value < border)
