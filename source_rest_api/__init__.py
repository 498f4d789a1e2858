"""An Airbyte source for any REST API, by config alone.

`__all__` is the public API: the names that a custom connector needs. All modules of the package are internal and may
move. Each name is imported on first access, to keep start-up fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_rest_api.auth.authenticators import ApiKey as ApiKey
    from source_rest_api.auth.authenticators import Basic as Basic
    from source_rest_api.auth.authenticators import Bearer as Bearer
    from source_rest_api.auth.jwt import Jwt as Jwt
    from source_rest_api.auth.login import Login as Login
    from source_rest_api.auth.oauth import OAuth2 as OAuth2
    from source_rest_api.cli.command_line import run as run
    from source_rest_api.cli.generic import main as main
    from source_rest_api.config.config import Config as Config
    from source_rest_api.config.endpoint import Endpoint as Endpoint
    from source_rest_api.config.loading import load_endpoints as load_endpoints
    from source_rest_api.connector import Connector as Connector
    from source_rest_api.cursors.cursors import DatetimeText as DatetimeText
    from source_rest_api.errors import ConfigError as ConfigError
    from source_rest_api.errors import SourceError as SourceError
    from source_rest_api.errors import TransientError as TransientError
    from source_rest_api.http.request import Request as Request
    from source_rest_api.http.response import Response as Response
    from source_rest_api.manifest.imported import ImportedConnector as ImportedConnector
    from source_rest_api.model import Model as Model
    from source_rest_api.model import Secret as Secret
    from source_rest_api.pagination.page import End as End
    from source_rest_api.pagination.page import Next as Next
    from source_rest_api.pagination.page import Page as Page
    from source_rest_api.pagination.page import Position as Position
    from source_rest_api.pagination.paginator import Paginator as Paginator
    from source_rest_api.records.decoders import RecordDecoder as RecordDecoder
    from source_rest_api.source import ManifestSource as ManifestSource
    from source_rest_api.source import SourceRestApi as SourceRestApi

_MODULES = {
    "ApiKey": "auth.authenticators",
    "Basic": "auth.authenticators",
    "Bearer": "auth.authenticators",
    "Config": "config.config",
    "ConfigError": "errors",
    "Connector": "connector",
    "DatetimeText": "cursors.cursors",
    "End": "pagination.page",
    "Endpoint": "config.endpoint",
    "ImportedConnector": "manifest.imported",
    "Jwt": "auth.jwt",
    "Login": "auth.login",
    "ManifestSource": "source",
    "Model": "model",
    "Next": "pagination.page",
    "OAuth2": "auth.oauth",
    "Page": "pagination.page",
    "Paginator": "pagination.paginator",
    "Position": "pagination.page",
    "RecordDecoder": "records.decoders",
    "Request": "http.request",
    "Response": "http.response",
    "Secret": "model",
    "SourceError": "errors",
    "SourceRestApi": "source",
    "TransientError": "errors",
    "load_endpoints": "config.loading",
    "main": "cli.generic",
    "run": "cli.command_line",
}

__version__ = "0.1.0"

__all__ = [*_MODULES]  # noqa: PLE0604 -- the keys are strings


def __getattr__(name: str) -> Any:
    """Imports a public name from its module on first access."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
