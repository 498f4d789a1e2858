"""Jinja's sandbox, made smaller: no way to Python's insides, and no results without bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from source_rest_api.templates.functions import FILTERS, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_TEXT = 100_000
"""Characters or items that one operation may make."""
_LARGEST_NUMBER = 10_000
"""Bits."""
_UNBOUNDED_FILTERS = ("attr", "batch", "center", "format", "indent", "slice", "wordwrap", "xmlattr")
_UNBOUNDED_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill"})
"""Functions that may make a huge text of a small one; `%` on texts is refused too."""


class StrictMissing(StrictUndefined):
    """A key that is not there: an error where it is used, but `or` and `if` take it for nothing."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class Sandbox(ImmutableSandboxedEnvironment):
    """Data goes before methods: `record.items` is the field, if there is one."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Returns the value of `obj.attribute`."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """True if a template may have it."""
        if isinstance(obj, str) and attr in _UNBOUNDED_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Nothing stands for `format`, which Jinja would let pass."""

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method, if what comes of it has a bound."""
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str) and obj.__name__ == "replace":
            replace(owner, *args, **kwargs)
        if isinstance(owner, str) and obj.__name__ == "join" and args and isinstance(args[0], list | tuple):
            _bound(sum(len(str(item)) + len(owner) for item in args[0]))
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute, if what comes of it has a bound."""
        sized = (str, bytes, list, tuple)
        if operator == "*" and (isinstance(left, sized) or isinstance(right, sized)):
            many, times = (left, right) if isinstance(left, sized) else (right, left)
            _bound(len(many) * times)
        elif operator == "+" and isinstance(left, sized) and isinstance(right, sized):
            _bound(len(left) + len(right))
        elif operator == "%" and isinstance(left, sized):
            raise SecurityError("texts are put together with `~`, not with `%`")
        elif operator == "**" or (operator == "*" and isinstance(left, int) and isinstance(right, int)):
            bits = left.bit_length() if isinstance(left, int) else 64
            if (bits * abs(right) if operator == "**" else bits + right.bit_length()) > _LARGEST_NUMBER:
                raise SecurityError("the number would be too large")
        return super().call_binop(context, operator, left, right)


def environment(finalize: Callable[[object], str]) -> Sandbox:
    """The sandbox with our functions and filters, where `finalize` makes text of a hole's value."""
    return furnish(Sandbox(undefined=StrictMissing, finalize=finalize, keep_trailing_newline=True))


def furnish(made: Sandbox) -> Sandbox:
    """Put our functions and filters in the place of Jinja's unbounded ones."""
    made.globals.clear()
    made.globals.update(FUNCTIONS)
    for name in _UNBOUNDED_FILTERS:
        del made.filters[name]
    made.filters.update({**FILTERS, "replace": replace})
    return made


def replace(text: object, old: str, new: str, count: int | None = None) -> str:
    """Jinja's filter `replace`, with a bound on what comes out."""
    found = str(text).count(old) if count is None else count
    _bound(len(str(text)) + found * len(new))
    return str(text).replace(old, new, -1 if count is None else count)


def _bound(size: int) -> None:
    if size > _LARGEST_TEXT:
        raise SecurityError(f"a step would give more than {_LARGEST_TEXT:,} characters or items")
