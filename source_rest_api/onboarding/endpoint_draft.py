"""Finds the settings of one endpoint one after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence  # noqa: TC003 -- msgspec reads the types of the fields
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.formats import raw_json
from source_rest_api.onboarding import record_guesses
from source_rest_api.onboarding.cursor_proof import CursorProof
from source_rest_api.onboarding.paging_proof import PagingProof
from source_rest_api.onboarding.proofs import ONE_PAGE, DraftProver
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from source_rest_api.onboarding.given import Operation
    from source_rest_api.onboarding.proofs import Look, Prover

_MANY = 1000
"""Number of records in one response from which on guessing parameters would take too long."""
_KEY = re.compile(r"(?:no )?key: ")


class Settled(Struct, frozen=True):
    """An endpoint that the API confirmed, or the reason to leave it out."""

    path: str
    endpoint: Mapping[str, Any] = {}
    evidence: Sequence[str] = ()
    left_out: str = ""
    alone: EndpointDraft | None = None
    """The endpoint, if all its records came in one response."""


class EndpointDraft:
    """One endpoint whose settings are found one after the other."""

    def __init__(
        self, prover: Prover, operation: Operation, draft: Mapping[str, Any], parents: Sequence[Mapping[str, Any]]
    ) -> None:
        self._operation = operation
        self._draft = dict(draft)
        self._parents = parents
        self._prover = DraftProver(prover, self._draft, parents)
        self._evidence: list[str] = []
        self._unpaged = False

    def settled(self, whole: Look) -> Settled:
        """Returns the endpoint with all verified settings.

        Args:
            whole: Its first page, with the whole body as one record.
        """
        reason = self._find_records(whole) or self._find_key() or self._find_paging()
        if reason:
            return Settled(self._operation.path, left_out=reason, alone=self if self._unpaged else None)
        look = self._look if self._unpaged else self._prover.look()
        self._test_key(look)
        self._find_cursor(look)
        final = self._prover.verdict()
        if final.problem:
            return Settled(self._operation.path, left_out=final.problem)
        self._evidence += [f"doubt: {doubt}" for doubt in final.doubts]
        return Settled(self._operation.path, self._draft, self._evidence, alone=self if self._unpaged else None)

    @property
    def records_path(self) -> str:
        """The path of its records; `$` for the body itself."""
        return str(self._draft.get("records_path", "$"))

    def as_siblings(self, pagination: Mapping[str, Any]) -> Settled | None:
        """Returns the endpoint with a pagination of others of the same API; None if the API does not confirm it.

        Args:
            pagination: A pagination that ends where a response has no sign of more.
        """
        self._draft["pagination"] = pagination
        final = self._prover.verdict()
        if final.problem:
            return None
        if "incremental" not in self._draft and not any(text.startswith("full") for text in self._evidence):
            self._find_cursor(self._look)
        told = [text for text in self._evidence if not text.startswith("pagination")]
        told.append("pagination: the same as for the other endpoints; its response has no sign of more")
        return Settled(self._operation.path, self._draft, told)

    def _find_records(self, whole: Look) -> str:
        root = next((page.root for page in whole.pages if page.records), whole.pages[0].root)
        found = record_guesses.lists(root, self._draft["name"])
        table = record_guesses.table(root)
        columns = ""
        if table and not (found and record_guesses.is_named(found[0][0], self._draft["name"])):
            path, columns = table
            if not columns:
                return f"`{path}` holds arrays of values, and the response has no names for them"
            self._draft["columns_path"] = columns
        elif found:
            path = found[0][0]
            rivals = record_guesses.rivals(found, self._draft["name"])
            if rivals:
                return f"it has several lists of records: {', '.join(f'`{each}`' for each in rivals)}"
        else:
            return "its response has no list of records"
        if path != "$":
            self._draft["records_path"] = path
        look = self._prover.look(pagination=ONE_PAGE)
        if look.problem:
            return look.problem
        if not look.records:
            return "it has no records, so `init` cannot verify its settings"
        self._look = look
        of = "the body itself" if path == "$" else f"`{path}`"
        named = f", with the names of `{columns}`" if columns else ""
        self._evidence.append(f"records: {of}{named}, {len(look.pages[0].records)} on the first page")
        return ""

    def _find_key(self) -> str:
        copies: dict[str, str] = {}
        if self._parents:
            names = re.findall(r"\{\{ (\w+)\.([\w.]+) \}\}", self._draft["path"])
            [*_, (nearest, own)] = names
            copies = {
                f"{parent}_{field.rpartition('.')[2]}": own if parent == nearest else f"{parent}.{field}"
                for parent, field in names
            }
        key = record_guesses.keys(self._look.records, self._draft["name"])
        if copies and (key is None or not self._has_parent(copies)):
            self._draft["include_from_parent"] = copies
            self._look = self._prover.look(pagination=ONE_PAGE)
            key = record_guesses.keys(self._look.records, self._draft["name"], list(copies))
        self._set_key(key, len(self._look.records))
        return ""

    def _set_key(self, key: Sequence[str] | None, count: int) -> None:
        if key:
            self._draft["primary_key"] = key[0] if len(key) == 1 else list(key)
            named = ", ".join(f"`{name}`" for name in key)
            told = f"key: {named}, unique in {counted(count, 'record')}"
        else:
            self._draft.pop("primary_key", None)
            told = f"no key: no field or pair of fields certainly identifies {counted(count, 'record')}"
        others = [text for text in self._evidence if not _KEY.match(text)]
        self._evidence = [*others[:1], told, *others[1:]]

    def _test_key(self, look: Look) -> None:
        """Chooses the key again from more records, which may share the one that the first page suggested."""
        if len(look.records) > len(self._look.records):
            copies = list(self._draft.get("include_from_parent", ()))
            self._set_key(record_guesses.keys(look.records, self._draft["name"], copies), len(look.records))

    def _has_parent(self, copies: Mapping[str, str]) -> bool:
        """True if each record has a field that names its parent, such as `customer_id`."""
        fields = set(raw_json.fields(self._look.records[0]))
        return all(given_name in fields for given_name in self._operation.placeholders) and bool(copies)

    def _find_paging(self) -> str:
        page = self._look.pages[0]
        key = self._draft.get("primary_key")
        names = [key] if isinstance(key, str) else key
        proof = PagingProof(self._prover, self._operation, page, names)
        paging = proof.found()
        self._unpaged = paging.pagination is None and not paging.goes_on
        if paging.problem:
            return paging.problem
        params = self._draft.get("params", {})
        required = [name for name in self._operation.sizes if name in params]
        if required and paging.pagination is None:  # more records may come than one page has
            self._unpaged = False
            return f"the API requires `{required[0]}`, and has too few records to find the pagination"
        self._draft["pagination"] = paging.pagination or {"type": "none"}
        for name in required:
            if name in (paging.pagination or {}).values():
                del params[name]
        if not params:
            self._draft.pop("params", None)
        self._evidence.append(f"pagination: {paging.evidence}")
        return ""

    def _find_cursor(self, look: Look) -> None:
        if not look.records:
            return
        if len(look.pages[0].records) > _MANY and not self._operation.declared:
            self._evidence.append("full refresh: no parameters were tried, because each response would be as large")
            return
        cursor = CursorProof(self._prover, self._operation).found(look)
        if cursor.incremental is not None:
            self._draft["incremental"] = cursor.incremental
        self._evidence.append(f"{'incremental' if cursor.incremental else 'full refresh'}: {cursor.evidence}")
