"""A stricter Jinja sandbox: no access to Python internals, and a limit on the size of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from source_rest_api.templates import missing_keys
from source_rest_api.templates.functions import FILTERS, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

_LARGEST_TEXT = 100_000
"""Maximum characters or items in the result of one operation."""
_LARGEST_NUMBER = 10_000
"""Maximum bits of an integer result."""
_UNBOUNDED_FILTERS = ("attr", "batch", "center", "format", "indent", "slice", "wordwrap", "xmlattr")
_UNBOUNDED_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill"})
"""Methods that can create a huge text from a small one. `%` on texts is refused too."""


class StrictMissing(StrictUndefined):
    """A missing key: an error if it is used, but false in `or` and `if`."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    @property
    def _undefined_message(self) -> str:
        message = super()._undefined_message
        name, owner = self._undefined_name, self._undefined_obj
        known = filter(str.isidentifier, filter(_is_text, owner)) if isinstance(owner, dict) else ()
        return message + missing_keys.hint(str(name), known)


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox where data takes precedence over methods: `record.items` is the field, if there is one."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Returns the names that all templates know, as a dict: filling a template copies them."""
        return {**self.globals, **(d or {})}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Returns the value of `obj.attribute`."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """True if templates may read the attribute."""
        if isinstance(obj, str) and attr in _UNBOUNDED_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Returns None, so `format` is refused as unsafe; Jinja would allow its own version of it."""

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls a function or method, if its result is not too large."""
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str) and obj.__name__ == "replace":
            replace(owner, *args, **kwargs)
        if isinstance(owner, str) and obj.__name__ == "join" and args and isinstance(args[0], list | tuple):
            _bound(sum(len(str(item)) + len(owner) for item in args[0]))
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Computes an operation, if its result is not too large."""
        sized = (str, bytes, list, tuple)
        if operator == "*" and (isinstance(left, sized) or isinstance(right, sized)):
            many, times = (left, right) if isinstance(left, sized) else (right, left)
            _bound(len(many) * times)
        elif operator == "+" and isinstance(left, sized) and isinstance(right, sized):
            _bound(len(left) + len(right))
        elif operator == "%" and isinstance(left, sized):
            raise SecurityError("`%` on texts is not allowed; join texts with `~`")
        elif operator == "**" or (operator == "*" and isinstance(left, int) and isinstance(right, int)):
            bits = left.bit_length() if isinstance(left, int) else 64
            if (bits * abs(right) if operator == "**" else bits + right.bit_length()) > _LARGEST_NUMBER:
                raise SecurityError("the number would be too large")
        return super().call_binop(context, operator, left, right)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def environment(finalize: Callable[[object], str]) -> Sandbox:
    """Returns a sandbox with our functions and filters; `finalize` converts the value of an expression to text."""
    return furnish(Sandbox(undefined=StrictMissing, finalize=finalize, keep_trailing_newline=True))


def furnish(made: Sandbox) -> Sandbox:
    """Replaces Jinja's functions and its unbounded filters with ours, and returns the sandbox."""
    made.globals.clear()
    made.globals.update(FUNCTIONS)
    for name in _UNBOUNDED_FILTERS:
        del made.filters[name]
    made.filters.update({**FILTERS, "replace": replace})
    return made


def replace(text: object, old: str, new: str, count: int | None = None) -> str:
    """Works like Jinja's filter `replace`, with a limit on the size of the result."""
    found = str(text).count(old) if count is None else count
    _bound(len(str(text)) + found * len(new))
    return str(text).replace(old, new, -1 if count is None else count)


def _bound(size: int) -> None:
    if size > _LARGEST_TEXT:
        raise SecurityError(f"the result would have more than {_LARGEST_TEXT:,} characters or items")
