"""The base URL of an API, or of one endpoint."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from source_rest_api.model import Text


def _check(value: str) -> str:
    if not value.lower().startswith(("http://", "https://", "{{")):
        raise ValueError("must begin with https:// or http://")
    if re.match("[^/]*//[^/]*@", value):
        raise ValueError("must not hold credentials: they belong in `authentication`")
    if "?" in value:
        raise ValueError("must not have a query: it belongs in `params`")
    return value


UrlBase: TypeAlias = Annotated[Text, AfterValidator(_check)]
"""An absolute URL without a query. It may be a template."""
