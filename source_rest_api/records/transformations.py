"""Changes of a record's shape: removes, renames, unwraps and flattens fields, and changes their names.

The changes apply in this order, whatever the order in the config. Two fields with the same new name are an error.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PositiveInt, model_validator

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.lazy_models import WhenUsed
from source_rest_api.model import Model, NamedPaths, Path, Paths, Replacements
from source_rest_api.records import field_names, tree
from source_rest_api.spellings import ALSO, InFile
from source_rest_api.unset import UnsetBranch


def _ends_in_a_name(paths: Paths) -> Paths:
    if any(path[-1] == raw_json.WILDCARD for path in paths):
        raise ValueError("must end in a field name, not in `*`")
    return paths


def _with_one_depth(paths: Paths) -> Paths:
    if any(path[-1] == raw_json.ANY_DEPTH or path.count(raw_json.ANY_DEPTH) > 1 for path in paths):
        raise ValueError("may have `**` once, and must end in a field name or `*`")
    return paths


def _without_wildcards(names: dict[str, str]) -> dict[str, str]:
    paths = [raw_json.keys(path) for path in (*names, *names.values())]
    if any({"", raw_json.WILDCARD, raw_json.ANY_DEPTH} & {*path} for path in paths):
        raise ValueError("must map one path to another, such as `owner.login` to `owner`, without `*`")
    if len(set(names.values())) < len(names):
        raise ValueError("gives two fields the same name; choose another for one")
    return names


RemovedPaths: TypeAlias = Annotated[Paths, AfterValidator(_with_one_depth)]
"""Paths of fields to remove; `**` stands for any number of levels."""

NewNames: TypeAlias = Annotated[NamedPaths, AfterValidator(_without_wildcards)]
"""New paths of fields, by old path."""


class Flatten(Model):
    """Moves the fields of nested objects up: `{owner: {login: x}}` becomes `{owner_login: x}`."""

    type: Literal["objects"] = "objects"
    paths: Annotated[Paths, AfterValidator(_ends_in_a_name)] = ()
    """Objects to flatten, such as `attributes`; by default all. Objects inside arrays are not flattened."""
    separator: str = "_"
    """Separator between the names."""
    prefix: bool = True
    """True if new names begin with the name of the object. If false, `owner.login` becomes `login`."""
    depth: PositiveInt | None = None
    """Number of levels to flatten; by default all."""
    keep: bool = False
    """True to keep the objects in `paths`, beside the fields moved out of them."""

    @model_validator(mode="after")
    def _check(self) -> "Flatten":
        if self.keep and not self.paths:
            raise ValueError("`keep` is for the objects in `paths`: name them")
        return self

    def apply(self, record: dict[str, Any]) -> None:
        """Flattens a record in place.

        Raises:
            ConfigError: Two fields would get the same name.
        """
        if not self.paths:
            self._flatten(record, None)
        for path in self.paths:
            for holder, key in list(tree.places(record, path)):
                if isinstance(holder, dict):
                    self._flatten(holder, key)

    def _flatten(self, holder: dict[str, Any], only: str | None) -> None:
        fields = list(holder.items())
        holder.clear()
        for name, value in fields:
            if self.keep and name == only:
                holder[name] = value
            for new, inner in self._leaves(name, value, 0) if only in {None, name} else [(name, value)]:
                if new in holder:
                    raise ConfigError(
                        f"`flatten` would give two fields the name `{new}`. Set another `flatten.separator`, or "
                        f"{'rename' if self.prefix else '`prefix: true`, or rename'} one with `rename_fields`."
                    )
                holder[new] = inner

    def _leaves(self, name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
        inner = tree.opened(value)
        if not isinstance(inner, dict) or not inner or depth == self.depth:
            yield name, value
            return
        for key, field in inner.items():
            yield from self._leaves(f"{name}{self.separator}{key}" if self.prefix else key, field, depth + 1)


def _flatten(value: object) -> object:
    if isinstance(value, bool):
        return {"type": "objects"} if value else None
    return value


FlattenOption: TypeAlias = Annotated[
    Flatten | None,
    WhenUsed(),
    UnsetBranch("none", "No flattening", "Records keep their nested objects."),
    BeforeValidator(_flatten),
    InFile({"type": "boolean"}, ALSO),
]
"""Settings of `flatten`; `true` flattens all objects."""


class Reshaping(Model):
    """All changes of a record's shape."""

    remove_fields: RemovedPaths = ()
    rename_fields: NewNames = {}  # noqa: RUF012 -- pydantic copies defaults
    unwrap: Path | None = None
    flatten: FlattenOption = None
    replace_in_names: Replacements = {}  # noqa: RUF012 -- pydantic copies defaults
    lower_case: bool = False
    snake_case: bool = False

    def __bool__(self) -> bool:
        return self != UNCHANGED

    def apply(self, record: dict[str, Any], removes: Callable[[Any], bool] = lambda _: True) -> dict[str, Any]:
        """Returns the fields of the record in its new shape.

        Args:
            record: The fields of the record, which change.
            removes: True for values that `remove_fields` removes.

        Raises:
            ConfigError: Two fields would get the same path.
        """
        for path in self.remove_fields:
            for holder, key in reversed(list(tree.places(record, path))):
                if removes(holder[key]):
                    del holder[key]
        self._rename(record)
        if self.unwrap is not None:
            inner = tree.find(record, self.unwrap)
            record = inner if isinstance(inner, dict) else record
        if self.flatten is not None:
            self.flatten.apply(record)
        return self._renamed(record)

    def _renamed(self, record: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields with names changed by rule."""
        if self.replace_in_names:
            record = field_names.changed(record, self._replaced, "replace_in_names")
        if self.lower_case:
            record = field_names.changed(record, str.lower, "lower_case", deep=False)
        return field_names.changed(record, field_names.snake_case, "snake_case") if self.snake_case else record

    def _replaced(self, name: str) -> str:
        for old, new in self.replace_in_names.items():
            name = name.replace(old, new)
        return name

    def place(self, path: Path) -> Path | None:
        """Returns the path of a field after the changes; None if the field is removed."""
        mark = object()
        record: Any = mark
        for key in reversed(path):
            record = {key: record}
        if self.unwrap is not None and tree.find(record, self.unwrap) is None:
            tree.put(record, self.unwrap, {}, "unwrap")
        return _find(self.apply(record), mark)

    def _rename(self, record: dict[str, Any]) -> None:
        found = []
        for old, new in self.rename_fields.items():
            for holder, key in list(tree.places(record, raw_json.keys(old))):
                found.append((new, holder.pop(key)))
        for new, value in found:
            path = raw_json.keys(new)
            if next(tree.places(record, path), None) is not None:
                raise ConfigError(f"`rename_fields` would overwrite the record's field `{new}`. Choose another name.")
            tree.put(record, path, value, "rename_fields")


UNCHANGED = Reshaping.model_construct()
"""No change. It is not validated, because that would build the model at each start."""


def _find(value: Any, mark: object) -> Path | None:
    for key, inner in value.items():
        if inner is mark:
            return (key,)
        rest = _find(inner, mark) if isinstance(inner, dict) else None
        if rest is not None:
            return (key, *rest)
    return None
