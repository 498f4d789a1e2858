"""The sandbox for templates that read records: an absent field is null, not an error."""

from __future__ import annotations

from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

from jinja2 import ChainableUndefined, Undefined
from jinja2.exceptions import SecurityError
from msgspec import Raw

from source_rest_api.templates.functions import FILTERS, FUNCTIONS, tojson
from source_rest_api.templates.sandbox import Sandbox, StrictMissing, furnish
from source_rest_api.templates.scalars import BLANK, as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

_TEXT_FILTERS = ("abs", "capitalize", "lower", "replace", "round", "string", "title", "trim", "upper")


class ExactNumber(float):
    """A number that calculates as a float, but keeps the digits that the API sent."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        """Parses a JSON number."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


class StrictDict(dict[str, Any]):
    """A dict with known keys, such as the config: a missing key is an error, as in request templates."""

    @classmethod
    def of(cls, value: Any) -> Any:
        """Converts a JSON value and all objects in it."""
        if isinstance(value, dict):
            return cls({key: cls.of(inner) for key, inner in value.items()})
        return [cls.of(inner) for inner in value] if isinstance(value, list) else value


class Missing(ChainableUndefined):
    """A missing value: false in conditions, null as a field, empty in text. Values derived from it are missing too."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __hash__(self) -> int:
        return hash(None)

    def _no(self, _: object) -> bool:
        return False

    def _itself(self, *_: object, **__: object) -> Any:
        return self

    def _no_number(self) -> Any:
        """Raises TypeError, for which Jinja's filters `int` and `float` return their default."""
        raise TypeError

    # Jinja types these methods as never returning.
    __lt__ = __le__ = __gt__ = __ge__ = _no  # type: ignore[assignment]
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __call__ = _itself
    __int__ = __float__ = __complex__ = _no_number


class NullValue(Missing):
    """A null in the record. Only `is defined` distinguishes it from a missing value."""

    __slots__ = ()


NULL = NullValue()
ABSENT = Missing()


class _RecordSandbox(Sandbox):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            found = obj[attribute]
        else:
            found = self._strict(obj, attribute, super().getattr(obj, attribute))
        return NULL if found is None else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = self._strict(obj, argument, super().getitem(obj, argument))
        return NULL if found is None else found

    def _strict(self, obj: Any, name: object, found: Any) -> Any:
        return (
            StrictMissing(f"there is no `{name}`") if type(found) is Missing and isinstance(obj, StrictDict) else found
        )

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:  # noqa: ARG002 -- the base's signature
        raise SecurityError(f"templates may not read `{attribute}`")

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(obj, Missing):
            return obj
        if any(isinstance(argument, Missing) for argument in args) and obj in FUNCTIONS.values():
            return NULL
        found = super().call(context, obj, *args, **kwargs)
        return NULL if found is None else found

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        left, right = (float(side) if isinstance(side, Decimal) else side for side in (left, right))
        return super().call_binop(context, operator, left, right)


def environment(finalize: Callable[[object], str]) -> Sandbox:
    """Returns the sandbox; `finalize` converts the value of an expression to text."""
    made = furnish(_RecordSandbox(undefined=Missing, finalize=finalize, keep_trailing_newline=True))
    for name in (*_TEXT_FILTERS, *FILTERS.keys() - {"tojson"}):
        made.filters[name] = _through(made.filters[name])
    made.filters["tojson"] = lambda value: tojson(None if isinstance(value, Missing) else value)
    made.tests["none"] = lambda value: value is None or isinstance(value, Missing)
    made.tests["defined"] = _is_defined
    made.tests["undefined"] = lambda value: not _is_defined(value)
    return made


def _is_defined(value: object) -> bool:
    return isinstance(value, NullValue) or not isinstance(value, Undefined)


def _through(change: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a filter so that it returns null for null."""

    @wraps(change)
    def changed(value: Any, *args: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, Missing) else change(value, *args, **kwargs)

    return changed


def plain(found: Any) -> Any:
    """Converts a value to JSON: null if it is absent, `BLANK` if an `if` without `else` is false."""
    if isinstance(found, ExactNumber):
        return Raw(found.text.encode())
    if isinstance(found, str | bool | int | float | Decimal):
        return found
    if isinstance(found, Undefined):
        return BLANK if type(found) is Undefined else None
    if isinstance(found, dict):
        return {str(key): plain(inner) for key, inner in found.items()}
    if isinstance(found, list | tuple):
        return [plain(inner) for inner in found]
    return None if found is None else as_text(found)
