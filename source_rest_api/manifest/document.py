"""Reads a manifest: references resolved, `$parameters` handed down, and a type on every component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import first_versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Component: TypeAlias = dict[str, Any]
"""A component of a manifest: its `type`, its fields, and the `$parameters` that hold in it."""

PARAMETERS = "$parameters"
PARENTS_FIRST = "$parents_first"
"""The field of a stream in which the `$parameters` of outer components count more than those of inner ones."""
_REF = "$ref"
_SCHEMA_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_DEFAULT_TYPES = {
    "AddFields.fields": "AddedFieldDefinition",
    "CompositeErrorHandler.error_handlers": "DefaultErrorHandler",
    "DatetimeBasedCursor.end_datetime": "MinMaxDatetime",
    "DatetimeBasedCursor.end_time_option": "RequestOption",
    "DatetimeBasedCursor.start_datetime": "MinMaxDatetime",
    "DatetimeBasedCursor.start_time_option": "RequestOption",
    "DeclarativeSource.check": "CheckStream",
    "DeclarativeSource.spec": "Spec",
    "DeclarativeSource.streams": "DeclarativeStream",
    "DeclarativeStream.retriever": "SimpleRetriever",
    "DeclarativeStream.schema_loader": "JsonFileSchemaLoader",
    "DefaultErrorHandler.response_filters": "HttpResponseFilter",
    "DefaultPaginator.page_size_option": "RequestOption",
    "DynamicDeclarativeStream.components_resolver": "ConfigComponentsResolver",
    "DynamicDeclarativeStream.stream_template": "DeclarativeStream",
    "HttpRequester.error_handler": "DefaultErrorHandler",
    "ListPartitionRouter.request_option": "RequestOption",
    "ParentStreamConfig.request_option": "RequestOption",
    "ParentStreamConfig.stream": "DeclarativeStream",
    "RecordSelector.extractor": "DpathExtractor",
    "RecordSelector.record_filter": "RecordFilter",
    "SimpleRetriever.paginator": "NoPagination",
    "SimpleRetriever.record_selector": "RecordSelector",
    "SimpleRetriever.requester": "HttpRequester",
    "SubstreamPartitionRouter.parent_stream_configs": "ParentStreamConfig",
}
"""The type of a component without one, by the type of the component around it and the field."""


def read(path: Path) -> Component:
    """Reads the manifest in a file.

    Raises:
        ConfigError: The file cannot be read, or is not a manifest.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The manifest {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The manifest {path} is not UTF-8 text.") from None
    return load(text)


def load(text: str) -> Component:
    """Parses the YAML of a manifest. Dates stay texts; otherwise this is the YAML of Airbyte's own reader.

    Raises:
        ConfigError: It is not YAML, or not an object.
    """
    import yaml  # noqa: PLC0415 -- a manifest from the cache needs none; start-up counts

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        loaded = yaml.load(text, Loader=Loader)  # noqa: S506 -- it is a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError(f"The manifest is not valid YAML{place}. Correct it, or export it again.") from None
    return checked(loaded)


def checked(loaded: object) -> Component:
    """Returns a parsed manifest.

    Raises:
        ConfigError: It is not an object with streams.
    """
    if not isinstance(loaded, dict) or not (loaded.get("streams") or loaded.get("dynamic_streams")):
        raise ConfigError("The manifest has no `streams`. Give the `manifest.yaml` of a low-code connector.")
    return loaded


def resolved(manifest: Component) -> Component:
    """Returns a manifest with all references resolved.

    Raises:
        ConfigError: A reference leads nowhere, or in a circle.
    """
    parts = {name: value for name, value in manifest.items() if name not in {"definitions", "metadata"}}
    whole: Component = referred(manifest, parts)
    return whole


def completed(manifest: Component) -> Component:
    """Returns a resolved manifest whose components are complete in themselves."""
    return _complete("", {"type": "DeclarativeSource", **manifest}, {})


def referred(manifest: Component, value: Any) -> Any:
    """Returns a part of a manifest with what its references lead to.

    Raises:
        ConfigError: A reference leads nowhere, or in a circle.
    """
    return _References(manifest).followed(value, ())


def checked_streams(manifest: Component) -> list[str]:
    """Returns the names of the streams that the manifest's check reads; none if it names none."""
    check = referred(manifest, manifest.get("check") or {})
    return [str(name) for name in check.get("stream_names") or ()]


def lacking(component: Component) -> ConfigError:
    """Returns the error for a component without an equivalent."""
    name = component.get("class_name")
    if not name:
        return ConfigError(f"`{component.get('type')}` has no equivalent here")
    return ConfigError(
        f"`{name}` has no equivalent here: it decides which requests are sent. Write a recipe in `recipes.yaml` "
        "beside the manifest"
    )


class _References:
    """Follows the references of one manifest."""

    def __init__(self, root: Component) -> None:
        self._root = root
        self._known: dict[str, Any] = {}

    def followed(self, value: Any, within: tuple[str, ...]) -> Any:
        """Returns a value with what its references lead to; `within` are the references that it came from."""
        if isinstance(value, list):
            return [self.followed(item, within) for item in value]
        if isinstance(value, str):
            return self._at(value, within) if _is_reference(value) else value
        if not isinstance(value, dict):
            return value
        own = {name: self.followed(inner, within) for name, inner in value.items() if name != _REF}
        if _REF not in value:
            return own
        referred = self._at(value[_REF], within)
        return {**referred, **own} if isinstance(referred, dict) else referred

    def _at(self, reference: Any, within: tuple[str, ...]) -> Any:
        if isinstance(reference, dict):  # a field of a schema that is called `$ref`
            return self.followed(reference, within)
        if reference in within:
            raise ConfigError(f"The manifest refers to `{reference}` in a cycle. Remove one of the references.")
        if reference not in self._known:
            self._known[reference] = self.followed(self._find(reference), (*within, reference))
        return self._known[reference]

    def _find(self, reference: str) -> Any:
        found: Any = self._root
        keys = _keys(reference)
        while keys:
            for count in range(1, len(keys) + 1):
                key = "/".join(keys[:count])
                if isinstance(found, dict) and key in found:
                    found, keys = found[key], keys[count:]
                    break
                if isinstance(found, list) and count == 1 and key.isdecimal() and int(key) < len(found):
                    found, keys = found[int(key)], keys[1:]
                    break
            else:
                raise ConfigError(f"The manifest refers to `{reference}`, which it does not have. Correct the `$ref`.")
        return found


def _is_reference(text: str) -> bool:
    return text.startswith("#/definitions/") or (text.startswith("*ref(") and text.endswith(")"))


def _keys(reference: str) -> list[str]:
    if reference.startswith("*ref("):
        return reference[len("*ref(") : -1].split(".")
    return reference.removeprefix("#/").split("/")


def _complete(
    place: str, component: Mapping[str, Any], above: Mapping[str, Any], *, parents_first: bool = False
) -> Component:
    """Returns a component with its type, and with the parameters of the components around it.

    Args:
        place: The type of the component around it, and the field.
        component: The component, or any other object.
        above: The parameters of the components around it.
        parents_first: True if those count more than its own.
    """
    result = first_versions.renewed(dict(component))
    if "type" not in result and place in _DEFAULT_TYPES and "class_name" not in result:
        result["type"] = _DEFAULT_TYPES[place]
    kind = result.get("type")
    if not (isinstance(kind, str) or "class_name" in result) or kind in _SCHEMA_TYPES:
        return (
            _inside(place, result, above, parents_first=parents_first)
            if _holds_components(result) and kind is None
            else result
        )
    own = result.pop(PARAMETERS, None)
    own = own if isinstance(own, dict) else {}
    parents_first = result.pop(PARENTS_FIRST, parents_first)
    parameters = {**own, **above} if parents_first else {**above, **own}
    for name, value in parameters.items():
        if name != _SCHEMA or kind in _STREAMS:
            result[name] = result.get(name) or value
    for name, value in result.items():
        inner = {key: given for key, given in parameters.items() if key != name}
        field = f"{kind}.{name}"
        if isinstance(value, dict):
            result[name] = _complete(field, value, inner, parents_first=parents_first)
        elif isinstance(value, list):
            result[name] = [
                _complete(field, item, inner, parents_first=parents_first) if isinstance(item, dict) else item
                for item in value
            ]
    if parameters:
        result[PARAMETERS] = parameters
    return result


_SCHEMA = "schema_loader"
"""A parameter that is not copied into all components, because it may be large. Only streams have such a field."""
_STREAMS = {"DeclarativeStream", "DynamicDeclarativeStream", "StateDelegatingStream"}


def _holds_components(value: Mapping[str, Any]) -> bool:
    return any(isinstance(inner, dict) and inner.get("type") for inner in value.values())


def _inside(place: str, value: Component, above: Mapping[str, Any], *, parents_first: bool) -> Component:
    """Completes the components in an object that is none itself, such as the authenticators to select from."""
    return {
        name: _complete(place, inner, above, parents_first=parents_first)
        if isinstance(inner, dict) and inner.get("type")
        else inner
        for name, inner in value.items()
    }
