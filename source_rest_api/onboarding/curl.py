"""Reads a curl command line, as API documentation and browsers show it."""

from __future__ import annotations

import base64
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import observed
from source_rest_api.onboarding.observed import Observed

if TYPE_CHECKING:
    from source_rest_api.onboarding.given import Given

_DATA = frozenset({"-d", "--data", "--data-raw", "--data-ascii", "--data-binary", "--json", "--data-urlencode"})
_NO_VALUE = re.compile(
    r"-[sSikvLfgGNI#]+|--(?:silent|show-error|include|insecure|verbose|location|fail|globoff|get|compressed|no-buffer|"
    r"http1\.1|http2|fail-with-body|basic|head)"
)
"""Options without a value; short ones may be joined."""
_SHORT = "XHudAbeomxT"
"""Short options with a value, which may follow at once: `-XPOST`."""


def given(command: str) -> Given:
    """Returns what a command line says about its API.

    Raises:
        ConfigError: It is not a curl command line with a URL, or its request may change data.
    """
    try:
        words = shlex.split(command.replace("\\\n", " "))
    except ValueError:
        raise ConfigError("The curl command line has a quote without its end. Copy the whole command.") from None
    url, method, user, headers, data = "", "", "", {}, []
    as_query, is_json = False, False
    options = iter(words[1:])
    for word in options:
        name, value = _option(word)
        if _NO_VALUE.fullmatch(name):
            as_query = as_query or name == "--get" or (name[1] != "-" and "G" in name)
            continue
        if not name.startswith("-"):
            url = name
            continue
        value = next(options, "") if value is None else value
        if name in {"-X", "--request"}:
            method = value.upper()
        elif name in {"-H", "--header"}:
            header, _, text = value.partition(":")
            headers[header.strip()] = text.strip()
        elif name in {"-u", "--user"}:
            user = value
        elif name == "--oauth2-bearer":
            headers["Authorization"] = f"Bearer {value}"
        elif name in {"-b", "--cookie"}:
            headers["Cookie"] = value
        elif name == "--url":
            url = value
        elif name in _DATA:
            is_json = is_json or name == "--json"
            data.append(_encoded(value) if name == "--data-urlencode" else value)
    return observed.given([_request(url, method, user, headers, data, as_query=as_query, is_json=is_json)])


def _request(
    url: str, method: str, user: str, headers: dict[str, str], data: list[str], *, as_query: bool, is_json: bool
) -> Observed:
    if not url:
        raise ConfigError("The curl command line has no URL. Copy the whole command.")
    if "://" not in url:
        url = f"https://{url}"
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    if data and as_query:
        url += ("&" if "?" in url else "?") + "&".join(data)
        data = []
    method = method or ("POST" if data else "GET")
    body = ("" if is_json else "&").join(data)
    if body and not body.lstrip().startswith(("{", "[")):
        raise ConfigError("The curl command line sends a form, which `init` does not take. Write `body` by hand.")
    if method not in {"GET", "POST"}:
        raise ConfigError(f"The curl command line sends {method}, which may change data. Give a request that reads.")
    return Observed(method, url, headers, body)


def _option(word: str) -> tuple[str, str | None]:
    """Returns the name of an option, and its value if the same word has it."""
    if word.startswith("--") and "=" in word:
        name, _, value = word.partition("=")
        return name, value
    if len(word) > 2 and word[0] == "-" and word[1] in _SHORT and not _NO_VALUE.fullmatch(word):  # noqa: PLR2004 -- `-X` is two
        return word[:2], word[2:]
    return word, None


def _encoded(text: str) -> str:
    name, equals, value = text.partition("=")
    return urlencode({name: value}) if equals else text
