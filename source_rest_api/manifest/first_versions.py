"""Components of the first versions (0.1 to 0.29), as they are written now."""

from __future__ import annotations

from typing import Any

_TYPES = {
    "CartesianProductStreamSlicer": "CartesianProduct",
    "DatetimeStreamSlicer": "DatetimeBasedCursor",
    "JsonSchema": "JsonFileSchemaLoader",
    "LimitPaginator": "DefaultPaginator",
    "ListStreamSlicer": "ListPartitionRouter",
    "SingleSlice": "SingleSlice",
    "SubstreamSlicer": "SubstreamPartitionRouter",
    "TokenAuthenticator": "BearerAuthenticator",
}
"""Types by what they are called now."""
_FIELDS = {
    "limit_option": "page_size_option",
    "slice_definition": "cursor_field",
    "slice_values": "values",
    "stream_slice_field": "partition_field",
}
_OPTIONS = "$options"
_CDK = "airbyte_cdk."


def renewed(component: dict[str, Any]) -> dict[str, Any]:
    """Returns a component as it is written now."""
    if _OPTIONS in component:
        given = {name: value for name, value in component.items() if name != _OPTIONS}
        component = {**given, "$parameters": component[_OPTIONS]}
    kind = _kind(component)
    if kind in _TYPES:
        component = {_FIELDS.get(name, name): value for name, value in component.items() if name != "class_name"}
        component["type"] = _TYPES[kind]
    retriever = component.get("retriever")
    if isinstance(retriever, dict) and "stream_slicer" in retriever:
        component["retriever"] = {name: value for name, value in retriever.items() if name != "stream_slicer"}
        routers = []
        for slicer in _slicers(retriever["stream_slicer"]):
            if _kind(slicer).startswith("Datetime"):
                component["incremental_sync"] = slicer
            elif _kind(slicer) != "SingleSlice":
                routers.append(slicer)
        if routers:
            component["retriever"]["partition_router"] = routers if len(routers) > 1 else routers[0]
    return component


def _kind(component: dict[str, Any]) -> str:
    """Returns the type of a component, which may name a class of the CDK instead."""
    name = str(component.get("class_name") or "")
    return name.rpartition(".")[2] if name.startswith(_CDK) else str(component.get("type") or "")


def _slicers(slicer: Any) -> list[dict[str, Any]]:
    """Returns the slicers whose combinations count."""
    if isinstance(slicer, list):
        return [inner for each in slicer for inner in _slicers(each)]
    if not isinstance(slicer, dict):
        return []
    return _slicers(slicer["stream_slicers"]) if _kind(slicer).startswith("CartesianProduct") else [slicer]
