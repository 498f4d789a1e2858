"""Templates that read a record, each compiled once for all records of a stream.

A field that the record does not have is null. A missing key of the config or an interval is an error, as in requests.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

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


def peeker(texts: Iterable[str], of: str = RECORD) -> Callable[[Raw], dict[str, Any]]:
    """Returns a decoder that decodes only the fields of an object that these templates read."""
    from source_rest_api.templates.record_sandbox import ExactNumber  # noqa: PLC0415 -- brings Jinja in, and start-up counts

    used = fields(texts, of)
    kind = dict[str, Any] if used is None else _typed_dict("Used", dict.fromkeys(used, Any), total=False)
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

    def around(self, record: dict[str, Any]) -> Context:
        """Returns the context for one record."""
        self._context.vars[RECORD] = record
        return self._context

    def beside(self, value: Any) -> Context:
        """Returns the context for one value of a record."""
        self._context.vars[VALUE] = value
        return self._context


class RecordTemplate:
    """A compiled template that is filled for each record.

    Args:
        text: The template. A single `{{ … }}` returns the value of the expression; any other template returns text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        expression = templates.expression(text)
        source = text if expression is None else f"{{% set result = ({expression}) %}}"
        self._run = _environment().from_string(source).root_render_func
        self._is_text = expression is None
        from source_rest_api.templates.record_sandbox import plain  # noqa: PLC0415 -- as above

        self._plain = plain

    def value(self, context: Context) -> Any:
        """Fills the template for the record of a context.

        Returns:
            The value as JSON; null if it is absent. `BLANK` if the condition of an `{{ … if … }}` is false.

        Raises:
            ConfigError: The sandbox refuses the template, a function fails, or it combines values of different types.
        """
        found = self._found(context)
        return found if self._is_text or type(found) is str else self._plain(found)

    def holds(self, context: Context) -> bool:
        """True if the value is true, not empty and not zero.

        Raises:
            ConfigError: See `value`.
        """
        return bool(self._found(context))

    def _found(self, context: Context) -> Any:
        try:
            if self._is_text:
                return templates.joined(self._run(context))
            pieces = self._run(context)
            for _ in pieces:
                pass
            return context.vars["result"]
        except TypeError as error:
            raise ConfigError(
                f"The template `{self._text}` cannot be filled for a record ({error}). Convert values to the same type "
                "with `|int`, `|float` or `|string`."
            ) from None
        except Exception:
            with templates.Filling(self._text):
                raise


@cache
def _empty() -> Template:
    """Returns an empty template, to create contexts with it; compiling it takes longer than creating one."""
    return _environment().from_string("")


@cache
def _environment() -> SandboxedEnvironment:
    from source_rest_api.templates.record_sandbox import Missing, environment  # noqa: PLC0415 -- as above

    def text(value: object) -> str:
        return "" if value is None or isinstance(value, Missing) else scalars.as_text(value)

    return environment(text)
