"""A Spark data source: executors read the slices and partitions of a stream, each by this connector.

    spark.dataSource.register(RestApi)
    frame = spark.read.format("rest_api").option("config", "config.yaml").option("stream", "orders").load()

Each row is a record as JSON, in the column `record`. Needs `pip install "pyspark>=4.1" pyarrow`.
"""

from __future__ import annotations

import json
import os
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
from source_rest_api.protocol import state_file
from source_rest_api.stream_pages import StreamPages
from source_rest_api.stream_parts import StreamParts, chosen, merged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pyspark.sql import DataFrame

Row = tuple[str | None, str | None]
_SCHEMA = "record string, state string"


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
        self._name = options["stream"]
        state = state_file.load(json.loads(options["state"])).get(self._name, {}) if options.get("state") else {}
        at_once = int(options["at_once"]) if "at_once" in options else None
        self._stream = StreamParts(config, secrets, self._name, state, datetime.now(timezone.utc), at_once)

    def partitions(self) -> list[InputPartition]:
        """Returns the parts, for one task each."""
        return [InputPartition(part) for part in self._stream.parts]

    def read(self, partition: InputPartition) -> Iterator[Row]:
        """Yields the records of a part, then its state.

        Raises:
            ConfigError: The part could not be read to its end. Spark tries the task again, and drops its rows.
        """
        part = partition.value
        for page in self._stream.read(part):
            if isinstance(page, list):
                yield from ((bytes(record).decode(), None) for record in page)
            else:
                yield None, json.dumps({"number": part.number, "stream": self._name, "state": page})


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
        pages = StreamPages(chosen(self._config, self._name), self._config, self._secrets, start)
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
