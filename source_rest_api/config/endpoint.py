"""One endpoint of the API, read as one stream."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from source_rest_api.config.deletions import Deletions
from source_rest_api.config.partition_values import PartitionLists
from source_rest_api.cursors.contract import CursorProtocol
from source_rest_api.cursors.cursors import Cursor
from source_rest_api.http.error_rules import ErrorRule
from source_rest_api.http.request_body import Body, GraphqlBody
from source_rest_api.model import Json as JsonText
from source_rest_api.model import (
    Model,
    NamedPaths,
    NamedTexts,
    Path,
    Paths,
    PathTemplate,
    PathTemplates,
    Text,
    filled_path,
    own,
    texts_of,
)
from source_rest_api.pagination.paginator import Paginator, PaginatorProtocol
from source_rest_api.pagination.paginators import Pagination
from source_rest_api.records.casts import Kinds
from source_rest_api.records.decoders import Json
from source_rest_api.records.options import Condition, RecordOptions, Values
from source_rest_api.records.schema_paths import spelled
from source_rest_api.records.selectors import RecordSelector
from source_rest_api.records.shapes import Explode
from source_rest_api.records.transformations import FlattenOption, NewNames, Reshaping
from source_rest_api.records.zip_decoder import Decoder
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _check_schema(value: Any) -> Any:
    if value is not None and not (isinstance(value, dict) and isinstance(value.get("properties"), dict)):
        raise ValueError("must be the JSON schema of an object, with `properties`")
    return value


def _filled_in(value: object) -> object:
    """A group of fields as it is, or None where nothing is filled in, as a form may send it."""
    empty = isinstance(value, dict) and all(inner in ([], {}, "") for inner in value.values())
    return None if empty else value


class Endpoint(Model):
    """An endpoint: where its records are, how they are paged, what they are known by."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the stream. In the templates of other endpoints it stands for a record of this one."""
    path: Text
    """Path below `url_base`; `{{ parent.field }}` reads it once for each record of the stream `parent`."""
    http_method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """HTTP method."""
    params: NamedTexts = {}
    """Query parameters, beside those of all endpoints."""
    headers: NamedTexts = {}
    """Headers, beside those of all endpoints."""
    body: Body | None = None
    """The request body."""
    decoder: Decoder = Json()
    """The format of the body."""
    records_path: PathTemplate | None = None
    """Path of the records in the body, such as `data.items`; `$` is the whole body, `*` every item of an array or
    every field of an object; templates may read `config`. By default the body itself if it is an array, else the only
    array of objects in it."""
    records_paths: PathTemplates = ()
    """Several paths in the body whose records belong to the stream, in this order."""
    records_key_field: str | None = None
    """Set this if the object at `records_path` holds the records by key: name of the field to add for the key."""
    columns_path: Path | None = None
    """Set this if the records are arrays of values: path of the column names in the body, such as `columns`."""
    explode: Annotated[Explode | None, BeforeValidator(_filled_in)] = None
    """Makes a record of each item of an array inside the records at `records_path`."""
    wrap_scalars_as: str | None = None
    """Name of the field into which texts and numbers among the records are wrapped."""
    allow_missing_records: bool = False
    """Treat a missing or null `records_path` as no records, instead of an error."""
    primary_key: Paths = ()
    """The field, or fields, that identify a record."""
    pagination: Annotated[Pagination | None, own(PaginatorProtocol, advice="derive it from `Paginator`")] = None
    """How to request further pages."""
    errors: list[ErrorRule] = []
    """Error rules of this endpoint, before those of all endpoints. The first rule that fits decides; without
    one, 5xx, 408, 425, 429 and lost connections are retried, and other errors end the stream."""
    incremental: Annotated[Cursor | None, own(CursorProtocol, advice="give it the members of a cursor")] = None
    """How to request only new and changed records."""
    deletions: Annotated[Deletions | None, BeforeValidator(_filled_in)] = None
    """Reports deleted rows in incremental syncs, by a delete record with `_ab_cdc_deleted_at`."""
    partitions: PartitionLists = ()
    """Lists of values to read the stream for: once for each value, and for each combination where there are several. In
    a file, `partitions: {repo: [a, b]}` will do, for a path such as `repos/{{ repo }}/issues`."""
    include_from_parent: NamedPaths = {}
    """Fields to add to each record: their name, and the field of the parent's record to copy, such as `owner.login`. A
    path that begins with the name of a list in `partitions` or of a stream above is read there: `repo`, `orgs.id`."""
    filter: Condition | None = None
    """Keeps only records for which this expression holds, such as `record.state == 'open'`."""
    remove_fields: Paths = ()
    """Fields to leave out, such as `owner.email`; `*` is every item of an array or every field of an object."""
    rename_fields: NewNames = {}
    """Fields to rename or to move: the path as the API sends it, and the new one."""
    flatten: FlattenOption = None
    """Turns nested objects into fields of the record; `true` does so for all of them."""
    snake_case: bool = False
    """Rename all fields to `snake_case`, at every depth."""
    add_fields: Values = {}
    """Fields to add or to replace: their name, with dots a place inside an object, and a template, such as
    `{{ record.owner.login }}`."""
    cast: Kinds = {}
    """Fields to cast: their path after all of the above, and `string`, `integer`, `number`, `boolean`, `date`,
    `date-time`, or the format that a date or time has, such as `%d.%m.%Y` or `%ms`."""
    cast_all: bool = False
    """Cast all values to the types in `schema`."""
    filter_after: Condition | None = None
    """As `filter`, on the record after all of the above."""
    json_schema: Annotated[JsonText, AfterValidator(_check_schema), Field(alias="schema")] = None
    """JSON schema of a record. By default it is inferred from the first pages."""

    @model_validator(mode="after")
    def _check_together(self) -> Endpoint:
        self.selector.check()
        if not self.decoder.selects and self.selector != RecordSelector():
            raise ValueError(f"`decoder: {{type: {self.decoder.type}}}` gives the records itself: nothing selects them")
        if self.incremental and self.incremental.cursor_field and self.cursor_place is None:
            raise ValueError("`remove_fields` takes away `incremental.cursor_field`, which the destination needs")
        if self.cast_all and self.json_schema is None:
            raise ValueError("`cast_all` needs a `schema`")
        return self

    @property
    def variable(self) -> str:
        """The name by which templates know its records."""
        return templates.variable(self.name)

    @cached_property
    def selector(self) -> RecordSelector:
        """Cuts the records out of a body."""
        return RecordSelector.model_construct(**{name: getattr(self, name) for name in RecordSelector.model_fields})

    @cached_property
    def record_options(self) -> RecordOptions:
        """Changes of the records."""
        return RecordOptions(
            filter=self.filter,
            reshaping=Reshaping.model_construct(**{name: getattr(self, name) for name in Reshaping.model_fields}),
            add_fields=self.add_fields,
            cast=self.cast,
            schema=self.json_schema if self.cast_all else None,
            filter_after=self.filter_after,
        )

    @property
    def cursor_place(self) -> Path | None:
        """The path of the cursor field in emitted records; None if there is none."""
        field = None if self.incremental is None else self.incremental.cursor_field
        return None if field is None else self.record_options.reshaping.place(field)

    @property
    def known_by(self) -> list[Path]:
        """The fields of emitted records that tell them apart, and that order them."""
        return [*self.primary_key, *([] if self.cursor_place is None else [self.cursor_place])]

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates of requests."""
        swept = self.deletions.texts if self.deletions else ()
        return [self.path, *texts_of(self.params, self.headers), *(self.body.texts if self.body else ()), *swept]

    def filled(self, raw_config: Mapping[str, Any]) -> Endpoint:
        """The endpoint with the templates filled that read the config: those of its cursor and of its paths.

        Raises:
            ConfigError: One cannot be filled.
        """
        context = {"config": raw_config}
        return self.model_copy(
            update={
                "records_path": None if self.records_path is None else filled_path(self.records_path, context),
                "records_paths": tuple(filled_path(path, context) for path in self.records_paths),
                "incremental": None if self.incremental is None else self.incremental.filled(context),
            }
        )

    def spelled_by(self, schema: Mapping[str, Any]) -> Endpoint:
        """The endpoint with primary key and cursor as the records of a JSON schema have them: `@odata.id` is one key.

        `discover` offers them so, and a read takes them so from the schema of its catalog: both ask the same schema in
        the same way, so that delete records have the key that the destination knows.
        """
        update: dict[str, Any] = {"primary_key": tuple(spelled(path, schema) for path in self.primary_key)}
        cursor = self.incremental
        if cursor is not None and cursor.cursor_field is not None:
            field = spelled(cursor.cursor_field, schema, self.record_options.reshaping.place)
            update["incremental"] = cursor.model_copy(update={"cursor_field": field})
        return self.model_copy(update=update)

    def problems(self, default: Pagination) -> Iterator[str]:
        """Yields conflicts between method, body and paging, given the pagination of all endpoints."""
        if self.http_method == "GET" and isinstance(self.body, GraphqlBody):
            yield "http_method: must be POST for a GraphQL body"
        keys = {key for path in (self.records_path or (), *self.records_paths) for key in path}
        for name in sorted({name for key in keys for name in templates.names(key)} - {"config"}):
            yield f"records_path: its template reads `{name}`, and may read `config` only"
        paging = self.pagination or default
        if not isinstance(paging, Paginator):
            return
        if paging.result_cap is not None and not (self.incremental and self.incremental.in_order):
            yield "pagination.result_cap: needs `incremental` with `sorted: true`, to go on from the newest value"
        if not paging.in_body:
            return
        if self.http_method == "GET" and self.body is None:
            yield "pagination.in: a GET request has no body; set `http_method: POST`, or `in: query`"
        if self.body is not None and not self.body.has_fields:
            yield "pagination.in: a text body has no fields; write `{{ next_page_token }}` where the token goes"
