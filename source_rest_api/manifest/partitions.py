"""Partition routers: for which values and parents' records a stream is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document, interpolation, references
from source_rest_api.manifest.paginator import number
from source_rest_api.manifest.rewriting import UNKNOWN
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope
    from source_rest_api.manifest.own_code.components import Components

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


class Parent(NamedTuple):
    """A stream whose records others are read for."""

    name: str
    slice: dict[str, Any]
    """What `stream_slice` holds when it is read, as expressions."""

    @property
    def variable(self) -> str:
        """Its name in templates."""
        return templates.variable(self.name)

    @property
    def line(self) -> frozenset[str]:
        """Its variable, and those of the streams above it."""
        return frozenset({self.variable, *(references.reference(each)[0] for each in expressions(self.slice))})


class Family(Protocol):
    """Finds the streams that stand above others."""

    @property
    def components(self) -> Components:
        """The classes of the connector."""

    def parent(self, stream: Component) -> Parent:
        """Returns the stream that a component describes, which becomes an endpoint too.

        Raises:
            ConfigError: It has no equivalent here.
        """

    def listed(self, retriever: Component) -> list[dict[str, Any]]:
        """Returns the records that a retriever reads from the API.

        Raises:
            ConfigError: They cannot be read.
        """

    def list_name(self, wanted: str) -> str:
        """Returns a name for a list of values that no stream has."""


class Partitioning(NamedTuple):
    """How a stream is divided."""

    slice: dict[str, Any] = {}  # noqa: RUF012 -- never changed
    """What `stream_slice` holds, as expressions of this connector's templates, by key."""
    lists: dict[str, Any] = {}  # noqa: RUF012
    """The endpoint's `partitions`."""
    options: list[tuple[Component, str]] = []  # noqa: RUF012
    """Where values go in the request, and their expressions."""
    parent: str | None = None
    """The variable of the parent that templates have to read."""
    line: frozenset[str] = frozenset()
    """The variables of the parent and of the streams above it."""
    only_changed: str | None = None
    """The name of the parent of which only changed records count."""
    embedded: tuple[str, ...] = ()
    """Where the parent's record has the first response of the stream, if it does."""


def divide(router: Any, family: Family, scope: Scope, *, as_lists: bool) -> Partitioning:
    """Returns how a router divides a stream.

    Args:
        router: The component, or a list of them, whose combinations count.
        family: Finds the streams above.
        scope: What templates read.
        as_lists: True if parents' records are read as lists of values, because no request names them.

    Raises:
        ConfigError: It has no equivalent here.
    """
    routers = router if isinstance(router, list) else [router] if router else []
    whole = Partitioning()
    for each in routers:
        is_list = as_lists or not _is_in_line(each, whole, family)
        part = _divided(each, family, scope.of(each), as_lists=is_list)
        if is_list and not as_lists and whole.line & _line(each, family):
            return divide(routers, family, scope, as_lists=True)  # records below the same one are combined with all
        whole = _combined(whole, part)
    return whole


def _line(router: Component, family: Family) -> frozenset[str]:
    """Returns the variables of a router's parents, and of the streams above them."""
    lines = [family.parent(each["stream"]).line for each in router.get("parent_stream_configs") or []]
    return frozenset().union(*lines)


def _is_in_line(router: Component, whole: Partitioning, family: Family) -> bool:
    """True if a router's parent is above or below the parents so far, so that one of its records has one of theirs."""
    configs = router.get("parent_stream_configs") or []
    if not whole.line or router.get("type") != "SubstreamPartitionRouter" or len(configs) != 1:
        return not whole.line
    line = family.parent(configs[0]["stream"]).line
    return line <= whole.line or whole.line <= line


def expressions(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yields the expressions in a `stream_slice`."""
    for inner in tree.values():
        if isinstance(inner, dict):
            yield from expressions(inner)
        elif not inner.startswith(UNKNOWN):
            yield inner


def _combined(one: Partitioning, other: Partitioning) -> Partitioning:
    return Partitioning(
        {**one.slice, **other.slice},
        {**one.lists, **other.lists},
        [*one.options, *other.options],
        one.parent or other.parent,
        one.line | other.line,
        one.only_changed or other.only_changed,
        one.embedded or other.embedded,
    )


def _divided(router: Component, family: Family, scope: Scope, *, as_lists: bool) -> Partitioning:
    kind = str(router.get("type"))
    if kind == "ListPartitionRouter":
        return _listed(router, family, scope)
    if kind == "SubstreamPartitionRouter":
        configs = router.get("parent_stream_configs") or []
        if len(configs) == 1 and not as_lists:
            return _below(configs[0], family, scope.of(configs[0]))
        return _union([_values_of_parent(each, family, scope.of(each)) for each in configs], family)
    if kind == "UnionPartitionRouter":
        parts = [_divided(e, family, scope.of(e), as_lists=True) for e in router.get("partition_routers") or []]
        field = str(scope.known(router.get("partition_field"), "`partition_field`"))
        if any(field not in part.slice for part in parts):
            raise ConfigError(f"`partition_field: {field}` is not that of its `partition_routers`")
        return _union([(next(iter(p.lists.values()))["values"], next(iter(p.slice)), p.options) for p in parts], family)
    if kind == "CartesianProduct":
        return divide(router.get("stream_slicers"), family, scope, as_lists=as_lists)
    if kind == "GroupingPartitionRouter":
        inner = router.get("underlying_partition_router") or {}
        part = _divided(inner, family, scope.of(inner), as_lists=True)
        lists = {
            name: {**of, "batch": number(scope.known(router["group_size"], "`group_size`"))}
            for name, of in part.lists.items()
        }
        if router.get("as_json"):
            part = part._replace(
                slice={**part.slice, **{name: f"{name} | map('string') | list | tojson" for name in lists}}
            )
        return part._replace(lists=lists, options=[])
    raise document.lacking(router)


def _listed(router: Component, family: Family, scope: Scope) -> Partitioning:
    given = router.get("values")
    values = scope.known(given, "`values`") if isinstance(given, str) else [scope.text(each) for each in given or []]
    if not isinstance(values, list):
        values = [] if values is None else [values]
    field = str(scope.known(router.get("cursor_field"), "`cursor_field`"))
    name = family.list_name(field)
    option = router.get("request_option")
    options = [(option, name)] if option else []
    return Partitioning({field: name}, {name: {"values": list(map(_item, values))}}, options)


def _item(value: Any) -> int | float | str:
    """Returns a value of a list: a text of digits is a number wherever a template of the CDK inserts it alone."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    known = interpolation.literal(str(value))
    return known if isinstance(known, int) and str(known) == value else str(value)


def _below(config: Component, family: Family, scope: Scope) -> Partitioning:
    """Returns the partitions of a stream that is read for each record of one parent."""
    parent = family.parent(config["stream"])
    key, field = _key(config, scope), _field(config, scope)
    expression = reference(parent.variable, key)
    option = config.get("request_option")
    paths = [[scope.text(part) for part in path] for path in config.get("extra_fields") or []]
    inner = {
        field: expression,
        "parent_slice": parent.slice,
        "extra_fields": {".".join(path): reference(parent.variable, path) for path in paths},
        **{name: reference(parent.variable, [key]) for name, key in (config.get("also") or {}).items()},
    }
    before, after = (option or {}).get("around") or ("", "")
    sent = f"{before!r} ~ {expression} ~ {after!r}" if before else expression
    options = [(option, sent)] if option else []
    changed = parent.name if scope.value(config.get("incremental_dependency")) is True else None
    embedded = tuple(scope.text(key) for key in config.get("lazy_read_pointer") or ())
    return Partitioning(inner, {}, options, parent.variable, parent.line, changed, embedded)


def _values_of_parent(
    config: Component, family: Family, scope: Scope
) -> tuple[list[str], str, list[tuple[Component, str]]]:
    parent = family.parent(config["stream"])
    option = config.get("request_option")
    field = _field(config, scope)
    values = [f"{{{{ {reference(parent.variable, _key(config, scope))} }}}}"]
    return values, field, [(option, field)] if option else []


def _union(parts: Iterable[tuple[list[Any], str, list[tuple[Component, str]]]], family: Family) -> Partitioning:
    """Returns the partitions for the values of several lists, one after the other."""
    found = list(parts)
    fields = {field for _, field, _ in found}
    if len(fields) != 1:
        raise ConfigError("its parents have different `partition_field`s, which has no equivalent here")
    [field] = fields
    name = family.list_name(field)
    unknown = f"{UNKNOWN}its template reads more of a parent than the key, where several parents are read"
    values = [value for some, _, _ in found for value in some]
    options = [(option, name) for _, _, given in found[:1] for option, _ in given]
    inner = {field: name, "parent_slice": unknown, "extra_fields": unknown}
    return Partitioning(inner, {name: {"values": values}}, options)


def _key(config: Component, scope: Scope) -> list[str]:
    return str(scope.known(config.get("parent_key"), "`parent_key`")).split("/")


def _field(config: Component, scope: Scope) -> str:
    return str(scope.known(config.get("partition_field"), "`partition_field`"))


def reference(variable: str, path: Iterable[str]) -> str:
    """Returns the expression of a field of a stream's record."""
    return variable + "".join(
        f".{key}" if _IDENTIFIER.fullmatch(key) and not hasattr(dict, key) else f"[{key!r}]" for key in path
    )
