"""One endpoint of the API, read as one stream."""

from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from source_rest_api import unset
from source_rest_api.auth.authenticators import EndpointAuthentication
from source_rest_api.config.deletions import Deletions
from source_rest_api.config.field_groups import FieldGroups
from source_rest_api.config.first_sync import FirstSync
from source_rest_api.config.further_request import FurtherRequest
from source_rest_api.config.job import JobOption
from source_rest_api.config.partition_values import PartitionLists
from source_rest_api.config.url_base import UrlBase
from source_rest_api.cursors.contract import CursorProtocol
from source_rest_api.cursors.cursors import Cursor
from source_rest_api.http.error_rules import ErrorRule
from source_rest_api.http.request import Method
from source_rest_api.http.request_body import OptionalBody
from source_rest_api.lazy_models import WhenUsed
from source_rest_api.model import (
    Model,
    NamedPaths,
    NamedTexts,
    Path,
    Paths,
    PathTemplate,
    PathTemplates,
    Replacements,
    Text,
    filled_path,
    own,
    texts_of,
)
from source_rest_api.pagination.paginator import PaginatorProtocol
from source_rest_api.pagination.paginators import Pagination
from source_rest_api.records.casts import Kinds
from source_rest_api.records.decoders import Json, WholeBody
from source_rest_api.records.json_schemas import JsonSchema, OwnSchema
from source_rest_api.records.options import Condition, OwnTransformation, RecordOptions, Values
from source_rest_api.records.schema_paths import spelled
from source_rest_api.records.selectors import RecordSelector
from source_rest_api.records.shapes import Cells, Explode
from source_rest_api.records.transformations import FlattenOption, NewNames, RemovedPaths, Reshaping
from source_rest_api.records.zip_decoder import Decoder
from source_rest_api.templates import templates
from source_rest_api.unset import UnsetBranch

_DECISIVE = ("path", "http_method", "params", "body", "selector", "partitions", "filter", "filter_after")


class Endpoint(Model):
    """An endpoint: its request, its records, their pagination and their keys."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the stream. In templates of other endpoints, the name is a record of this stream."""
    path: Text
    """Path below `url_base`. With `{{ parent.field }}`, the connector requests it once for each record of the stream
    `parent`. Each value is one segment: add `| urlencode` to keep its slashes. A URL at the start, such as
    `{{ parent.file_url }}`, is requested as it is."""
    url_base: UrlBase | None = None
    """Base URL of this endpoint, if it differs from that of the API. The endpoint's credentials go to its origin
    only."""
    authentication: EndpointAuthentication = None
    """Authentication of this endpoint, if it differs from that of the API: `{type: none}` or any other kind. In the
    form, write YAML text. Secrets may be templates, such as `{{ secrets.key }}`."""
    http_method: Method = "GET"
    """HTTP method of the requests: `GET`, `POST`, or any other, such as `SEARCH`. The connector retries GET, HEAD,
    OPTIONS, PROPFIND, QUERY, REPORT, SEARCH, PUT and DELETE; for others see `retry.post`."""
    params: NamedTexts = {}
    """Query parameters, in addition to those of all endpoints."""
    headers: NamedTexts = {}
    """Headers, in addition to those of all endpoints."""
    body: OptionalBody = None
    """Request body."""
    decoder: Decoder = Json()
    """Format of the response body."""
    records_path: PathTemplate | None = None
    """Path of the records in the response body, such as `data.items`. `$` is the whole body; `*` is every item of an
    array or every field of an object. Templates may read `config`. By default the body itself if it is an array,
    otherwise the only array of objects in it."""
    records_paths: PathTemplates = ()
    """Several paths in the response body, read in this order. The stream has the records of all of them."""
    records_key_field: str | None = None
    """Set this if the records are the values of the object at `records_path`. Each record gets its key in a field of
    this name."""
    columns_path: Path | None = None
    """Set this if the records are arrays of values. Path of the column names in the response body, such as `columns`.
    If the first row has them: `rows.0`, or `0` if the body is a list of rows."""
    short_rows: bool = False
    """Set this if the API omits empty values at the end of a row, as Google Sheets does. They become null. For rows of
    values (`columns_path`)."""
    zip_arrays: bool = False
    """Set this if the object at `records_path` has one array per field, such as `{"day": [1, 2], "high": [7, 9]}`. The
    items at the same index become one record. Each record also has the fields that are not arrays."""
    cells: tuple[Annotated[Cells, WhenUsed()], ...] = ()
    """Set this if the values of a record are in arrays, and their names elsewhere in the response body."""
    explode: Annotated[Explode | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Set this if the records are the items of an array inside each object at `records_path`."""
    wrap_scalars_as: str | None = None
    """Set this if some records are scalars, or arrays at `explode.path`. Each becomes an object with this field."""
    allow_missing_records: bool = False
    """Treat an absent or null `records_path` as an empty page, not as an error."""
    primary_key: Paths = ()
    """Field or fields that identify a record."""
    pagination: Annotated[
        Pagination | None,
        own(PaginatorProtocol, advice="derive it from `Paginator`"),
        UnsetBranch("default", "As for all endpoints", "The pagination of all endpoints."),
    ] = None
    """How the connector requests further pages."""
    further_request: Annotated[FurtherRequest | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Set this if the API wants another method or path for the pages after the first."""
    field_groups: Annotated[FieldGroups | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Set this if one request cannot ask for all fields of the records."""
    job: JobOption = None
    """Set this if the endpoint's request creates a report job, and the result is downloaded later."""
    errors: list[Annotated[ErrorRule, WhenUsed()]] = []
    """Error rules of this endpoint, tried before the rules for all endpoints. The first matching rule decides. If none
    matches, the connector retries 5xx, 408, 425, 429 and lost connections; any other error ends the stream."""
    incremental: Annotated[
        Cursor | None,
        own(CursorProtocol, advice="give it the members of a cursor"),
        UnsetBranch("none", "Full refresh", "Each sync reads all records."),
    ] = None
    """How the connector requests only new and changed records."""
    first_sync: Annotated[FirstSync | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Set this if the endpoint returns only changes, and another one all records. The first sync reads the other."""
    deletions: Annotated[Deletions | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Emit a delete record (with `_ab_cdc_deleted_at`) for each deleted row in incremental syncs."""
    partitions: PartitionLists = ()
    """Lists of values. The connector reads the stream once for each value, or for each combination of several lists. In
    a file, `partitions: {repo: [a, b]}` is enough, for a path such as `repos/{{ repo }}/issues`."""
    include_from_parent: NamedPaths = {}
    """Fields to copy from the parent's record into each record: the new name, and the parent's field, such as
    `owner.login`. A path may also begin with a list in `partitions` or an ancestor stream: `repo`, `orgs.id`."""
    only_changed_parents: bool = False
    """In incremental syncs, request the stream only for parent records that are new or changed since the last sync. The
    parent needs `incremental`. Set this only if a change of a child also changes its parent's cursor field."""
    embedded_path: Path | None = None
    """Path of the same list in the parent's record, such as `lines.data`. If that list is complete, its items are the
    records, and the connector sends no request. If a field beside it shows that there are more items, the connector
    requests the list."""
    transformation: OwnTransformation = None
    """A transformation in Python, for a connector of your own. It receives the records before all other changes."""
    filter: Condition | None = None
    """Emit only records for which this expression is true, such as `record.state == 'open'`."""
    remove_fields: RemovedPaths = ()
    """Fields to remove, such as `owner.email`. `*` stands for every item of an array or every field of an object, and
    `**` for any number of levels: `**.email` removes `email` everywhere."""
    remove_when: Condition | None = None
    """Remove a field in `remove_fields` only if this expression is true. It reads the field's `value`: `value ==
    ''`."""
    rename_fields: NewNames = {}
    """Fields to rename or move: the path as the API sends it, and the new path."""
    unwrap: Path | None = None
    """Path of an object in the record, such as `node`. It becomes the record, and all fields outside it are removed. A
    record without it stays as it is."""
    flatten: FlattenOption = None
    """Move the fields of nested objects up into the record. In a file, `true` flattens all objects."""
    replace_in_names: Replacements = {}
    """Strings to replace in all field names, at every depth. Each is a string and its replacement."""
    lower_case: bool = False
    """Convert the field names of the record to lower case. Names inside nested objects stay unchanged."""
    snake_case: bool = False
    """Convert all field names to `snake_case`, at every depth."""
    add_fields: Values = {}
    """Fields to add or replace: the name (dots reach into objects), and a value or a template, such as
    `{{ record.owner.login }}`."""
    cast: Kinds = {}
    """Fields to cast: the path as it is after all changes above, and `string`, `integer`, `number`, `boolean`, `array`,
    `json`, `date` or `date-time`. For dates and times in another format, give the format, such as `%d.%m.%Y` or
    `%ms`."""
    cast_all: bool = False
    """Cast all values to their types in `schema`."""
    drop_nulls: bool = False
    """Remove fields that are null after all changes above, also in nested objects."""
    filter_after: Condition | None = None
    """Like `filter`, but applied to the record after all changes above."""
    json_schema: Annotated[JsonSchema, Field(alias="schema")] = None
    """JSON schema of a record. By default the connector infers it from the first pages."""
    schema_by: OwnSchema = None
    """The JSON schema in Python, for a connector of your own. `discover` loads it."""

    @model_validator(mode="after")
    def _check_together(self) -> "Endpoint":
        self.selector.check()
        if not self.decoder.selects and self.selector != RecordSelector():
            raise ValueError(
                f"`decoder: {{type: {self.decoder.type}}}` already returns records: remove `records_path` and other "
                "settings that select records"
            )
        if self.incremental and self.incremental.cursor_field and self.cursor_place is None:
            option = "remove_fields" if self.unwrap is None else "unwrap"
            raise ValueError(f"`{option}` removes `incremental.cursor_field`, which the destination needs; keep it")
        if self.remove_when is not None and not self.remove_fields:
            raise ValueError("`remove_when` is a condition of `remove_fields`: name fields there, such as `*`")
        if self.field_groups:
            self.field_groups.check(is_whole=not self.job and isinstance(self.decoder, WholeBody), key=self.primary_key)
        if self.cast_all and self.json_schema is None:
            raise ValueError("`cast_all` needs a `schema`: set it, or list the fields in `cast`")
        return self

    @property
    def variable(self) -> str:
        """The name of its records in templates."""
        return templates.variable(self.name)

    @property
    def is_incremental(self) -> bool:
        """True if the stream can be read incrementally: by its own cursor, or by its parent's."""
        return self.incremental is not None or self.only_changed_parents

    @property
    def decisive(self) -> list[Any]:
        """The settings that determine which rows the endpoint returns."""
        further = [self.further_request] if self.further_request else []
        further += [] if self.job is None else self.job.decisive
        return [*(getattr(self, name) for name in _DECISIVE), *further]

    @cached_property
    def selector(self) -> RecordSelector:
        """The part of the endpoint that extracts records from a response body."""
        return RecordSelector.model_construct(**{name: getattr(self, name) for name in RecordSelector.model_fields})

    @cached_property
    def record_options(self) -> RecordOptions:
        """The part of the endpoint that filters and changes its records."""
        return RecordOptions(
            transformation=self.transformation,
            filter=self.filter,
            reshaping=Reshaping.model_construct(**{name: getattr(self, name) for name in Reshaping.model_fields}),
            remove_when=self.remove_when,
            add_fields=self.add_fields,
            cast=self.cast,
            schema=self.json_schema if self.cast_all else None,
            drop_nulls=self.drop_nulls,
            filter_after=self.filter_after,
        )

    @property
    def cursor_place(self) -> Path | None:
        """The path of the cursor field in emitted records; None without a cursor field."""
        field = None if self.incremental is None else self.incremental.cursor_field
        return None if field is None else self.record_options.reshaping.place(field)

    @property
    def known_by(self) -> list[Path]:
        """The primary key and the cursor field of emitted records."""
        return [*self.primary_key, *([] if self.cursor_place is None else [self.cursor_place])]

    @property
    def further(self) -> "Endpoint | None":
        """The endpoint for the pages after the first, if `further_request` is set."""
        other = self.further_request
        if other is None:
            return None
        return self.model_copy(update=other.settings(self.http_method, self.path, self.headers))

    @cached_property
    def texts(self) -> list[str]:
        """All texts that may be templates of requests."""
        others = [part.texts for part in (self.body, self.further_request, self.job, self.deletions) if part]
        return [self.path, *texts_of(self.params, self.headers), *chain.from_iterable(others)]

    def filled(self, raw_config: Mapping[str, Any]) -> "Endpoint":
        """Returns the endpoint with the templates of its cursor and its record paths filled from the config.

        Raises:
            ConfigError: A template cannot be filled.
        """
        context = {"config": raw_config}
        return self.with_values(
            records_path=None if self.records_path is None else filled_path(self.records_path, context),
            records_paths=tuple(filled_path(path, context) for path in self.records_paths),
            incremental=None if self.incremental is None else self.incremental.filled(context),
        )

    def spelled_by(self, schema: Mapping[str, Any]) -> "Endpoint":
        """The endpoint with primary key and cursor as the records of a JSON schema have them: `@odata.id` is one key.

        `discover` offers them so, and a read takes them so from the schema of its catalog: both ask the same schema in
        the same way, so that delete records have the key that the destination knows.
        """
        update: dict[str, Any] = {"primary_key": tuple(spelled(path, schema) for path in self.primary_key)}
        cursor = self.incremental
        if cursor is not None and cursor.cursor_field is not None:
            field = spelled(cursor.cursor_field, schema, self.record_options.reshaping.place)
            update["incremental"] = cursor.with_values(cursor_field=field)
        return self.with_values(**update)
