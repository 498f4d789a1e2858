"""Templates that read a record, each compiled once for all records of a stream.

A field that the record does not have is null. A missing key of the config or an interval is an error, as in requests.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.templates import scalars, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jinja2 import Template
    from jinja2.runtime import Context
    from jinja2.sandbox import SandboxedEnvironment

RECORD = "record"
"""The name of the record in templates."""
VALUE = "value"
"""The name of one value of a record in templates."""
_OTHERS = 8
"""Records are decoded to dicts from then on, if more than one in so many is not as the templates suggest."""

_typed_dict: Any = TypedDict
"""`TypedDict` with fields that are known only at run time, which type checkers do not allow."""


def fields(texts: Iterable[str], of: str = RECORD) -> list[str] | None:
    """Returns the fields of an object that these templates read, or None if they may read any field."""
    found: set[str] = set()
    for text in texts:
        for name, *keys in templates.references(text):
            if name != of:
                continue
            if keys and not hasattr(dict, keys[0]):
                found.add(keys[0])
            elif keys == ["get"] and (read := templates.fetched(text, of)) is not None:
                found |= read
            else:
                return None
    return sorted(found)


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
        self.context: Context = _empty().new_context(own)
        self._names = _Names(self.context.parent)
        # Templates look each name up by this method. A dict's own takes a tenth of the time of Jinja's.
        vars(self.context)["resolve_or_missing"] = self._names.__getitem__

    def around(self, record: dict[str, Any]) -> Context:
        """Returns the context for one record."""
        self._names[RECORD] = record
        return self.context

    def beside(self, value: Any) -> Context:
        """Returns the context for one value of a record."""
        self._names[VALUE] = value
        return self.context


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


class PageTemplates:
    """A condition on records and the values of fields to add, by one function for all records of a page.

    A record for which the function fails is done anew, template by template, so that the error names its template.

    Args:
        condition: The records to keep; by default all.
        values: The fields to add: templates, and values that are no text.
    """

    def __init__(self, condition: str | None, values: Mapping[str, Any]) -> None:
        from source_rest_api.templates import field_tree  # noqa: PLC0415 -- as above

        self._condition = condition
        self._values = values
        self._texts = [text for text in (condition, *values.values()) if isinstance(text, str)]
        self._tree = field_tree.read(self._texts, RECORD, absent=values)
        self._compile()

    def _compile(self) -> None:
        from source_rest_api.templates import field_tree, page_code  # noqa: PLC0415 -- as above

        tree = self._tree
        decode = peeker(self._texts, beside=self._values) if tree is None else field_tree.decoder(tree, self._values)
        self._way = page_code.function(_environment(), self._condition, self._values, tree), decode

    def fill(
        self,
        records: Sequence[Raw],
        surroundings: RecordContext,
        finish: Callable[[Raw, Sequence[Any]], Raw],
        *,
        at_end: bool,
    ) -> list[Raw]:
        """Returns the records to keep, with their fields.

        Args:
            records: The records that templates read.
            surroundings: The names that all of them share.
            finish: Returns a record with its fields, given their values in order; `BLANK` for none.
            at_end: True if new fields may also be written at the end of a record as it stands.

        Raises:
            ConfigError: A template cannot be filled.
        """
        others = 0

        def general(record: Raw) -> Raw | None:
            nonlocal others
            others += 1
            condition, values, decode = self._one_by_one
            context = surroundings.around(decode(record))
            if condition is not None and not condition.holds(context):
                return None
            return finish(record, [value(context) for value in values])

        run, decode = self._way
        if run is None:
            return [new for record in records if (new := general(record)) is not None]
        kept = run(surroundings.context)(records, decode, general, finish, at_end=at_end)
        if others * _OTHERS > len(records) and self._tree is not None:
            self._tree = None
            self._compile()
        return kept

    @cached_property
    def _one_by_one(self) -> tuple[RecordTemplate | None, list[Callable[[Context], Any]], Callable[[Raw], Any]]:
        values = [_value_of(given) for given in self._values.values()]
        return None if self._condition is None else RecordTemplate(self._condition), values, peeker(self._texts)


def _value_of(given: Any) -> Callable[[Context], Any]:
    return RecordTemplate(given).value if isinstance(given, str) else lambda _: given


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
