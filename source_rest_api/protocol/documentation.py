"""The page that the form links to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "DOCUMENTATION_URL"
"""The environment variable with the URL; an image sets it."""


def linked(specification: Mapping[str, Any], own: str = "") -> dict[str, Any]:
    """Returns a ConnectorSpecification with the URL of its documentation, if there is one.

    Args:
        specification: The ConnectorSpecification.
        own: The URL of a connector of your own, which comes before that of the environment.
    """
    url = own or os.environ.get(VARIABLE, "")
    return {"documentationUrl": url, **specification} if url else dict(specification)
