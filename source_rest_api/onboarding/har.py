"""Reads a HAR file: the requests that a browser recorded (HAR 1.2)."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import observed
from source_rest_api.onboarding.observed import Observed

if TYPE_CHECKING:
    from source_rest_api.onboarding.given import Given

_ASKS = re.compile(r"(?:search|query|graphql|list|filter|find|scroll)/?$", re.IGNORECASE)
"""Paths of POST requests that only read."""


def given(document: Any) -> Given:
    """Returns the API that most of the recorded requests were sent to.

    Raises:
        ConfigError: No recorded request read JSON.
    """
    entries = [entry for entry in document["log"].get("entries", []) if _reads_json(entry)]
    if not entries:
        raise ConfigError("The HAR file has no GET or POST request with a JSON response. Record the page again.")
    origins = Counter(_origin(entry) for entry in entries)
    home = origins.most_common(1)[0][0]
    requests = [_request(entry["request"]) for entry in entries if _origin(entry) == home]
    firsts: dict[tuple[str, str], Observed] = {}
    for request in requests:
        firsts.setdefault((request.method, urlsplit(request.url).path), request)
    return observed.given(list(firsts.values()))


def _reads_json(entry: Any) -> bool:
    request, response = entry.get("request", {}), entry.get("response", {})
    asks = _ASKS.search(urlsplit(request.get("url", "")).path) is not None
    reads = request.get("method") == "GET" or (request.get("method") == "POST" and asks)
    answers = "json" in response.get("content", {}).get("mimeType", "") and response.get("status") == 200  # noqa: PLR2004 -- OK
    return reads and answers


def _origin(entry: Any) -> str:
    parts = urlsplit(entry["request"]["url"])
    return f"{parts.scheme}://{parts.netloc}"


def _request(request: Any) -> Observed:
    headers = {header["name"]: header["value"] for header in request.get("headers", [])}
    return Observed(request["method"], request["url"], headers, request.get("postData", {}).get("text", ""))
