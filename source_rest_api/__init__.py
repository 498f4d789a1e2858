"""An Airbyte source for any REST API, by config alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.cli import main as main
from source_rest_api.cli import run as run
from source_rest_api.connector import Connector as Connector

if TYPE_CHECKING:
    from source_rest_api.source import SourceRestApi as SourceRestApi

__all__ = ["Connector", "SourceRestApi", "main", "run"]


def __getattr__(name: str) -> Any:
    """Import the CDK's edge only when it is asked for: it costs more time than everything else."""
    if name == "SourceRestApi":
        from source_rest_api.source import SourceRestApi  # noqa: PLC0415

        return SourceRestApi
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
