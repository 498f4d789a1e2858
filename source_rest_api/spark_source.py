"""A Spark data source: executors read the slices and partitions of a stream, each by this connector.

    spark.dataSource.register(RestApi)
    frame = spark.read.format("rest_api").option("config", "config.yaml").option("stream", "orders").load()

Each row is a record as JSON, in the column `record`. Needs `pip install "pyspark>=4.1" pyarrow`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import (  # each imports only what Spark's own workers have
    DataSource,
    DataSourceReader,
    InputPartition,
    SimpleDataSourceStreamReader,
)

from source_rest_api.cli import input_file
from source_rest_api.config import environment
from source_rest_api.connector import Connector
from source_rest_api.cursors.field_cursor import FieldCursor
from source_rest_api.protocol import catalog, state_file
from source_rest_api.stream_pages import StreamPages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from msgspec import Raw
    from pyspark.sql import DataFrame

    from source_rest_api.config.endpoint import Endpoint

Row = tuple[str | None, str | None]
_SCHEMA = "record string, state string"


@dataclass
class Part(InputPartition):  # type: ignore[misc]
    """What one Spark task reads: one slice, one value of a list, or the whole stream.

    Args:
        number: Its place; slices rise in time.
        start: The start of the slice; None for that of the config.
        end: The end of the slice; None for now or that of the config. Records at the end belong to the next slice.
        value: The value of the stream's first list in `partitions`.
    """

    number: int = 0
    start: str | None = None
    end: str | None = None
    value: Any = None


class RestApi(DataSource):  # type: ignore[misc]
    """The data source `rest_api`.

    Its options:

    - `config`: path of the config file, readable by the driver.
    - `stream`: name of the stream.
    - `state`: the state to continue from, as JSON; see `state_of`.
    - `at_once`: how many tasks run at the same time. The limits of the config are divided by it. Default: all tasks.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        # Read here, because executors have neither the file nor the environment of the driver.
        self._config, secrets = environment.filled(input_file.load(options["config"], "config"), os.environ)
        self._secrets = list(secrets)

    @classmethod
    def name(cls) -> str:
        """Returns the name for `format`."""
        return "rest_api"

    def schema(self) -> str:
        """Returns the columns: a record as JSON, or the state of a part in its last row."""
        return _SCHEMA

    def reader(self, schema: Any) -> DataSourceReader:  # noqa: ARG002 -- Spark's signature
        """Returns the reader of a batch."""
        return PartsReader(self._config, self._secrets, self.options)

    def simpleStreamReader(self, schema: Any) -> SimpleDataSourceStreamReader:  # noqa: ARG002, N802 -- Spark's signature
        """Returns the reader of a stream of batches, which Spark runs on the driver."""
        return StateReader(self._config, self._secrets, self.options["stream"])


class PartsReader(DataSourceReader):  # type: ignore[misc]
    """Divides a stream into parts, and reads one of them in each task.

    Args:
        config: The config, with its environment variables filled in.
        secrets: Texts to mask in messages.
        options: The options of the data source.
    """

    def __init__(self, config: Mapping[str, Any], secrets: Collection[str], options: Mapping[str, str]) -> None:
        self._config, self._secrets, self._name = config, secrets, options["stream"]
        self._state = _one_state(options.get("state", ""), self._name)
        self._parts = self._planned(datetime.now(timezone.utc))
        self._at_once = min(int(options.get("at_once", len(self._parts))), len(self._parts))

    def partitions(self) -> list[Part]:
        """Returns the parts, for one task each."""
        return self._parts

    def read(self, partition: Part) -> Iterator[Row]:
        """Yields the records of a part, then its state.

        Raises:
            ConfigError: The part could not be read to its end. Spark tries the task again, and drops its rows.
        """
        raw = self._restricted(partition)
        endpoint = _endpoint(raw, self._name)
        pages = StreamPages(
            endpoint, raw, self._secrets, self._state if partition.number == 0 or partition.value is not None else {}
        )
        cursor = endpoint.incremental
        border = cursor.mark(partition.end).value if isinstance(cursor, FieldCursor) and partition.end else None
        for page in pages:
            values = (
                cursor.values(page) if border is not None and isinstance(cursor, FieldCursor) else [None] * len(page)
            )
            for record, value in zip(page, values, strict=True):
                if value is None or border is None or value < border:
                    yield bytes(record).decode(), None
        yield None, json.dumps({"number": partition.number, "stream": self._name, "state": pages.state})

    def _planned(self, now: datetime) -> list[Part]:
        endpoint = _endpoint(self._config, self._name)
        if self._name not in [each["name"] for each in self._config.get("endpoints", [])]:
            return [Part()]  # it is in `endpoints_yaml`
        if endpoint.partitions:
            values = endpoint.partitions[0].values
            is_known = not any("{{" in text for text in endpoint.partitions[0].texts)
            return [Part(number, value=value) for number, value in enumerate(values)] if is_known else [Part()]
        cursor = endpoint.incremental
        if not isinstance(cursor, FieldCursor):
            return [Part()]
        saved = cursor.mark(self._state["cursor"]) if self._state.get("cursor") else None
        whole = cursor.bounds(saved, self._config.get("start_date"), now, {"config": self._config})
        borders = [(each.start, each.end) for each in [*cursor.windows(whole)] or [whole]]
        parts = [Part(n, start and start.text, end and end.text) for n, (start, end) in enumerate(borders)]
        parts[-1].end = None  # the last slice ends as it does without Spark
        if saved is not None:
            parts[0].start = None  # the first continues from the state
        return parts

    def _restricted(self, part: Part) -> dict[str, Any]:
        """Returns the config for one part, with its share of the limits."""
        raw = {**self._config, "max_concurrency": max(1, self._config.get("max_concurrency", 8) // self._at_once)}
        if "max_requests_per_second" in raw:
            raw["max_requests_per_second"] = raw["max_requests_per_second"] / self._at_once
        raw["request_rates"] = [
            {**rate, "max_requests_per_second": rate["max_requests_per_second"] / self._at_once}
            for rate in raw.get("request_rates", [])
        ]
        raw["endpoints"] = [
            self._of_part(each, part) if each["name"] == self._name else each for each in raw.get("endpoints", [])
        ]
        return raw

    def _of_part(self, raw: Mapping[str, Any], part: Part) -> dict[str, Any]:
        dates = {"start_date": part.start, "end_date": part.end}
        given = {name: date for name, date in dates.items() if date is not None}
        own = {**raw, "incremental": {**raw["incremental"], **given}} if given else {**raw}
        if part.value is not None:
            first, *others = _lists(raw["partitions"])
            own["partitions"] = [{**first, "values": [part.value]}, *others]
        return own


class StateReader(SimpleDataSourceStreamReader):  # type: ignore[misc]
    """Reads what is new since the last batch. Offsets are states of the connector.

    Args:
        config: The config, with its environment variables filled in.
        secrets: Texts to mask in messages.
        name: Name of the stream.
    """

    def __init__(self, config: Mapping[str, Any], secrets: Collection[str], name: str) -> None:
        self._config, self._secrets, self._name = config, secrets, name

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802 -- Spark's name
        """Returns the empty state."""
        return {}

    def read(self, start: dict[str, Any]) -> tuple[Iterator[Row], dict[str, Any]]:
        """Returns the records since a state, and the state after them."""
        pages = StreamPages(_endpoint(self._config, self._name), self._config, self._secrets, start)
        rows: list[Row] = [(bytes(record).decode(), None) for page in pages for record in page]
        return iter(rows), pages.state

    def readBetweenOffsets(self, start: dict[str, Any], end: dict[str, Any]) -> Iterator[Row]:  # noqa: ARG002, N802
        """Reads a batch again after a failure. It may have records that are newer than the batch had."""
        return self.read(start)[0]


def state_of(frame: DataFrame) -> str:
    """Merges the states of all parts in a frame, or in the table that it was written to.

    Take it from what was stored, so that the state is saved with its records.

    Returns:
        JSON for the option `state`, and for `--state` of the command line.
    """
    rows = frame.where("state is not null").select("state").collect()
    parts = sorted((json.loads(row["state"]) for row in rows), key=lambda part: int(part["number"]))
    return json.dumps(state_file.dump({parts[0]["stream"]: merged([part["state"] for part in parts])} if parts else {}))


def merged(states: list[dict[str, Any]]) -> dict[str, Any]:
    """Merges the states of the parts of one stream, which rise in time or are of different partitions."""
    whole: dict[str, Any] = {}
    for state in states:
        for name, value in state.items():
            if isinstance(value, dict):
                whole[name] = {**whole.get(name, {}), **value}
            elif name != "start":
                whole[name] = value
            else:
                whole.setdefault(name, value)
    return whole


def _before(page: list[Raw], endpoint: Endpoint, end: str | None) -> Iterator[Raw]:
    """Yields the records before the end of a slice. Those at the end belong to the next slice, which reads them too."""
    cursor, place = endpoint.incremental, endpoint.cursor_place
    if end is None or place is None or not isinstance(cursor, FieldCursor):
        yield from page
        return
    border = cursor.mark(end).value
    values = cursor.model_copy(update={"cursor_field": place}).values(page)
    yield from (record for record, value in zip(page, values, strict=True) if value is None or value < border)


def _one_state(text: str, name: str) -> dict[str, Any]:
    return state_file.load(json.loads(text)).get(name, {}) if text else {}


def _endpoint(raw: Mapping[str, Any], name: str) -> Endpoint:
    """Returns the endpoint of a stream.

    Raises:
        ConfigError: The config is not valid, or there is no such stream.
    """
    return catalog.chosen(Connector().session(raw).offered, [name])[name].filled(raw)


def _lists(partitions: Any) -> list[dict[str, Any]]:
    """Returns the lists of `partitions` in the spelling of the form."""
    if not isinstance(partitions, dict):
        return [dict(each) for each in partitions]
    return [{"name": name, **(of if isinstance(of, dict) else {"values": of})} for name, of in partitions.items()]
