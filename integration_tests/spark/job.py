"""Reads a stream with Spark into a folder, in Spark's environment.

python job.py MASTER CONFIG STREAM FOLDER [STATE [AT_ONCE]]

With `stream` in place of the state, Spark reads batch after batch until there is nothing new for a while.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from source_rest_api.spark_source import RestApi, state_of


def main(master: str, config: str, stream: str, folder: str, state: str = "", at_once: str = "") -> None:
    """Write the rows as JSON, and the merged state to `state.json` beside them."""
    spark = (
        SparkSession.builder.master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )
    spark.dataSource.register(RestApi)
    options = {"config": config, "stream": stream, **({"at_once": at_once} if at_once else {})}
    if state == "stream":
        frame = spark.readStream.format("rest_api").options(**options).load()
        writing = frame.writeStream.format("json").option("checkpointLocation", f"{folder}-checkpoint")
        query = writing.trigger(processingTime="1 second").start(folder)
        while not Path(f"{folder}-stop").exists():
            time.sleep(0.5)
            if error := query.exception():
                raise error
        query.stop()
    else:
        frame = spark.read.format("rest_api").options(**options, state=state).load()
        frame.write.json(folder)
        Path(f"{folder}-state.json").write_text(state_of(spark.read.json(folder)))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
