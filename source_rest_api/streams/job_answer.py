"""The response to a request about a report job: its status, its URLs, and what templates read of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from msgspec import Raw, Struct

from source_rest_api.errors import ConfigError, SourceError
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.http import rate_limits
from source_rest_api.records import error_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.config.job import Job
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response
    from source_rest_api.model import Path

HEADERS = "headers"
"""The key under which templates read the headers of a response."""
_QUERY = re.compile(r"(https?:(?:\\?/){2}[^\s\"'?\\]*(?:\\/[^\s\"'?\\]*)*)\?[^\s\"'\\]*")
"""Matches a URL with a query, in text or JSON. The query may be a signature."""


class JobAnswer(Struct, frozen=True):
    """One response about a job."""

    root: Raw
    """The JSON body; null if there is none."""
    response: Response
    request: Request
    """The request that it answers, for errors."""

    @classmethod
    def of(cls, response: Response, request: Request, job: Job, *, polled: bool) -> JobAnswer:
        """Reads a response.

        Args:
            response: The response.
            request: The request that it answers.
            job: The settings of the job.
            polled: True for the response to `poll`, in which an `error` may only belong to a failed job.

        Raises:
            SourceError: The body is neither JSON nor XML, or reports an error.
        """
        if response.is_empty or not response.body.strip():
            return cls(Raw(b"null"), response, request)
        try:
            root = response.structured()
        except SourceError:
            if not polled or job.status_path is not None:
                raise
            root = Raw(b"null")  # the HTTP status alone says how the job is
        if not response.is_accepted and not (polled and job.status_path is not None):
            error_object.refuse(raw_json.fields(root))
        return cls(root, response, request)

    @property
    def wait(self) -> float:
        """The seconds after which the API wants to be asked again; 0 if it does not say."""
        return rate_limits.retry_after(self.response.headers) or 0.0

    def status(self, path: Path | None) -> str:
        """Returns the status of the job as text, spelled as in JSON.

        Raises:
            ConfigError: There is none.
        """
        if path is None:
            return str(self.response.status)
        found = raw_json.find(self.root, path)
        if found is None:
            raise ConfigError(
                f"`job.status_path: {'.'.join(path)}` finds nothing in the response ({self.shown}). Correct the path."
            )
        text = raw_json.text(found)
        return bytes(found).decode() if text is None else text

    def targets(self, path: Path, *, allow_missing: bool, absolute: bool) -> list[str]:
        """Returns the URLs of the result, or whatever else the download needs, such as ids.

        Args:
            path: Where they stand.
            allow_missing: True if there may be none.
            absolute: True to make URLs absolute (RFC 3986, section 5).

        Raises:
            ConfigError: There is none.
        """
        texts = []
        for _, value in raw_json.matches(self.root, path):
            values = raw_json.items(value) if value is not None and raw_json.kind(value) == "array" else [value]
            found = [None if each is None else raw_json.text(each) for each in values]
            if None in found or "" in found:
                if allow_missing:
                    continue
                raise ConfigError(
                    f"The job is completed, but `job.urls_path: {'.'.join(path)}` does not find a URL in the response. "
                    "Correct the path, or set `job.allow_missing_urls: true` if a result without records has no URL."
                )
            texts += [urljoin(self.response.url, text) if absolute else text for text in found if text]
        return texts

    def names(self, headers: Iterable[str] = ()) -> Any:
        """Returns the body as templates read it, with the headers that they name."""
        value = JsonValue(bytes(self.root).decode()).decoded()
        wanted = {name: self.response.headers[name] for name in headers if name in self.response.headers}
        if not wanted:
            return value
        return {HEADERS: wanted, **(value if isinstance(value, dict) else {})}

    @property
    def shown(self) -> str:
        """The beginning of the response, for errors, without the queries of URLs."""
        return excerpt(_QUERY.sub(r"\1?****", bytes(self.root).decode()), LONGEST)


def kept(names: Any, references: Iterable[tuple[str, ...]]) -> Any:
    """Returns the parts of a response that templates read, for the state.

    Args:
        names: The response as templates read it.
        references: The keys that templates read below it. No key means all of it.
    """
    if not isinstance(names, dict):
        return names
    found: dict[str, Any] = {}
    for keys in references:
        if not keys or hasattr(dict, keys[0]):
            return names
        if keys[0] in names:
            found[keys[0]] = names[keys[0]]
    return found
