"""A component whose class is in a connector's `components.py`, built by the CDK when it is needed."""

from __future__ import annotations

import io
import json
from threading import RLock
from typing import TYPE_CHECKING, Any

from source_rest_api.manifest.own_code.components import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from source_rest_api.http.response import Response
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.own_code.components import Components


class OwnComponent:
    """One component, or a standard one beside it that has to run with it.

    Args:
        components: The classes of the connector.
        definition: The component, complete in itself.
        kind: Its type in the CDK's schema, if it names a class.
        config: The config of the user.
        inner: Components that it is built with, by the name of the argument.

    Raises:
        ConfigError: Its class is not there.
    """

    def __init__(
        self,
        components: Components,
        definition: Component,
        kind: str,
        config: Mapping[str, Any],
        inner: Mapping[str, OwnComponent] | None = None,
    ) -> None:
        if definition.get("class_name"):
            components.require(definition)
        self._components = components
        self._definition = definition
        self._kind = kind
        self._config = config
        self._inner = inner or {}
        self.key: str = json.dumps([kind, definition, [each.key for each in self._inner.values()]], default=str)
        self._lock = RLock()
        self._built: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnComponent) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __deepcopy__(self, _: object) -> OwnComponent:
        return self

    def call(self, use: Callable[[Any], Any]) -> Any:
        """Returns what a use of the object gives. Only one thread uses it at a time: classes rely on that.

        Raises:
            SourceError: The class cannot be built, or fails.
        """
        with self._lock:
            try:
                return use(self.object)
            except Exception as error:
                raise failure(self._definition, error) from error

    @property
    def object(self) -> Any:
        """The object of the CDK, which is built on first use."""
        with self._lock:
            if self._built is None:
                inner = {name: each.object for name, each in self._inner.items()}
                self._built = self._components.built(self._definition, self._kind, self._config, **inner)
            return self._built


def response_of(response: Response) -> requests.Response:
    """Returns a response as classes of the CDK read it."""
    import requests  # noqa: PLC0415 -- only classes of connectors read it
    import urllib3  # noqa: PLC0415

    made = requests.Response()
    made.status_code = response.status
    made.headers.update(response.headers)
    made.headers.pop("Content-Encoding", None)  # the body is decompressed
    made.url = response.url
    made.encoding = requests.utils.get_encoding_from_headers(made.headers)
    made.raw = urllib3.HTTPResponse(io.BytesIO(response.body), status=response.status, preload_content=False)
    made.request = requests.Request("GET", response.url).prepare()
    return made
