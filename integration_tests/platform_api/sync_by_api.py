"""Registers the image in a self-managed Airbyte, creates source and connection, and runs a sync.

It uses Airbyte's own client:

    pip install airbyte-api==1.0.1 pyyaml
    AIRBYTE_CLIENT_ID=… AIRBYTE_CLIENT_SECRET=… python sync_by_api.py connection.yaml

`connection.yaml`:

    url: http://localhost:8000/api/public/v1
    workspace_id: 7d8f…
    destination_id: 3b5a…                   # a destination that exists
    name: Shop
    image: registry.example.com/airbyte/source-rest-api:0.1.0
    config: config.json                     # in the spelling of the form; see docs/airbyte.md
    namespace: production_${SOURCE_NAMESPACE}
    schedule: 0 2 * * 1-5                   # as in a crontab; without it, syncs are started by hand
    streams:
      - {name: customers, mode: full_refresh_overwrite, primary_key: [id]}
      - {name: orders, mode: incremental_append, cursor_field: updated_at, primary_key: [id]}

Run it again after a change: it updates what has the same name.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from airbyte_api import AirbyteAPI, api, models

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ENDED = {models.JobStatusEnum.SUCCEEDED, models.JobStatusEnum.FAILED, models.JobStatusEnum.CANCELLED}


def quartz(cron: str) -> str:
    """Returns the Quartz form of a crontab expression, which Airbyte wants: `0 2 * * 1-5` is `0 0 2 ? * MON-FRI`.

    Raises:
        ValueError: There are not five fields, or both the day of the month and the day of the week are restricted.
    """
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"`{cron}` has {len(fields)} fields, not five: minute, hour, day, month, day of the week")
    minute, hour, day, month, weekday = fields
    if weekday == "*":
        return f"0 {minute} {hour} {day} {month} ?"
    if day != "*":
        raise ValueError(f"`{cron}` restricts both kinds of days; Quartz allows one of them: make two connections")
    base, slash, step = weekday.partition("/")
    named = "".join(_DAYS[int(each) % 7] if each.isdigit() else each for each in base)
    return f"0 {minute} {hour} ? {month} {named}{slash}{step}"


def register(airbyte: AirbyteAPI, workspace: str, name: str, image: str) -> str:
    """The id of the connector's definition; if its repository is known, its tag is updated."""
    repository, _, tag = image.rpartition(":")
    request = api.ListSourceDefinitionsRequest(workspace_id=workspace)
    known = airbyte.source_definitions.list_source_definitions(request=request).definitions_response
    for each in known.data if known else []:
        if each.docker_repository == repository:
            update = models.UpdateDefinitionRequest(name=each.name, docker_image_tag=tag)
            airbyte.source_definitions.update_source_definition(
                request=api.UpdateSourceDefinitionRequest(
                    workspace_id=workspace, definition_id=each.id, update_definition_request=update
                )
            )
            return each.id
    definition = models.CreateDefinitionRequest(name=name, docker_repository=repository, docker_image_tag=tag)
    made = airbyte.source_definitions.create_source_definition(
        request=api.CreateSourceDefinitionRequest(workspace_id=workspace, create_definition_request=definition)
    ).definition_response
    return made.id


def source(airbyte: AirbyteAPI, workspace: str, name: str, definition: str, config: Any) -> str:
    """The id of the source of this name, with this config."""
    request = api.ListSourcesRequest(workspace_ids=[workspace])
    known = airbyte.sources.list_sources(request=request).sources_response
    for each in known.data if known else []:
        if each.name == name:
            put = models.SourcePutRequest.model_construct(name=name, configuration=config)
            with _as_it_is():
                airbyte.sources.put_source(
                    request=api.PutSourceRequest(source_id=each.source_id, source_put_request=put)
                )
            return each.source_id
    create = models.SourceCreateRequest.model_construct(
        name=name, workspace_id=workspace, definition_id=definition, configuration=config
    )
    with _as_it_is():
        return airbyte.sources.create_source(request=create).source_response.source_id


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Send a config as it is.

    The client knows the configs of Airbyte's own connectors only. It turns any other into the one that it takes it for,
    without most of its fields, unless the request is made by `model_construct`. Then it warns, and the warning shows
    the config with its secrets.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def connection(airbyte: AirbyteAPI, source_id: str, settings: Any) -> str:
    """The id of the connection of this name, with these streams and this schedule."""
    changeable = {
        "name": settings["name"],
        "configurations": models.StreamConfigurations(
            streams=[
                models.StreamConfiguration(
                    name=stream["name"],
                    sync_mode=stream["mode"],
                    cursor_field=[stream["cursor_field"]] if "cursor_field" in stream else None,
                    primary_key=[[field] for field in stream.get("primary_key", [])] or None,
                )
                for stream in settings["streams"]
            ]
        ),
        "schedule": models.AirbyteAPIConnectionSchedule(
            schedule_type="cron", cron_expression=quartz(settings["schedule"])
        )
        if settings.get("schedule")
        else models.AirbyteAPIConnectionSchedule(schedule_type="manual"),
        "namespace_definition": "custom_format" if settings.get("namespace") else "destination",
        "namespace_format": settings.get("namespace"),
        "status": "active",
    }
    request = api.ListConnectionsRequest(workspace_ids=[settings["workspace_id"]])
    known = airbyte.connections.list_connections(request=request).connections_response
    for each in known.data if known else []:
        if each.name == settings["name"]:
            patch = models.ConnectionPatchRequest(**changeable)
            airbyte.connections.patch_connection(
                request=api.PatchConnectionRequest(connection_id=each.connection_id, connection_patch_request=patch)
            )
            return each.connection_id
    made = airbyte.connections.create_connection(
        request=models.ConnectionCreateRequest(
            source_id=source_id, destination_id=settings["destination_id"], **changeable
        )
    ).connection_response
    return made.connection_id


def sync(airbyte: AirbyteAPI, connection_id: str, seconds: float = 10) -> models.JobResponse:
    """Start a sync, and ask for its status until it has ended.

    Args:
        airbyte: The client.
        connection_id: The connection.
        seconds: How long to wait before asking again.
    """
    request = models.JobCreateRequest(connection_id=connection_id, job_type=models.JobTypeEnum.SYNC)
    job = airbyte.jobs.create_job(request=request).job_response
    while job.status not in _ENDED:
        time.sleep(seconds)
        job = airbyte.jobs.get_job(request=api.GetJobRequest(job_id=job.job_id)).job_response
    return job


def main(path: str) -> int:
    """Do all of it; 0 if the sync has succeeded."""
    settings = yaml.safe_load(Path(path).read_text())
    client = models.SchemeClientCredentials(
        client_id=os.environ["AIRBYTE_CLIENT_ID"],
        client_secret=os.environ["AIRBYTE_CLIENT_SECRET"],
        token_url=f"{settings['url']}/applications/token",
    )
    airbyte = AirbyteAPI(server_url=settings["url"], security=models.Security(client_credentials=client))
    workspace, name = settings["workspace_id"], settings["name"]
    config = json.loads((Path(path).parent / settings["config"]).read_text())
    definition = register(airbyte, workspace, "REST API", settings["image"])
    print(f"connector {definition}", file=sys.stderr)
    source_id = source(airbyte, workspace, name, definition, config)
    print(f"source {source_id}", file=sys.stderr)
    connection_id = connection(airbyte, source_id, settings)
    print(f"connection {connection_id}", file=sys.stderr)
    job = sync(airbyte, connection_id, settings.get("poll_seconds", 10))
    print(f"job {job.job_id}: {job.status.value}, {job.rows_synced} rows, {job.bytes_synced} bytes", file=sys.stderr)
    return 0 if job.status == models.JobStatusEnum.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
