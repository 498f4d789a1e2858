"""Recognizes the four kinds of input, and reads each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import curl, har, openapi, url, web

if TYPE_CHECKING:
    from threading import Event

    from source_rest_api.onboarding.given import Given


def given(text: str, stop: Event) -> Given:
    """Returns the API as an input describes it.

    Args:
        text: A URL, a curl command line, or the path of an OpenAPI document or a HAR file.
        stop: Set from outside to end early.

    Raises:
        ConfigError: It is none of these.
    """
    if text.lstrip().startswith(("curl ", "curl\t")):
        return curl.given(text.strip())
    if text.startswith(("http://", "https://")):
        return url.given(text, stop)
    try:
        document = web.parsed(Path(text).read_text("utf-8-sig"), text)
    except OSError as error:
        raise ConfigError(f"{text} is neither a URL nor a file that can be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{text} is not UTF-8 text.") from None
    if openapi.is_document(document):
        return openapi.described(document, "")
    if isinstance(document, dict) and isinstance(document.get("log"), dict):
        return har.given(document)
    raise ConfigError(f"{text} is neither an OpenAPI document nor a HAR file.")
