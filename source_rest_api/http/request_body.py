"""Request bodies: their settings, and the payloads that they render to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlencode

from msgspec import Raw, Struct
from msgspec.structs import replace
from pydantic import AfterValidator

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.lazy_models import ByType
from source_rest_api.model import Json, Model, NamedTexts, Text, texts_of
from source_rest_api.templates import optional_values, templates
from source_rest_api.unset import UnsetBranch


def check_templates(value: Any) -> Any:
    """Return a JSON value; raise ValueError if a text in it is not a valid template."""
    for text in texts_in(value):
        templates.check(text)
    return value


def _check_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004 -- pydantic wants a ValueError
    return value


class JsonBody(Model):
    """A JSON body. Texts in it may be templates; a text that is only `{{ ... }}` is replaced by the value itself."""

    type: Literal["json"] = "json"
    value: Annotated[Json, AfterValidator(check_templates)]
    """The body: any JSON value, or JSON as text."""

    has_fields: ClassVar[bool] = True

    @property
    def texts(self) -> list[str]:
        """All texts in the body, to find the names that their templates read."""
        return list(texts_in(self.value))

    def render(self, context: Mapping[str, Any]) -> "Payload":
        """Return the payload, with all templates rendered."""
        return JsonPayload(optional_values.tree(self.value, context, templates.evaluate))


class FormBody(Model):
    """Form fields, percent-encoded (`application/x-www-form-urlencoded`)."""

    type: Literal["form"] = "form"
    fields: NamedTexts = {}
    """The form fields. Their values may be templates."""

    has_fields: ClassVar[bool] = True

    @property
    def texts(self) -> list[str]:
        """All texts in the body, to find the names that their templates read."""
        return texts_of(self.fields)

    def render(self, context: Mapping[str, Any]) -> "Payload":
        """Return the payload, with all templates rendered."""
        return FormPayload(optional_values.named(self.fields, context))


class TextBody(Model):
    """A body of any text, such as XML or a query language."""

    type: Literal["text"] = "text"
    text: Text
    """The text. It may be a template."""
    content_type: str = "text/plain; charset=utf-8"
    """The `Content-Type` of the body, such as `text/xml; charset=utf-8`."""

    has_fields: ClassVar[bool] = False

    @property
    def texts(self) -> list[str]:
        """All texts in the body, to find the names that their templates read."""
        return [self.text]

    def render(self, context: Mapping[str, Any]) -> "Payload":
        """Return the payload, with all templates rendered."""
        return TextPayload(templates.render(self.text, context), self.content_type)


class GraphqlBody(Model):
    """A GraphQL query. Pagination parameters in the body become its variables."""

    type: Literal["graphql"] = "graphql"
    query: Text
    """The query. It may be a template, but variables are the safer way to pass values."""
    variables: Annotated[Json, AfterValidator(_check_object), AfterValidator(check_templates)] = {}
    """The variables: a JSON object, or JSON as text. Texts in it may be templates."""

    has_fields: ClassVar[bool] = True

    @property
    def only_reads(self) -> bool:
        """True if it has no mutation, so it may be sent twice."""
        return "mutation" not in self.query

    @property
    def texts(self) -> list[str]:
        """All texts in the body, to find the names that their templates read."""
        return [self.query, *texts_in(self.variables)]

    def render(self, context: Mapping[str, Any]) -> "Payload":
        """Return the payload, with all templates rendered."""
        variables = optional_values.tree(self.variables, context, templates.evaluate)
        return JsonPayload({"query": templates.render(self.query, context), "variables": variables}, ("variables",))


Body: TypeAlias = Annotated[JsonBody | FormBody | TextBody | GraphqlBody, ByType()]
OptionalBody: TypeAlias = Annotated[Body | None, UnsetBranch("none", "No body", "The requests have no body.")]


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


class JsonPayload(Struct, frozen=True):
    """A JSON value; parts of it may be undecoded JSON."""

    value: Any
    prefix: tuple[str, ...] = ()
    """Keys below which fields are added (`variables` in GraphQL); by default at the top level."""
    content_type: str = "application/json"

    def with_field(self, name: str, value: Any) -> "JsonPayload":
        """Return a copy with a field added or replaced; dots in the name lead into inner objects.

        Raises:
            ConfigError: A value on the path is not an object.
        """
        leaf = Raw(value.json.encode()) if isinstance(value, JsonValue) else value
        return replace(self, value=_placed(self.value, (*self.prefix, *name.split(".")), leaf, name))

    @property
    def names(self) -> list[str]:
        """Its fields, and those that stand where parameters are put."""
        inner = self.value
        for key in self.prefix:
            inner = inner.get(key) if isinstance(inner, dict) else None
        below = [".".join((*self.prefix, name)) for name in inner] if self.prefix and isinstance(inner, dict) else []
        return [*(self.value if isinstance(self.value, dict) else ()), *below]

    def encode(self) -> bytes:
        """Return the bytes to send. Decimals keep all their digits."""
        return raw_json.encode(self.value)


class FormPayload(Struct, frozen=True):
    """Form fields, each with one value or several."""

    fields: Mapping[str, str | list[str]]
    content_type: str = "application/x-www-form-urlencoded"

    def with_field(self, name: str, value: int | str | JsonValue) -> "FormPayload":
        """Return a copy with a field added or replaced.

        Raises:
            ConfigError: The value is an array or an object.
        """
        if isinstance(value, JsonValue):
            raise not_text(name)
        return replace(self, fields={**self.fields, name: str(value)})

    @property
    def names(self) -> list[str]:
        """Its fields."""
        return list(self.fields)

    def encode(self) -> bytes:
        """Return the bytes to send."""
        return urlencode(self.fields, doseq=True).encode()


class TextPayload(Struct, frozen=True):
    """A text, sent unchanged."""

    text: str
    content_type: str

    def with_field(self, name: str, value: int | str | JsonValue) -> "TextPayload":  # noqa: ARG002
        """Reject the field: a text body has no fields.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"`{name}` cannot be added to a text body: write `{{{{ next_page_token }}}}` at its place in `body.text`."
        )

    @property
    def names(self) -> list[str]:
        """None: text has no fields."""
        return []

    def encode(self) -> bytes:
        """Return the bytes to send."""
        return self.text.encode()


Payload: TypeAlias = JsonPayload | FormPayload | TextPayload


def not_text(name: str) -> ConfigError:
    """Return the error for an array or object where only text can be sent."""
    return ConfigError(
        f"The position of the next page is an array or an object, which cannot be sent as `{name}`: set "
        "`pagination.in: body`, or have `pagination` read the single value in it (`cursor_path`, `cursor` or `field`). "
        "To send it as JSON text, set `cursor: response.next | tojson`."
    )


def _placed(value: Any, path: Sequence[str], leaf: Any, name: str) -> Any:
    """Return a value with `leaf` placed at a path. Only null is replaced by an object; other values would be lost."""
    if not path:
        return leaf
    if isinstance(value, Raw) and raw_json.kind(value) in {"object", "null"}:
        value = raw_json.fields(value)
    if not isinstance(value, dict | None):
        raise ConfigError(
            f"The body has no object in which to put `{path[0]}`: check the endpoint's `body`, and the setting that "
            f"adds `{name}` to it (`pagination`, `incremental` or `authentication`)."
        )
    return {**(value or {}), path[0]: _placed((value or {}).get(path[0]), path[1:], leaf, name)}
