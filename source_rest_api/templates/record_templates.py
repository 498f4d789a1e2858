"""Templates that read a record, each compiled once for all records of a stream.

A field that the record does not have is null. A missing key of the config or an interval is an error, as in requests.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.templates import scalars, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2 import Template
    from jinja2.runtime import Context
    from jinja2.sandbox import SandboxedEnvironment

RECORD = "record"
"""The name of the record in templates."""
VALUE = "value"
"""The name of one value of a record in templates."""


_typed_dict: Any = TypedDict
"""`TypedDict` with fields that are known only at run time, which type checkers do not allow."""


def fields(texts: Iterable[str], of: str = RECORD) -> list[str] | None:
    """Returns the fields of an object that these templates read, or None if they may read any field."""
    used = [keys for text in texts for name, *keys in templates.references(text) if name == of]
    if all(keys and not hasattr(dict, keys[0]) for keys in used):
        return sorted({keys[0] for keys in used})
    return None


def peeker(texts: Iterable[str], of: str = RECORD, beside: Iterable[str] = ()) -> Callable[[Raw], dict[str, Any]]:
    """Returns a decoder that decodes only the fields of an object that these templates read.

    Args:
        texts: The templates.
        of: The name of the object in them.
        beside: Further fields, which are found but not decoded.
    """
    from source_rest_api.templates.record_sandbox import ExactNumber  # noqa: PLC0415 -- brings Jinja in, and start-up counts

    used = fields(texts, of)
    kinds = None if used is None else {**dict.fromkeys(beside, Raw), **dict.fromkeys(used, Any)}
    kind = dict[str, Any] if kinds is None else _typed_dict("Used", kinds, total=False)
    return msgspec.json.Decoder(kind, float_hook=ExactNumber).decode


def decode(value: Raw) -> Any:
    """Decodes a whole value for templates."""
    return _decoder()(value)


@cache
def _decoder() -> Callable[[Raw], Any]:
    from source_rest_api.templates.record_sandbox import ExactNumber  # noqa: PLC0415 -- as above

    return msgspec.json.Decoder(float_hook=ExactNumber).decode


class RecordContext:
    """The template context that all records of a page share: config, partition and interval.

    Args:
        names: The values of all names except `record`.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        from source_rest_api.templates.record_sandbox import StrictDict  # noqa: PLC0415 -- as above

        settings = {"config", "stream_interval"}
        own = {name: StrictDict.of(value) if name in settings else value for name, value in names.items()}
        slice_ = own.get("stream_slice")
        if isinstance(slice_, dict):
            own["stream_slice"] = StrictDict(slice_)
        self._context: Context = _empty().new_context(own)
        self._names = _Names(self._context.parent)
        # Templates look each name up by this method. A dict's own takes a tenth of the time of Jinja's.
        vars(self._context)["resolve_or_missing"] = self._names.__getitem__

    def around(self, record: dict[str, Any]) -> Context:
        """Returns the context for one record."""
        self._names[RECORD] = record
        return self._context

    def beside(self, value: Any) -> Context:
        """Returns the context for one value of a record."""
        self._names[VALUE] = value
        return self._context


class _Names(dict[str, Any]):
    """The values of a template's names. For an absent name it gives Jinja's own mark."""

    def __missing__(self, name: str) -> object:
        from jinja2.utils import missing  # noqa: PLC0415 -- as above

        return missing


class RecordTemplate:
    """A compiled template that is filled for each record.

    Args:
        text: The template. A single `{{ … }}` returns the value of the expression; any other template returns text.
        of: What it is filled for, in errors.
    """

    def __init__(self, text: str, of: str = "record") -> None:
        from source_rest_api.templates import value_code  # noqa: PLC0415 -- as above
        from source_rest_api.templates.record_sandbox import plain  # noqa: PLC0415 -- as above

        self._text = text
        self._of = of
        self._plain = plain
        self._run = value_code.function(_environment(), text)

    def value(self, context: Context) -> Any:
        """Fills the template for the record of a context.

        Returns:
            The value as JSON; null if it is absent. `BLANK` if the condition of an `{{ … if … }}` is false.

        Raises:
            ConfigError: The sandbox refuses the template, a function fails, or it combines values of different types.
        """
        try:
            found = self._run(context)
        except Exception as error:  # noqa: BLE001 -- a template may fail in any way
            self._fail(error)
        return found if type(found) is str else self._plain(found)

    def holds(self, context: Context) -> bool:
        """True if the value is true, not empty and not zero.

        Raises:
            ConfigError: See `value`.
        """
        try:
            return bool(self._run(context))
        except Exception as error:  # noqa: BLE001 -- as above
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, TypeError):
            raise ConfigError(
                f"The template `{self._text}` cannot be filled for a {self._of} ({error}). Convert values to the same "
                "type with `|int`, `|float` or `|string`."
            ) from None
        with templates.Filling(self._text):
            raise error


@cache
def _empty() -> Template:
    """Returns an empty template, to create contexts with it; compiling it takes longer than creating one."""
    return _environment().from_string("")


@cache
def _environment() -> SandboxedEnvironment:
    from source_rest_api.templates.record_sandbox import Missing, environment  # noqa: PLC0415 -- as above

    def text(value: object) -> str:
        if type(value) is str:
            return value
        return "" if value is None or isinstance(value, Missing) else scalars.as_text(value)

    return environment(text)
