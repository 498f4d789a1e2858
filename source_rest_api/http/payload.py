"""What a request carries, as values until it is sent, so that paging can put its fields in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
