"""What a request carries in its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, Field

from source_rest_api.errors import ConfigError
from source_rest_api.model import Json, Model, NamedTexts, Text, texts_of
from source_rest_api.templates import optional_values, templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def _check_templates(value: Any) -> Any:
    for text in _texts(value):
        templates.check(text)
    return value


def _check_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004 -- pydantic wants a ValueError
    return value


class JsonBody(Model):
    """A JSON body. Texts in it may be templates; one that is nothing but `{{ ... }}` becomes the value itself."""

    type: Literal["json"] = "json"
    value: Annotated[Json, AfterValidator(_check_templates)]
    """The body: any JSON value, or its text."""

    has_fields: ClassVar[bool] = True

    @property
    def texts(self) -> list[str]:
        """All texts in it, to find what their templates read."""
        return list(_texts(self.value))

    def render(self, context: Mapping[str, Any]) -> Payload:
        """Fill the templates in it."""
        return JsonPayload(optional_values.tree(self.value, context, templates.evaluate))


class FormBody(Model):
    """Form fields, percent-encoded (`application/x-www-form-urlencoded`)."""

    type: Literal["form"] = "form"
    fields: NamedTexts = {}
    """The fields. Their values may be templates."""

    has_fields: ClassVar[bool] = True

    @property
    def texts(self) -> list[str]:
        """All texts in it, to find what their templates read."""
        return texts_of(self.fields)

    def render(self, context: Mapping[str, Any]) -> Payload:
        """Fill the templates in it."""
        return FormPayload(optional_values.named(self.fields, context))


class TextBody(Model):
    """A body of any text, such as XML or a query language."""

    type: Literal["text"] = "text"
    text: Text
    """The text. It may be a template."""
    content_type: str = "text/plain; charset=utf-8"
    """What the API is told that it is, such as `text/xml; charset=utf-8`."""

    has_fields: ClassVar[bool] = False

    @property
    def texts(self) -> list[str]:
        """All texts in it, to find what their templates read."""
        return [self.text]

    def render(self, context: Mapping[str, Any]) -> Payload:
        """Fill the templates in it."""
        return TextPayload(templates.render(self.text, context), self.content_type)


class GraphqlBody(Model):
    """A GraphQL query. Paging that goes into the body goes into its variables."""

    type: Literal["graphql"] = "graphql"
    query: Text
    """The query. It may be a template; variables are the safer way to put values in."""
    variables: Annotated[Json, AfterValidator(_check_object), AfterValidator(_check_templates)] = {}
    """The variables: a JSON object, or its text. Texts in it may be templates."""

    has_fields: ClassVar[bool] = True

    @property
    def texts(self) -> list[str]:
        """All texts in it, to find what their templates read."""
        return [self.query, *_texts(self.variables)]

    def render(self, context: Mapping[str, Any]) -> Payload:
        """Fill the templates in it."""
        variables = optional_values.tree(self.variables, context, templates.evaluate)
        return JsonPayload({"query": templates.render(self.query, context), "variables": variables}, ("variables",))


Body: TypeAlias = Annotated[JsonBody | FormBody | TextBody | GraphqlBody, Field(discriminator="type")]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


_encode = msgspec.json.Encoder(decimal_format="number").encode


class JsonPayload(Struct, frozen=True):
    """A JSON value."""

    value: Any
    prefix: tuple[str, ...] = ()
    """Where fields stand: at the top, or below these keys (`variables` in GraphQL)."""
    content_type: str = "application/json"

    def with_field(self, name: str, value: int | str) -> JsonPayload:
        """Return it with a field added or replaced; dots in the name lead into inner objects.

        Raises:
            ConfigError: On the way stands something that is no object.
        """
        return replace(self, value=_placed(self.value, (*self.prefix, *name.split(".")), value))

    @property
    def names(self) -> list[str]:
        """Its fields, and those that stand where parameters are put."""
        inner = self.value
        for key in self.prefix:
            inner = inner.get(key) if isinstance(inner, dict) else None
        below = [".".join((*self.prefix, name)) for name in inner] if self.prefix and isinstance(inner, dict) else []
        return [*(self.value if isinstance(self.value, dict) else ()), *below]

    def encode(self) -> bytes:
        """The bytes to send. Decimals keep their digits."""
        return _encode(self.value)


class FormPayload(Struct, frozen=True):
    """Form fields, each with one value or several."""

    fields: Mapping[str, str | list[str]]
    content_type: str = "application/x-www-form-urlencoded"

    def with_field(self, name: str, value: int | str) -> FormPayload:
        """Return it with a field added or replaced."""
        return replace(self, fields={**self.fields, name: str(value)})

    @property
    def names(self) -> list[str]:
        """Its fields."""
        return list(self.fields)

    def encode(self) -> bytes:
        """The bytes to send."""
        return urlencode(self.fields, doseq=True).encode()


class TextPayload(Struct, frozen=True):
    """Text as it stands."""

    text: str
    content_type: str

    def with_field(self, name: str, value: int | str) -> TextPayload:  # noqa: ARG002
        """Text has no fields.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"`{name}` cannot be put into a text body: write `{{{{ next_page_token }}}}` in it.")

    @property
    def names(self) -> list[str]:
        """None: text has no fields."""
        return []

    def encode(self) -> bytes:
        """The bytes to send."""
        return self.text.encode()


Payload: TypeAlias = JsonPayload | FormPayload | TextPayload


def _placed(value: Any, path: Sequence[str], leaf: int | str) -> Any:
    if not path:
        return leaf
    if not isinstance(value, dict | None):
        raise ConfigError(
            f"The body has no object where `{path[0]}` should be put: check the parameters in `pagination`."
        )
    return {**(value or {}), path[0]: _placed((value or {}).get(path[0]), path[1:], leaf)}
