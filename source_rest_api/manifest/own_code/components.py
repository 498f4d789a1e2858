"""The Python code of a connector: the classes in its `components.py`, which its manifest names by `class_name`.

The file stands beside the manifest, or comes in the config, as the Connector Builder sends it. It runs only when a
stream needs one of its classes, and the CDK is imported only then.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.manifest.recipes.recipes import INSTEAD_OF

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_rest_api.manifest.document import Component

_TEXT = "__injected_components_py"
_CHECKSUMS = "__injected_components_py_checksums"
_MANIFEST = "__injected_declarative_manifest"
_ALLOW = "AIRBYTE_ENABLE_UNSAFE_CODE"
_NAMES = ("components", "source_declarative_manifest.components")
"""The names by which the CDK knows the module of a `components.py`."""
_CDK = "airbyte_cdk"
_LOCK = RLock()


class Components:
    """The classes that a connector brings along.

    Args:
        folder: The folder of the manifest.
        raw_config: The config, with what the platform put into it.
    """

    def __init__(self, folder: Path | None = None, raw_config: Mapping[str, Any] | None = None) -> None:
        self._folder = folder
        given = raw_config or {}
        self._text = given.get(_TEXT)
        self._checksums = given.get(_CHECKSUMS)
        self._is_trusted = self._text is None and _MANIFEST not in given
        self._modules: dict[str, ModuleType] = {}

    def require(self, component: Component) -> str:
        """Returns the name of a component's class, whose file is there. Nothing runs yet.

        Raises:
            ConfigError: The file is not there, or may not run.
        """
        name = str(component.get("class_name") or "").strip()
        module = name.rpartition(".")[0]
        if not name:
            raise ConfigError(f"`{component.get('type')}` has no equivalent here")
        if module.partition(".")[0] == _CDK:
            return name
        if self._text is None and self._file(module) is None:
            raise ConfigError(
                f"`{name}` is a class in Python, and its file is not there: put `components.py` beside the manifest, "
                "or add a recipe for the class"
            )
        if not self._is_trusted and os.environ.get(_ALLOW, "").lower() != "true":
            raise ConfigError(
                f"`{name}` is a class in Python, and code from a config may not run here: set the environment "
                f"variable {_ALLOW} to `true`, or put the manifest and `components.py` into an image"
            )
        return name

    def has(self, component: Component) -> bool:
        """True if the class of a component can run."""
        try:
            self.require(component)
        except ConfigError:
            return False
        return True

    def built(self, component: Component, kind: str, config: Mapping[str, Any], **arguments: Any) -> Any:
        """Returns a component as the CDK builds it, with the classes of the connector.

        Args:
            component: The component, complete in itself.
            kind: Its type in the CDK's schema, if it names a class.
            config: The config of the user.
            arguments: What else the CDK gives it, such as a decoder.

        Raises:
            ConfigError: Its class is not there, or cannot be built.
        """
        definition = {**component, "type": kind if component.get("class_name") else component.get("type")}
        with _LOCK:  # its modules import each other, so threads that import them at once would wait for each other
            models, factory = _cdk(definition)
            for name in class_names(definition):
                self._register(name)
            try:
                model = getattr(models, str(definition["type"]))
                with warnings.catch_warnings():  # of the CDK: a part of it is deprecated, or an experiment
                    warnings.simplefilter("ignore", DeprecationWarning)
                    return factory().create_component(model, definition, dict(config), **arguments)
            except Exception as error:
                raise failure(component, error) from error

    def _register(self, class_name: str) -> None:
        """Has Python know the module of a class under the name that the manifest gives it."""
        module_name = self.require({"class_name": class_name}).rpartition(".")[0]
        if module_name.partition(".")[0] == _CDK:
            return
        module = self._module(module_name)
        for name in {module_name, *_NAMES}:
            sys.modules[name] = module

    def _module(self, name: str) -> ModuleType:
        path = None if self._text is not None else self._file(name)
        key = "" if path is None else str(path)
        if key not in self._modules:
            text = self._checked_text() if path is None else path.read_text(encoding="utf-8")
            module = self._modules[key] = sys.modules[name] = ModuleType(name)
            try:
                exec(compile(text, key or "components.py", "exec"), module.__dict__)  # noqa: S102 -- the connector's code
            except Exception as error:  # it is anybody's code
                del self._modules[key], sys.modules[name]
                kind = type(error).__name__
                raise ConfigError(
                    f"components.py cannot be loaded ({kind}): correct it, or install what it imports",
                    f"{kind}: {error}",
                ) from error
        return self._modules[key]

    def _checked_text(self) -> str:
        text = str(self._text)
        if not isinstance(self._checksums, dict) or not self._checksums:
            raise ConfigError(f"`{_TEXT}` needs a checksum: give its `md5` or `sha256` in `{_CHECKSUMS}`")
        for kind, expected in self._checksums.items():
            if kind not in {"md5", "sha256"}:
                raise ConfigError(f"`{_CHECKSUMS}` has a `{kind}`, which is unknown: give `md5` or `sha256`")
            if hashlib.new(kind, text.encode(), usedforsecurity=False).hexdigest() != expected:
                raise ConfigError(f"`{_TEXT}` is not the code that its {kind} is of: send both again")
        return text

    def _file(self, module: str) -> Path | None:
        """Returns the file of a module: below the manifest's folder by its name, or `components.py` there."""
        if self._folder is None:
            return None
        parts = module.split(".")
        below = ["/".join(parts[start:]) + ".py" for start in range(len(parts))]
        packages = ["/".join([*parts[start:], "__init__.py"]) for start in range(len(parts))]
        found = (self._folder / name for name in (*below, *packages, "components.py"))
        return next((path for path in found if path.is_file()), None)


def _cdk(component: Component) -> tuple[Any, Any]:
    """Returns the models of the CDK, and its factory of components.

    Raises:
        ConfigError: The CDK is not installed, as in this connector's image.
    """
    try:
        from airbyte_cdk.sources.declarative.models import (  # noqa: PLC0415 -- its import takes seconds
            declarative_component_schema as models,
        )
        from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import (  # noqa: PLC0415
            ModelToComponentFactory,
        )
    except ModuleNotFoundError as error:
        name = component.get("class_name") or component.get("type")
        raise ConfigError(
            f"`{name}` runs by the Airbyte CDK, which is not installed: install `airbyte-cdk`, in an image beside the "
            "dependencies in /opt/venv",
            str(error),
        ) from None
    return models, ModelToComponentFactory


def stream_slice(partition: Mapping[str, Any], interval: Mapping[str, Any], extra: Mapping[str, Any]) -> Any:
    """Returns a slice as classes of the CDK read it."""
    with _LOCK:
        from airbyte_cdk.sources.types import StreamSlice  # noqa: PLC0415 -- its import takes seconds

    return StreamSlice(partition=partition, cursor_slice=interval, extra_fields=extra)


def failure(component: Component, error: Exception) -> SourceError:
    """Returns the error for an exception in a class of the connector."""
    if isinstance(error, SourceError):
        return error
    kind = type(error).__name__
    if isinstance(error, OSError):  # such as all errors of `requests`
        return TransientError(f"A request of the connector's own code failed ({kind}).", str(error))
    if component.get("class_name"):
        said = f"The class `{component['class_name']}` of the connector failed ({kind}). Correct it in components.py."
    else:
        said = f"The component `{component.get('type')}` of the manifest failed ({kind}). Correct its settings."
    return ConfigError(said, f"{kind}: {error}")


def class_names(value: Any) -> list[str]:
    """Returns the names of all classes in a component for which no recipe stands."""
    if isinstance(value, list):
        return [name for item in value for name in class_names(item)]
    if not isinstance(value, dict):
        return []
    own = [value["class_name"].strip()] if isinstance(value.get("class_name"), str) else []
    inside = (inner for name, inner in value.items() if name != INSTEAD_OF)
    return [*own, *(name for inner in inside for name in class_names(inner))]
