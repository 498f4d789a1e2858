"""What the endpoints of a manifest share: the base URL, the authentication, the budget of requests."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import cursors, requester

if TYPE_CHECKING:
    from source_rest_api.manifest.stream import Translated

_TIMEOUTS = {"connect_timeout": 30, "read_timeout": 300}
"""The seconds to wait, at least."""


def bind(endpoint: dict[str, Any]) -> None:
    """Has a parent ask from its start date, as the CDK reads it: without state, but with its interval."""
    cursor = endpoint.get("incremental")
    if not cursor or cursor.get("in", "query") != "query":
        return
    for name, bound in (("start_param", cursors.START), ("end_param", cursors.END)):
        if name in cursor:
            endpoint.setdefault("params", {})[cursor.pop(name)] = f"{{{{ {bound} }}}}"
            cursor.setdefault("mode", "server_filter")


def shared(made: list[Translated]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the config without endpoints, and the endpoints with what differs from it."""
    if not made:
        return {"url_base": "https://nothing.invalid"}, []
    auths = Counter(json.dumps(each.authentication, sort_keys=True) for each in made)
    auth = json.loads(auths.most_common(1)[0][0])
    origins = Counter(requester.origin(each.endpoint["path"]) for each in made)
    bases = {origin: _base(made, origin) for origin in origins}
    common = bases[origins.most_common(1)[0][0]]
    endpoints = []
    for each in made:
        url = each.endpoint["path"]
        base = bases[requester.origin(url)]
        endpoint = {**each.endpoint, "path": url[len(base) :].lstrip("/")}
        if base != common:
            endpoint["url_base"] = base
        if each.authentication != auth:
            endpoint["authentication"] = each.authentication
        endpoints.append({**endpoint, **each.own.parts})
    return {"url_base": common, "authentication": auth}, endpoints


def _base(made: list[Translated], origin: str) -> str:
    """Returns the longest beginning, in whole segments, that all URLs of an origin share."""
    urls = [each.endpoint["path"] for each in made if requester.origin(each.endpoint["path"]) == origin]
    paths = [url[len(origin) :].partition("{")[0].partition("?")[0] for url in urls]
    split = [path.removesuffix("/").split("/")[1:-1] for path in paths]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join([origin, *shared])


def timeouts(endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the longest timeouts that requesters set, and takes them from there. The CDK waits without end."""
    found = {name: [each.pop(name) for each in endpoints if name in each] for name in _TIMEOUTS}
    return {name: max([_TIMEOUTS[name], *values]) for name, values in found.items()}
