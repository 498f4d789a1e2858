"""The fields of records that templates read, and a decoder that finds just these."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from source_rest_api.formats import raw_json
from source_rest_api.templates import templates
from source_rest_api.templates.record_sandbox import ABSENT, ExactNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from msgspec import Raw

FieldTree: TypeAlias = "dict[str, FieldTree | None]"
"""Fields of an object by name: those of an object of which templates read fields only, or None for a whole value."""

_NEVER = Annotated[int, Meta(gt=0, lt=0)]
"""The type of no value, for fields that must be absent."""
_ATTRIBUTE = re.compile(r'[^"\\\x00-\x1f]+')
"""Names of fields that msgspec's structs may have."""
_VALUES = (dict, list, str, int, float)
"""Types of values, whose methods templates may call."""


def read(texts: Iterable[str], of: str, absent: Collection[str]) -> FieldTree | None:
    """Returns the fields of an object that templates read.

    Args:
        texts: The templates.
        of: The name of the object in them.
        absent: Fields that the object should not have. One that templates read is read whole.

    Returns:
        None if the templates may read any field, or a name is not possible in `decoder`.
    """
    if not all(map(_ATTRIBUTE.fullmatch, absent)):
        return None
    found = _tree([keys for text in texts for name, *keys in templates.references(text) if name == of], (dict,))
    return found and {name: None if name in absent else inner for name, inner in found.items()}


def _tree(paths: Sequence[Sequence[str]], kinds: tuple[type, ...]) -> FieldTree | None:
    if not all(path and _is_field(path[0], kinds) for path in paths):
        return None
    names = sorted({path[0] for path in paths})
    return {name: _tree([path[1:] for path in paths if path[0] == name], _VALUES) for name in names}


def _is_field(key: str, kinds: tuple[type, ...]) -> bool:
    """True if a key is a field's name, and neither an index nor a method of one of these types."""
    is_other = raw_json.is_index(key) or any(hasattr(kind, key) for kind in kinds)
    return not is_other and _ATTRIBUTE.fullmatch(key) is not None


def attributes(tree: FieldTree, path: Sequence[str]) -> list[str] | None:
    """Returns the attributes that lead to a value in a decoded record; None if it has none for exactly this path."""
    steps = []
    inner: FieldTree | None = tree
    for key in path:
        if inner is None:
            return None
        steps.append(f"f{list(inner).index(key)}")
        inner = inner[key]
    return steps if inner is None else None


def decoder(tree: FieldTree, absent: Iterable[str]) -> Callable[[Raw], Any]:
    """Returns a decoder of records to structs, in which objects that are missing have only missing fields.

    The decoder raises `msgspec.ValidationError` for a record in which something else stands in the place of an object.

    Args:
        tree: The fields to decode.
        absent: Fields for which it raises this error too.
    """
    kind = _struct(tree, [name for name in absent if name not in tree])
    return msgspec.json.Decoder(kind, float_hook=ExactNumber).decode


def _struct(tree: FieldTree, absent: Sequence[str] = ()) -> Any:
    kinds: list[tuple[str, Any, Any]] = []
    for inner in tree.values():
        nested = None if inner is None else _struct(inner)
        kinds.append((f"f{len(kinds)}", *((Any, ABSENT) if nested is None else (nested | None, nested()))))
    kinds += [(f"f{len(kinds) + n}", _NEVER, 0) for n in range(len(absent))]
    names = {attribute: name for (attribute, *_), name in zip(kinds, (*tree, *absent), strict=True)}
    return msgspec.defstruct("Fields", kinds, rename=names, frozen=True, gc=False)
