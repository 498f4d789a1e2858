"""The base model of every component, and the field types that components share."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema, WrapValidator
from typing_extensions import Self, get_protocol_members

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json, setting_text
from source_rest_api.spellings import PATH, PATHS, SCALAR, TEXTS, InFile, mapping
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_WORDS = {
    "api": "API",
    "auth": "authentication",
    "aws": "AWS",
    "ca": "CA",
    "csv": "CSV",
    "graphql": "GraphQL",
    "http": "HTTP",
    "id": "ID",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "jwt": "JWT",
    "oauth1": "OAuth 1",
    "oauth2": "OAuth 2",
    "param": "parameter",
    "params": "parameters",
    "post": "retry POST",
    "tls": "TLS",
    "url": "URL",
    "urls": "URLs",
    "xml": "XML",
    "yaml": "YAML",
}


def _title(name: str, *_: object) -> str:
    """Returns a name such as `page_size_param` or `LinkHeader` as a title in the form."""
    words = re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", name).lower().split()
    text = " ".join(_WORDS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


class Model(BaseModel):
    """A part of the config: frozen, without unknown keys, and with errors that never show values."""

    model_config = ConfigDict(
        allow_inf_nan=False,
        defer_build=True,  # only the model that is validated builds a validator, not each of its parts
        extra="forbid",
        field_title_generator=_title,
        frozen=True,
        hide_input_in_errors=True,
        model_title_generator=lambda model: _title(model.__name__),
        validate_default=True,
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; whatever the original computed from its fields once, the copy computes anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def with_values(self, **values: Any) -> Self:
        """A copy with other values; the model itself, with all that it computed, if it has these values already."""
        same = all(getattr(self, name) == value for name, value in values.items())
        return self if same else self.model_copy(update=values)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        """Returns the JSON schema, with the docstrings of the fields as descriptions."""
        from source_rest_api import field_docs  # noqa: PLC0415 -- only the form needs them

        schema: JsonSchemaValue = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for model in cls.__mro__[: cls.__mro__.index(Model)]:
            for name, text in field_docs.of(model).items():
                field = cls.model_fields.get(name)
                shown = properties.get(name if field is None else field.alias or name)
                if shown is not None:
                    shown.setdefault("description", text)
        return schema


def _text(value: object) -> object:
    """Converts numbers and booleans to text, spelled as in JSON, because APIs expect that."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def _check_template(value: object) -> object:
    if isinstance(value, str):
        templates.check(value)
    return value


def _texts(value: object) -> object:
    """Validates one text, or a list of texts for the same name. Null is no text."""
    texts = [_text(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("must be text, a number, true, false, or a list of these")
    for text in texts:
        _check_template(text)
    return texts if isinstance(value, list) or not texts else texts[0]


def _segments(value: object) -> object:
    keys = raw_json.keys(value) if isinstance(value, str) else value
    if not isinstance(keys, list | tuple) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise ValueError("must be keys separated by dots, such as `data.items`, or a list of keys")
    return tuple(keys)


def _template_segments(value: object) -> object:
    """Validates a path, or the template of one, which is split at its dots only once it is rendered."""
    if not isinstance(value, str) or "{{" not in value:
        return _segments(value)
    templates.check(value)
    return (value,)


def _mapping(value: object) -> object:
    """Converts `[{name, value}, ...]` to a mapping, because Airbyte's form has no free maps."""
    if not isinstance(value, list):
        return value
    result: dict[str, Any] = {}
    for index, item in enumerate(value):
        if not isinstance(item, dict) or not {"name"} <= set(item) <= {"name", "value"}:
            raise ValueError(f"entry {index} must be an object with `name` and `value`")
        if not isinstance(item["name"], str):
            raise ValueError(f"entry {index}: `name` must be text")  # noqa: TRY004 -- pydantic wants a ValueError
        if item["name"] in result:
            raise ValueError(f"entry {index} repeats the name of an earlier entry; give several values as one list")
        result[item["name"]] = item.get("value", "")
    return result


def _one_or_many(value: object) -> object:
    if not isinstance(value, str | list | tuple):
        raise ValueError("must be a path such as `id`, or a list of paths")  # noqa: TRY004 -- as above
    return [value] if isinstance(value, str) else value


def _named(value_title: str) -> WithJsonSchema:
    """Returns the schema of an array of `{name, value}`, for the form."""
    properties = {
        "name": {"type": "string", "title": "Name", "order": 0},
        "value": {"type": "string", "title": value_title, "order": 1},
    }
    items = {"type": "object", "required": ["name", "value"], "properties": properties}
    return WithJsonSchema({"type": "array", "items": items}, mode="validation")


Text: TypeAlias = Annotated[str, BeforeValidator(_check_template), BeforeValidator(_text), InFile(SCALAR)]
"""Text in which `{{ ... }}` is a template; numbers and booleans are converted to text as in JSON."""


def own(*contracts: type, advice: str) -> WrapValidator:
    """Lets a component of a connector's own stand where the built-in kinds do: a `Model` that keeps a contract.

    Args:
        contracts: Protocols, one of which it has to keep.
        advice: The way to keep it, for the error of a component that keeps none.
    """
    members = [sorted(get_protocol_members(contract)) for contract in contracts]

    def validate(value: object, built_in: Callable[[object], object]) -> object:
        if not isinstance(value, Model):
            return built_in(value)
        lacks = [[f"`{name}`" for name in names if not hasattr(value, name)] for names in members]
        if all(lacks):
            raise ValueError(f"`{type(value).__name__}` has no {' and no '.join(map(', '.join, lacks))}; {advice}")
        return value

    return WrapValidator(validate)


Secret: TypeAlias = Annotated[SecretStr, Field(json_schema_extra={"airbyte_secret": True})]
"""A secret text, which is masked in all output."""

SecretLines: TypeAlias = Annotated[SecretStr, Field(json_schema_extra={"airbyte_secret": True, "multiline": True})]
"""A secret text of several lines, such as a PEM."""

Path: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_segments), WithJsonSchema({"type": "string"}, mode="validation"), InFile(PATH)
]
"""Keys from the outside in, written with dots (`data.items`). A dot within a key is `\\.`; or write a list of keys."""

PathTemplate: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_template_segments),
    WithJsonSchema({"type": "string"}, mode="validation"),
    InFile(PATH),
]
"""A `Path` with templates that may read the config."""

PathTemplates: TypeAlias = Annotated[
    tuple[PathTemplate, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
    InFile(PATHS),
]
"""One path or several, with templates."""

Paths: TypeAlias = Annotated[
    tuple[Path, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
    InFile(PATHS),
]
"""One path or several, as in a primary key."""

NamedTexts: TypeAlias = Annotated[
    dict[str, Annotated[str | list[str], BeforeValidator(_texts)]],
    BeforeValidator(_mapping),
    _named("Value"),
    InFile(mapping(TEXTS)),
]
"""Query parameters or headers: a mapping, or an array of `{name, value}`."""

NamedSecrets: TypeAlias = Annotated[
    dict[str, Annotated[SecretStr, BeforeValidator(_text)]],
    BeforeValidator(partial(setting_text.from_yaml, empty={})),
    WithJsonSchema({"type": "string", "airbyte_secret": True, "multiline": True}, mode="validation"),
    InFile({"type": ["string", "object"], "additionalProperties": SCALAR}),
]
"""Secrets by name: a mapping, or its YAML text."""

NamedPaths: TypeAlias = Annotated[
    dict[str, str], BeforeValidator(_mapping), _named("Path"), InFile(mapping({"type": "string"}))
]
"""Paths of values by their new field names: a mapping, or an array of `{name, value}`."""

Replacements: TypeAlias = Annotated[
    dict[str, str], BeforeValidator(_mapping), _named("Replacement"), InFile(mapping({"type": "string"}))
]
"""Texts and their replacements: a mapping, or an array of `{name, value}`."""

NamedJson: TypeAlias = Annotated[dict[str, Any], BeforeValidator(_mapping), _named("Value"), InFile(mapping({}))]
"""Values of any type by name: a mapping, or an array of `{name, value}`."""

Json: TypeAlias = Annotated[
    Any,
    BeforeValidator(setting_text.from_json),
    WithJsonSchema({"type": "string", "multiline": True}, mode="validation"),
    InFile({"type": ["object", "array", "string", "number", "boolean", "null"]}),
]
"""Any JSON value, or its JSON text."""


def filled_path(path: Path, context: Mapping[str, Any]) -> Path:
    """Renders the templates of a path.

    Raises:
        ConfigError: A template cannot be rendered, or its result is not a path.
    """
    if not any("{{" in key for key in path):
        return path
    texts = [templates.render(key, context) for key in path]
    try:
        return tuple(_segments(texts[0] if len(texts) == 1 else texts))  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"The template `{'.'.join(path)}` does not give a path: it {error}.") from None


def texts_of(*named: dict[str, str | list[str]]) -> list[str]:
    """Returns all values of mappings such as parameters and headers."""
    values = [value for mapping in named for value in mapping.values()]
    return [text for value in values for text in (value if isinstance(value, list) else [value])]
