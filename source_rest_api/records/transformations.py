"""Changes of a record's shape: removes, renames and flattens fields, and converts names to snake case.

The changes apply in this order, whatever the order in the config. Two fields with the same new name are an error.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PositiveInt

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.model import Model, NamedPaths, Path, Paths
from source_rest_api.records import tree
from source_rest_api.unset import UnsetBranch

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+")
_BORDER = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _ends_in_a_name(paths: Paths) -> Paths:
    if any(path[-1] == raw_json.WILDCARD for path in paths):
        raise ValueError("must end in a field name, not in `*`")
    return paths


def _without_wildcards(names: dict[str, str]) -> dict[str, str]:
    if any("*" in path.split(".") or "" in path.split(".") for path in (*names, *names.values())):
        raise ValueError("must map one path to another, such as `owner.login` to `owner`, without `*`")
    if len(set(names.values())) < len(names):
        raise ValueError("gives two fields the same name; choose another for one")
    return names


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
    UnsetBranch("none", "No flattening", "Records keep their nested objects."),
    BeforeValidator(_flatten),
]
"""Settings of `flatten`; `true` flattens all objects."""


class Reshaping(Model):
    """All changes of a record's shape."""

    remove_fields: Paths = ()
    rename_fields: NewNames = {}  # noqa: RUF012 -- pydantic copies defaults
    flatten: FlattenOption = None
    snake_case: bool = False

    def __bool__(self) -> bool:
        return self != Reshaping()

    def apply(self, record: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields of the record in its new shape.

        Raises:
            ConfigError: Two fields would get the same path.
        """
        for path in self.remove_fields:
            for holder, key in reversed(list(tree.places(record, path))):
                del holder[key]
        self._rename(record)
        if self.flatten is not None:
            self.flatten.apply(record)
        return _in_snake_case(record) if self.snake_case else record

    def place(self, path: Path) -> Path | None:
        """Returns the path of a field after the changes; None if the field is removed."""
        mark = object()
        record: Any = mark
        for key in reversed(path):
            record = {key: record}
        return _find(self.apply(record), mark)

    def _rename(self, record: dict[str, Any]) -> None:
        found = []
        for old, new in self.rename_fields.items():
            for holder, key in list(tree.places(record, tuple(old.split(".")))):
                found.append((new, holder.pop(key)))
        for new, value in found:
            path = tuple(new.split("."))
            if next(tree.places(record, path), None) is not None:
                raise ConfigError(f"`rename_fields` would overwrite the record's field `{new}`. Choose another name.")
            tree.put(record, path, value, "rename_fields")


def _find(value: Any, mark: object) -> Path | None:
    for key, inner in value.items():
        if inner is mark:
            return (key,)
        rest = _find(inner, mark) if isinstance(inner, dict) else None
        if rest is not None:
            return (key, *rest)
    return None


def _in_snake_case(value: Any) -> Any:
    value = tree.opened(value)
    if isinstance(value, list):
        return [_in_snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, Any] = {}
    for name, inner in value.items():
        new = snake_case(name)
        if new in renamed:
            raise ConfigError(f"`snake_case` would give two fields the name `{new}`. Rename one with `rename_fields`.")
        renamed[new] = _in_snake_case(inner)
    return renamed


@lru_cache(maxsize=10_000)
def snake_case(name: str) -> str:
    """Converts `createdAt`, `CreatedAt` or `Created at` to `created_at`, and keeps a leading underscore.

    A name without letters and digits stays unchanged.
    """
    words = [word for part in _WORD.findall(name) for word in _BORDER.split(part)]
    return ("_" * name.startswith("_") + "_".join(words).lower()) if words else name
