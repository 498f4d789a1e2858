"""Reads an OpenAPI 3.0 or 3.1 document: its GET operations that may return records, and its authentication."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import challenge, given, observed, parameters, record_guesses
from source_rest_api.onboarding.given import PLACEHOLDER, Given, Operation
from source_rest_api.onboarding.observed import CLIENT, CLIENT_SECRET, KEY, PASSWORD, TOKEN, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 4
"""Levels of a schema to search for a list of records."""
_STREAMS = re.compile(r"/(?:watch|stream)(?:/|$)")
_COMBINED = ("allOf", "oneOf", "anyOf")
_SUCCESS = ("200", "2XX", "2xx", "default")


def is_document(value: Any) -> bool:
    """True for an OpenAPI document, or one of its predecessor Swagger."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value) and "paths" in value


def described(document: Mapping[str, Any], url: str) -> Given:
    """Returns the API as a document describes it.

    Args:
        document: The document.
        url: The URL that it came from, against which its `servers` are resolved; empty if it is a file.

    Raises:
        ConfigError: It is not OpenAPI 3, or does not give the URL of the API.
    """
    if not str(document.get("openapi", "")).startswith("3."):
        raise ConfigError("The document is not OpenAPI 3.0 or 3.1. Convert a Swagger 2.0 document first.")
    return _Document(document).described(url)


class _Document:
    """An OpenAPI document.

    Args:
        root: The whole document, in which references are resolved.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._paths = [path for path, item in root["paths"].items() if isinstance(item, dict)]
        self._left_out: dict[str, str] = {}
        self._headers: dict[str, str] = {}

    def described(self, url: str) -> Given:
        operations = list(self._operations())
        kinds = self._authentications()
        title = str(self._resolved(self._root.get("info", {})).get("title") or "REST API")
        return Given(
            self._url_base(url),
            operations,
            title,
            kinds[0] if kinds else None,
            alternatives=kinds[1:],
            headers=self._headers,
            left_out=self._left_out,
        )

    def _url_base(self, url: str) -> str:
        servers = self._root.get("servers") or [{"url": "/"}]
        server = servers[0]
        defaults = {name: str(of.get("default", "")) for name, of in server.get("variables", {}).items()}
        told = PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), server.get("url", "/"))
        base = urljoin(url, f"https:{told}" if told.startswith("//") and not url else told).rstrip("/")
        if "://" not in base:
            raise ConfigError("The document does not give the URL of the API. Add its URL to `servers`.")
        return base

    def _operations(self) -> Iterator[Operation]:
        for path in self._paths:
            item = self._resolved(self._root["paths"][path])
            operation = item.get("get")
            if operation is None:
                continue
            every = [self._resolved(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
            query = {each["name"]: each for each in every if each.get("in") == "query"}
            params, missing = self._required(query)
            headers, unknown = self._required({e["name"]: e for e in every if e.get("in") == "header"})
            reason = self._unfit(path, operation, query)
            if not reason and (missing or unknown):
                reason = f"it needs the parameter `{missing or unknown}`, for which the document has no value"
            if reason:
                self._left_out[path] = reason
                continue
            self._headers |= headers
            yield Operation(path.lstrip("/"), "GET", params, declared=self._declared(query, params), complete=True)

    def _declared(self, query: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Returns the schemas of optional parameters. An object's parts are parameters such as `created[gte]`."""
        declared: dict[str, Mapping[str, Any]] = {}
        for name, each in query.items():
            schema = self._schema(each)
            parts = schema.get("properties", {}) if each.get("style") == "deepObject" else {}
            declared |= {f"{name}[{part}]": self._resolved(of) for part, of in parts.items()} or {name: schema}
        return {name: schema for name, schema in declared.items() if name not in sent}

    def _unfit(self, path: str, operation: Mapping[str, Any], query: Mapping[str, Any]) -> str:
        """Returns why an operation cannot be a stream; empty if it may be one."""
        if operation.get("deprecated"):
            return "it is deprecated"
        if _STREAMS.search(path):
            return "it streams changes without an end"
        if "#" in path or "?" in path:
            return "its path is that of another operation"
        if given.without_extension(path).rstrip("/").endswith("}"):
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
        listed = self._is_container(path) or any(map(parameters.pages, query))
        if "schema" in media and not listed and not self._has_list(media["schema"]):
            return "its response has no list of records"
        return ""

    def _is_container(self, path: str) -> bool:
        """True if another path leads to one record of this one. Then its schema may be wrong, but not its purpose."""
        return any(other.startswith(f"{path}/{{") and other.count("/") == path.count("/") + 1 for other in self._paths)

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
        properties = schema.get("properties", {})
        if properties:
            inner = [of for name, of in properties.items() if record_guesses.may_hold(name, properties)]
            return any(self._has_list(each, depth + 1) for each in inner)
        return kinds is None and not branches

    def _required(self, query: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Returns the required parameters with their values, and the name of one that has none."""
        params: dict[str, Any] = {}
        for name, each in query.items():
            if not each.get("required"):
                continue
            schema = self._schema(each)
            values = [schema.get("default"), *schema.get("enum", ())]  # an example selects the records of an example
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

    def _authentications(self) -> list[dict[str, Any]]:
        """Returns the kinds of authentication that the API accepts, the commonest first."""
        schemes = self._resolved(self._root.get("components", {})).get("securitySchemes", {})
        used = [requirement for requirement in self._root.get("security", ()) if requirement] or self._commonest()
        kinds: list[dict[str, Any]] = []
        for requirement in used:
            told = [
                each for name in requirement if (each := _scheme(self._resolved(schemes.get(name, {})))) is not None
            ]
            kinds += [each for each in told[:1] if each not in kinds]
            for further in told[1:] if requirement is used[0] else ():  # all schemes of a requirement go together
                if further["type"] == "api_key" and further.get("in") == "header":
                    self._headers[further["name"]] = f"${{{observed.variable(further['name'])}}}"
        return kinds

    def _commonest(self) -> list[dict[str, Any]]:
        items = [self._resolved(self._root["paths"][path]).get("get", {}) for path in self._paths]
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
            if isinstance(found, list):
                found = found[int(name)] if name.isdecimal() and int(name) < len(found) else {}
            else:
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
    text = str(scheme.get("description", ""))
    word = re.search(r"\bprefix[: ]*[\"'`](\w+)|\b(Token|Key|ApiKey|Bearer)\b [<{\[]?\w", text, re.IGNORECASE)
    return challenge.authorization(KEY, (word[1] or word[2]) if word else "")
