"""Reads an OpenAPI 3.0 or 3.1 document: its GET operations that may return records, and its authentication."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding.given import PLACEHOLDER, Given, Operation
from source_rest_api.onboarding.observed import CLIENT, CLIENT_SECRET, KEY, PASSWORD, TOKEN, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 4
"""Levels of a schema to search for a list of records."""
_COMBINED = ("allOf", "oneOf", "anyOf")
_SUCCESS = ("200", "2XX", "2xx", "default")


def is_document(value: Any) -> bool:
    """True for an OpenAPI document, or one of its predecessor Swagger."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value) and "paths" in value


def given(document: Mapping[str, Any], url: str) -> Given:
    """Returns the API as a document describes it.

    Args:
        document: The document.
        url: The URL that it came from, against which its `servers` are resolved; empty if it is a file.

    Raises:
        ConfigError: It is not OpenAPI 3, or does not give the URL of the API.
    """
    if not str(document.get("openapi", "")).startswith("3."):
        raise ConfigError("The document is not OpenAPI 3.0 or 3.1. Convert a Swagger 2.0 document first.")
    return _Document(document).given(url)


class _Document:
    """An OpenAPI document.

    Args:
        root: The whole document, in which references are resolved.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left_out: dict[str, str] = {}

    def given(self, url: str) -> Given:
        operations = list(self._operations())
        authentication = self._authentication()
        title = str(self._resolved(self._root.get("info", {})).get("title", "REST API"))
        return Given(self._url_base(url), operations, title, authentication, left_out=self._left_out)

    def _url_base(self, url: str) -> str:
        servers = self._root.get("servers") or [{"url": "/"}]
        server = servers[0]
        defaults = {name: str(of.get("default", "")) for name, of in server.get("variables", {}).items()}
        told = PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), server.get("url", "/"))
        base = urljoin(url, told).rstrip("/")
        if "://" not in base:
            raise ConfigError("The document does not give the URL of the API. Add its URL to `servers`.")
        return base

    def _operations(self) -> Iterator[Operation]:
        for path, given_item in self._root["paths"].items():
            item = self._resolved(given_item)
            operation = item.get("get")
            if operation is None or operation.get("deprecated"):
                continue
            reason = self._unfit(path, operation)
            if reason:
                self._left_out[path] = reason
                continue
            parameters = [
                self._resolved(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))
            ]
            query = {each["name"]: each for each in parameters if each.get("in") == "query"}
            params, missing = self._required(query)
            if missing:
                self._left_out[path] = f"it needs the parameter `{missing}`, for which the document has no value"
                continue
            declared = {name: self._schema(each) for name, each in query.items() if name not in params}
            yield Operation(path.lstrip("/"), "GET", params, declared=declared, complete=True)

    def _unfit(self, path: str, operation: Mapping[str, Any]) -> str:
        """Returns why an operation cannot be a stream; empty if it may be one."""
        if path.rstrip("/").endswith("}"):
            return "it returns a single record"
        responses = operation.get("responses", {})
        response: Mapping[str, Any] = next(
            (self._resolved(responses[status]) for status in _SUCCESS if status in responses), {}
        )
        content = response.get("content")
        if not content:
            return ""
        media = next((of for name, of in content.items() if "json" in name or name == "*/*"), None)
        if media is None:
            return f"it returns {', '.join(content)}, not JSON"
        if "schema" in media and not self._has_list(media["schema"]):
            return "its response has no list of records"
        return ""

    def _has_list(self, schema: Any, depth: int = 0) -> bool:
        """True if a value of a schema may be or contain a list of objects."""
        schema = self._resolved(schema)
        if depth == _DEPTH or not isinstance(schema, dict) or schema.get("additionalProperties"):
            return True
        kinds = schema.get("type", "array" if "items" in schema else "object" if "properties" in schema else None)
        branches = [branch for name in _COMBINED for branch in schema.get(name, ())]
        if "array" in (kinds if isinstance(kinds, list) else [kinds]):
            items = self._resolved(schema.get("items", {}))
            return not isinstance(items, dict) or items.get("type") not in {"string", "integer", "number", "boolean"}
        if any(self._has_list(branch, depth + 1) for branch in branches):
            return True
        if "properties" in schema:
            return any(self._has_list(inner, depth + 1) for inner in schema["properties"].values())
        return kinds is None and not branches

    def _required(self, query: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Returns the required parameters with their values, and the name of one that has none."""
        params: dict[str, Any] = {}
        for name, each in query.items():
            if not each.get("required"):
                continue
            schema = self._schema(each)
            values = [each.get("example"), schema.get("default"), schema.get("example"), *schema.get("enum", ())]
            value = next((value for value in values if value is not None), None)
            if value is None or isinstance(value, dict | list):
                return params, name
            params[name] = str(value).lower() if isinstance(value, bool) else value
        return params, ""

    def _schema(self, parameter: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the schema of a parameter; without the alternative null, if it has one."""
        schema: dict[str, Any] = self._resolved(parameter.get("schema", {}))
        branches = [self._resolved(branch) for name in _COMBINED for branch in schema.get(name, ())]
        kind: dict[str, Any] = next((branch for branch in branches if branch.get("type") != "null"), {})
        return {**schema, **kind}

    def _authentication(self) -> dict[str, Any] | None:
        schemes = self._resolved(self._root.get("components", {})).get("securitySchemes", {})
        used = [requirement for requirement in self._root.get("security", ()) if requirement]
        if not used:
            used = self._commonest()
        for requirement in used:
            for name in requirement:
                told = _scheme(self._resolved(schemes.get(name, {})))
                if told is not None:
                    return told
        return None

    def _commonest(self) -> list[dict[str, Any]]:
        items = [self._resolved(item).get("get", {}) for item in self._root["paths"].values()]
        counts = Counter(name for item in items for requirement in item.get("security", ()) for name in requirement)
        return [{name: []} for name, _ in counts.most_common()]

    def _resolved(self, value: Any) -> Any:
        """Follows `$ref` within the document; a reference to another document becomes an empty object."""
        for _ in range(20):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            value = self._at(value["$ref"])
        return {}

    def _at(self, reference: str) -> Any:
        found: Any = self._root if reference.startswith("#/") else {}
        for key in reference.removeprefix("#/").split("/"):
            name = unquote(key).replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found


def _scheme(scheme: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the authentication of a security scheme as in a config; None for kinds that need a browser."""
    kind, place = scheme.get("type"), scheme.get("in")
    if kind == "http" and str(scheme.get("scheme", "")).lower() == "basic":
        return {"type": "basic", "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    if kind == "http" and str(scheme.get("scheme", "")).lower() == "digest":
        return {"type": "digest", "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    if kind == "apiKey" and place in {"header", "query", "cookie"}:
        name = str(scheme.get("name", ""))
        if place == "header" and name.lower() == "authorization":
            return _authorization(scheme)
        return {"type": "api_key", "name": name, "in": place, "api_key": f"${{{KEY}}}"}
    machine = scheme.get("flows", {}).get("clientCredentials")
    if kind == "oauth2" and machine:
        return {
            "type": "oauth2",
            "token_url": machine.get("tokenUrl", ""),
            "client_id": f"${{{CLIENT}}}",
            "client_secret": f"${{{CLIENT_SECRET}}}",
        }
    return {"type": "bearer", "token": f"${{{TOKEN}}}"} if kind in {"http", "oauth2", "openIdConnect"} else None


def _authorization(scheme: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the authentication by a key in `Authorization`, with the word before it if the description names one."""
    word = re.search(r"\b(Token|Key|ApiKey|Bearer)\b [<{\[]?\w", str(scheme.get("description", "")), re.IGNORECASE)
    value = {"value": f"{word[1]} {{{{ api_key }}}}"} if word else {}
    return {"type": "api_key", "name": "Authorization", "api_key": f"${{{KEY}}}", **value}
