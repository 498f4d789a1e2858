"""Fields of components that change what a stream reads and have no equivalent here: they are named, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component

_REFUSED: dict[str, tuple[str, ...]] = {
    "RecordExpander": ("truncation_indicator_path", "truncated_list_retriever"),
}
"""The fields by the type of their component."""
_HARMLESS: tuple[Any, ...] = (None, "", False, [], {}, {"type": "JsonDecoder"})
"""Values that say the same as no value."""
_OTHERS = {"schema_loader", "stream"}
"""Fields with components that are translated on their own: a schema, and the stream above."""


def check(component: Component, place: str = "") -> None:
    """Checks the components of a stream.

    Args:
        component: The stream, or a component in it.
        place: Its place in the stream.

    Raises:
        ConfigError: One has a field without an equivalent; the error names both.
    """
    refused = _REFUSED.get(str(component.get("type")), ())
    for name, value in component.items():
        inner = f"{place}.{name}" if place else name
        if name in refused and _without_parameters(value) not in _HARMLESS:
            raise ConfigError(f"`{name}` of `{component['type']}` has no equivalent here").at(inner)
        if name in _OTHERS or name.startswith("$"):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                check(each, inner)


def _without_parameters(value: Any) -> Any:
    return {name: of for name, of in value.items() if name != "$parameters"} if isinstance(value, dict) else value
