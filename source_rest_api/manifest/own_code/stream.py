"""The parts of one stream that run as classes of the connector's own `components.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from source_rest_api.errors import ConfigError
from source_rest_api.manifest.own_code.authenticator import OwnAuthenticator
from source_rest_api.manifest.own_code.component import OwnComponent
from source_rest_api.manifest.own_code.components import class_names
from source_rest_api.manifest.own_code.paginator import OwnPaginator
from source_rest_api.manifest.own_code.records import OwnRecords, OwnTransformation
from source_rest_api.manifest.own_code.schema import OwnSchema, without_retriever
from source_rest_api.manifest.own_code.wait import OwnWait
from source_rest_api.manifest.recipes.known_records import RESHAPED
from source_rest_api.manifest.recipes.recipes import INSTEAD_OF
from source_rest_api.manifest.recipes.reshaped import Reshaped, ReshapedRecords
from source_rest_api.pagination.paginators import Pagination

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.own_code.components import Components

    Listed = Callable[[Component], list[dict[str, Any]]]

_STANDARD = {
    *("CombinedExtractor", "DpathExtractor", "RecordExpander", "RecordFilter"),
    *(
        "AddFields",
        "DpathFlattenFields",
        "FlattenFields",
        "KeysReplace",
        "KeysToLower",
        "KeysToSnakeCase",
        "RemoveFields",
    ),
    *("IterableDecoder", "JsonDecoder", "JsonItemsDecoder", "JsonlDecoder", "XmlDecoder"),
}
"""Components in the record path that the CDK can run without any class."""
_JSON: Component = {"type": "JsonDecoder"}
_NO_CURSOR = "{{ response.next }}"
"""What a standard paginator reads in place of the class; nobody asks it for a next page."""


class OwnStream:
    """Collects the objects for the endpoint of one stream.

    Args:
        components: The classes of the connector.
        config: The config of the user; None where the manifest is imported.
    """

    def __init__(self, components: Components, config: Mapping[str, Any] | None) -> None:
        self._components = components
        self._config = config
        self.parts: dict[str, Any] = {}
        """The objects by the field of the endpoint that they stand in."""
        self.migrations: list[OwnComponent] = []
        self._strategy: OwnComponent | None = None

    def _component(self, definition: Component, kind: str, **inner: OwnComponent) -> OwnComponent:
        return OwnComponent(self._components, definition, kind, self._config or {}, inner)

    def _classes(self, *parts: Any) -> list[str]:
        """Returns the names of the classes in parts of the stream.

        Raises:
            ConfigError: There are some, but the manifest is imported.
        """
        names = class_names([*parts])
        if names and self._config is None:
            raise ConfigError(
                f"`{names[0]}` is a class in Python, which an imported connector does not have: use `--manifest-path`"
            )
        return names

    def selects(self, selector: Component, decoder: Component | None, *, lacking: bool = False) -> bool:
        """True if classes read the records from the bodies.

        Args:
            selector: The selector, with the extractor.
            decoder: The decoder before it.
            lacking: True if components have no equivalent here, so that those of the CDK run if they can.

        Raises:
            ConfigError: The file of a class is not there.
        """
        extractor = selector.get("extractor") or {}
        if extractor.get("type") == RESHAPED:
            self._refuse_if_imported(extractor)
            named = {name: extractor[name] for name in ("by", "path", "body") if name in extractor}
            self.parts["decoder"] = ReshapedRecords(**named)
            return True
        if not self._classes(extractor, decoder) and not (lacking and self._runs(extractor, decoder or _JSON)):
            return False
        before = self._component(decoder or _JSON, "CustomDecoder")
        after = self._component(extractor, "CustomRecordExtractor", decoder=before)
        self.parts["decoder"] = OwnRecords(extractor=after, decoder=before if decoder else None)
        return True

    def reshapes(self, transformation: Component) -> bool:
        """True if a function stands for a transformation, which has to be the first of its stream."""
        if transformation.get("type") != RESHAPED:
            return False
        self._refuse_if_imported(transformation)
        self.parts["transformation"] = Reshaped(by=transformation["by"])
        return True

    def _refuse_if_imported(self, component: Component) -> None:
        if self._config is None:
            raise ConfigError(f"the recipe `{component['by']}` has no equivalent in an imported connector")

    def _runs(self, *components: Component) -> bool:
        """True if the CDK can run standard components."""
        return self._config is not None and all(each.get("type") in _STANDARD for each in components)

    def transforms(
        self, stream: Component, selector: Component, names: Mapping[str, Any], schema: Any, *, lacking: bool = False
    ) -> bool:
        """True if classes filter or change the records; then the CDK does all such steps of the stream.

        Args:
            stream: The stream, with its transformations.
            selector: Its selector, with the filter.
            names: What `stream_slice` holds, as expressions.
            schema: The JSON schema of the records, for a class that casts them.
            lacking: True if components have no equivalent here, so that those of the CDK run if they can.

        Raises:
            ConfigError: The file of a class is not there.
        """
        steps = stream.get("transformations") or []
        keeps, casts = selector.get("record_filter"), selector.get("schema_normalization")
        originals = [self._original(each) for each in steps]
        if any(each.get("type") == RESHAPED for each in originals):
            return False
        standard = [*originals, *([keeps] if keeps else [])]
        if not self._classes(steps, keeps, casts) and not (lacking and self._runs(*standard)):
            return False
        self.parts["transformation"] = OwnTransformation(
            record_filter=self._component(keeps, "CustomRecordFilter") if keeps else None,
            transformations=tuple(self._component(each, "CustomTransformation") for each in originals),
            transform_first=selector.get("transform_before_filtering") is True,
            normalization=self._component(casts, "CustomSchemaNormalization") if class_names(casts) and casts else None,
            json_schema=schema or {},
            slice=dict(names),
            config=dict(self._config or {}),
        )
        return True

    def _original(self, component: Component) -> Component:
        """Returns the class that a recipe stands for, where its file is there."""
        before = component.get(INSTEAD_OF)
        return before if before is not None and self._components.has(before) else component

    def paging(self, paginator: Component) -> Component:
        """Returns a paginator with a standard strategy in place of a class, which `pages` later puts back.

        Raises:
            ConfigError: The file of the class is not there.
        """
        strategy = paginator.get("pagination_strategy") or {}
        if paginator.get("type") != "DefaultPaginator" or not self._classes(strategy):
            return paginator
        self._strategy = self._component(strategy, "CustomPaginationStrategy")
        size = strategy.get("page_size")
        if size is None and paginator.get("page_size_option"):
            size = self._strategy.call(lambda made: made.get_page_size())
        standard = {"type": "CursorPagination", "cursor_value": _NO_CURSOR, "page_size": size}
        return {**paginator, "pagination_strategy": standard}

    def pages(self, settings: dict[str, Any]) -> None:
        """Lets the class give the tokens that a standard paginator with these settings puts into requests."""
        if self._strategy is not None and settings["type"] != "none":
            placing = TypeAdapter(Pagination).validate_python(settings)
            self.parts["pagination"] = OwnPaginator(strategy=self._strategy, placing=placing)

    def signs(self, authenticator: Component | None) -> bool:
        """True if a class authenticates the requests.

        Raises:
            ConfigError: The file of the class is not there.
        """
        if not authenticator or not authenticator.get("class_name") or not self._classes(authenticator):
            return False
        component = self._component(authenticator, "CustomAuthenticator")
        self.parts["authentication"] = OwnAuthenticator(component=component)
        return True

    def waits(self, strategy: Component) -> OwnWait | None:
        """Returns the time to wait by a class; None if there is no such class, or it cannot run: we find our own."""
        if self._config is None or not strategy.get("class_name") or not self._components.has(strategy):
            return None
        return OwnWait(component=self._component(strategy, "CustomBackoffStrategy"))

    def schema(self, loader: Any, listed: Listed) -> None:
        """Lets a class load the JSON schema, or the API describe it. Without the class's file, it is inferred.

        Args:
            loader: The schema loader.
            listed: Returns the records that a retriever reads from the API.
        """
        given = loader.get(INSTEAD_OF, loader) if isinstance(loader, dict) else {}
        if self._config is None:
            return
        if given.get("class_name") and self._components.has(given):
            self.parts["schema_by"] = OwnSchema(component=self._component(given, "CustomSchemaLoader"))
        elif given.get("type") == "DynamicSchemaLoader" and given.get("retriever"):
            if not all(self._components.has({"class_name": name}) for name in class_names(given)):
                return
            component = self._component(without_retriever(given), "DynamicSchemaLoader")
            self.parts["schema_by"] = OwnSchema(component=component, retriever=given["retriever"], listed=listed)

    def migrates(self, stream: Component) -> None:
        """Notes the classes that change states of earlier versions, as far as their file is there."""
        given = [] if self._config is None else stream.get("state_migrations") or []
        own = [each for each in given if each.get("class_name") and self._components.has(each)]
        self.migrations = [self._component(each, "CustomStateMigration") for each in own]


def migrated(migrations: list[OwnComponent], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a state of the CDK after the migrations of a stream.

    Raises:
        SourceError: A class fails.
    """
    found = dict(saved)
    for each in migrations:
        found = each.call(lambda of: dict(of.migrate(found)) if of.should_migrate(found) else found)  # noqa: B023 -- called at once
    return found
