"""Fields that one request cannot ask for: each page is requested once for each group of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from pydantic import field_validator

from source_rest_api.auth.credentials import without
from source_rest_api.model import Model, Paths

if TYPE_CHECKING:
    from source_rest_api.http.request import Request


class FieldGroups(Model):
    """Requests each page once for each group of fields, and merges its records by key."""

    param: str
    """Query parameter that names the fields, such as `properties`."""
    groups: tuple[tuple[str, ...], ...]
    """The groups of fields. Each must also give the fields of `key`, if the API does not always send them."""
    key: Paths = (("id",),)
    """Field or fields that identify a record in a page."""
    separator: str = ","
    """Separator between the fields."""
    allow_missing: bool = False
    """Merge responses that have not the same records. Set this only if the API omits records without a value in a
    group: rows that shift between pages would be delivered in parts."""

    @field_validator("groups")
    @classmethod
    def _some(cls, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not groups or not all(groups):
            raise ValueError("needs at least one group, and a field in each")
        return groups

    def requests(self, request: Request) -> list[Request]:
        """Returns the requests for one page. The URL of a next page may already name a group."""
        request = replace(request, url=without(request.url, self.param))
        return [request.with_params(**{self.param: self.separator.join(group)}) for group in self.groups]
