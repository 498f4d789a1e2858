"""Fields that one request cannot ask for: each page is requested once for each group of them."""

from msgspec.structs import replace
from pydantic import field_validator

from source_rest_api.auth.credentials import without
from source_rest_api.http.request import Request
from source_rest_api.model import Model, Paths


class FieldGroups(Model):
    """Requests each page once for each group of fields, and merges its records by key."""

    param: str
    """Query parameter that names the fields, such as `properties`."""
    groups: tuple[str, ...]
    """The value of the parameter for each group, such as `name,size`. Name the fields of `merge_by` in each, if the API
    does not always send them."""
    merge_by: Paths = ()
    """Field or fields that identify a record in a page. By default `primary_key`."""
    allow_missing: bool = False
    """Merge responses even if their records differ. Set this only if the API omits records without a value in a group:
    rows that shift between pages would be delivered in parts."""

    @field_validator("groups")
    @classmethod
    def _some(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if not all(groups) or not groups:
            raise ValueError("needs at least one group, and a field in each")
        return groups

    def check(self, *, is_whole: bool, key: Paths) -> None:
        """Checks the groups beside other settings of the endpoint.

        Args:
            is_whole: True if a response is read at once.
            key: The primary key.

        Raises:
            ValueError: They do not go together.
        """
        if not is_whole:
            raise ValueError("`field_groups` needs responses that are read at once: JSON or XML, and no `job`")
        if not (self.merge_by or key):
            raise ValueError("`field_groups.merge_by` must name the fields that identify a record")

    def merging_by(self, key: Paths) -> "FieldGroups":
        """Returns the groups with a key by default."""
        return self if self.merge_by else self.model_copy(update={"merge_by": key})

    def requests(self, request: Request) -> list[Request]:
        """Returns the requests for one page. The URL of a next page may already name a group."""
        request = replace(request, url=without(request.url, self.param))
        return [request.with_params(**{self.param: group}) for group in self.groups]
