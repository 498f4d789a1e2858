"""Settles all endpoints of an API: parents before their children, and those alike by each other."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from source_rest_api.onboarding import given
from source_rest_api.onboarding.endpoint_draft import EndpointDraft, Settled
from source_rest_api.onboarding.proofs import ONE_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.onboarding.given import Given, Operation
    from source_rest_api.onboarding.proofs import Prover

_WORKERS = 8
"""Endpoints that are tried at the same time."""
_BY_SIGN = frozenset({"next_url", "link_header", "cursor"})
_PARENT_FIELDS = ("id", "uuid", "guid", "_id", "key", "slug", "code", "name")


class Settling:
    """Settles the operations of an API.

    Args:
        api: The API as the input describes it.
        prover: Sends the requests that verify a guess.
        tell: Receives a line for each endpoint as it is settled.
    """

    def __init__(self, api: Given, prover: Prover, tell: Callable[[str], None]) -> None:
        self._operations = {operation.path: operation for operation in api.operations}
        self._names = given.names(list(self._operations))
        self._prover = prover
        self._tell = tell
        self._done: dict[str, Settled] = {}

    def settled(self) -> list[Settled]:
        """Returns all endpoints: parents before their children, which need them."""
        levels = sorted({len(operation.placeholders) for operation in self._operations.values()})
        with ThreadPoolExecutor(_WORKERS) as pool:
            for level in levels:
                paths = [path for path, of in self._operations.items() if len(of.placeholders) == level]
                for settled in pool.map(self._settle, paths):
                    self._done[settled.path] = settled
            return list(pool.map(self._as_siblings, list(self._done.values())))

    def _as_siblings(self, settled: Settled) -> Settled:
        """Returns an endpoint that came in one response with the pagination of others that have the same envelope.

        That is safe: without the envelope's sign of more, paging ends; with it, no later page is lost.
        """
        if settled.alone is None:
            return settled
        path = settled.alone.records_path
        paged = [each.endpoint for each in self._done.values() if each.endpoint and each.alone is None]
        alike = [other["pagination"] for other in paged if other.get("records_path", "$") == path]
        signs = [pagination for pagination in alike if pagination["type"] in _BY_SIGN]
        for pagination in signs[:1]:
            plain = {name: value for name, value in pagination.items() if not name.startswith("page_size")}
            found = settled.alone.as_siblings(plain)
            if found is not None:
                self._tell(f"{self._names[settled.path]}: {found.evidence[-1]}")
                return found
        return settled

    def _settle(self, path: str) -> Settled:
        settled = self._tried(self._operations[path])
        name = self._names[path]
        self._tell(f"{name}: {settled.left_out or '; '.join(settled.evidence)}")
        return settled

    def _tried(self, operation: Operation) -> Settled:
        drafts = self._drafts(operation)
        if isinstance(drafts, str):
            return Settled(operation.path, left_out=drafts)
        tried: list[Settled] = []
        for draft, parents in drafts:
            look = self._prover.look({**draft, "records_path": "$", "pagination": ONE_PAGE}, parents)
            if look.problem and operation.sizes:  # MLflow requires a page size
                sized = {**draft, "params": {**operation.params, **operation.sizes}}
                other = self._prover.look({**sized, "records_path": "$", "pagination": ONE_PAGE}, parents)
                draft, look = (draft, look) if other.problem else (sized, other)  # noqa: PLW2901
            tried.append(
                Settled(operation.path, left_out=look.problem)
                if look.problem
                else EndpointDraft(self._prover, operation, draft, parents).settled(look)
            )
            if tried[-1].endpoint:
                return tried[-1]
        return tried[0]  # the likeliest field of the parent

    def _drafts(self, operation: Operation) -> list[tuple[dict[str, Any], list[Mapping[str, Any]]]] | str:
        """Returns the endpoint with each field that its parent may supply, and the parents; or why it has none."""
        name = self._names[operation.path]
        body = {} if operation.body is None else {"body": {"type": "json", "value": operation.body}}
        method = {} if operation.method == "GET" else {"http_method": operation.method}
        draft = {"name": name, "path": operation.path, **method, **body}
        if operation.params:
            draft["params"] = dict(operation.params)
        if not operation.placeholders:
            return [(draft, [])]
        parents: list[Mapping[str, Any]] = []
        fields: list[str] = []
        path = operation.path
        for number, placeholder in enumerate(operation.placeholders):
            before = operation.path.partition(f"/{{{placeholder}}}")[0]
            parent = self._parent(before)
            if parent is None or not parent.endpoint:
                told = f", because `{before}` is left out" if before in self._operations else ""
                return f"no stream supplies the value of `{{{placeholder}}}` in its path{told}"
            parents.append(parent.endpoint)
            last = number == len(operation.placeholders) - 1
            if not last:
                field = _given_field(self._done, operation.path, number) or fields_of(parent, placeholder)[0]
                path = path.replace(f"{{{placeholder}}}", f"{{{{ {parent.endpoint['name']}.{field} }}}}")
            else:
                fields = fields_of(parent, placeholder)
        inner = f"{{{operation.placeholders[-1]}}}"
        own = parents[-1]["name"]
        ancestors = list({each["name"]: each for each in [*self._ancestors(parents[-1]), *parents]}.values())
        return [({**draft, "path": path.replace(inner, f"{{{{ {own}.{field} }}}}")}, ancestors) for field in fields]

    def _parent(self, path: str) -> Settled | None:
        """Returns the endpoint at a path, which may have an extension that the paths of its children lack."""
        found = self._done.get(path)
        return found or next((of for own, of in self._done.items() if given.without_extension(own) == path), None)

    def _ancestors(self, endpoint: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        named = set(re.findall(r"\{\{ (\w+)\.", endpoint["path"]))
        return [each.endpoint for each in self._done.values() if each.endpoint and each.endpoint["name"] in named]


def _given_field(done: Mapping[str, Settled], path: str, number: int) -> str | None:
    """Returns the field that an endpoint nearer to the root already uses for a placeholder of a path."""
    placeholders = given.PLACEHOLDER.findall(path)
    nearer = path.partition(f"/{{{placeholders[number + 1]}}}")[0]
    settled = done.get(nearer) or next((of for own, of in done.items() if given.without_extension(own) == nearer), None)
    found = re.findall(r"\{\{ \w+\.([\w.]+) \}\}", settled.endpoint["path"]) if settled and settled.endpoint else []
    return found[number] if number < len(found) else None


def fields_of(parent: Settled, placeholder: str) -> list[str]:
    """Returns the fields of a parent's records that a placeholder in a path may stand for, the likeliest first."""
    key = parent.endpoint.get("primary_key", [])
    own = [key] if isinstance(key, str) else list(key)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|-", "_", placeholder).lower().split("_")
    inner = [path.rpartition(".")[0] + ".name" for path in own if "." in path]
    guesses = [*own, words[-1], placeholder, *inner] if own else [placeholder, words[-1], *_PARENT_FIELDS]
    return list(dict.fromkeys(guesses))[:4]
