"""Records that a recipe changes with a function: when they are read from a body, or as a transformation."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import msgspec

from source_rest_api.errors import BrokenAnswerError
from source_rest_api.http.response import Response
from source_rest_api.manifest.recipes.reshapes import RESHAPES
from source_rest_api.model import Model
from source_rest_api.records import tree
from source_rest_api.records.decoders import RecordDecoder
from source_rest_api.records.xml_decoder import Xml


class ReshapedRecords(RecordDecoder):
    """Reads the values at a path of a body, each of which gives records."""

    type: Literal["recipe"] = "recipe"
    by: str
    """The name of the change."""
    path: tuple[str, ...] = ()
    body: Literal["json", "jsonl", "xml"] = "json"
    """The format of the body."""

    def text(self, response: Response) -> bytes:
        """Returns the body as JSON; null for lines, which no paginator reads."""
        if self.body == "jsonl":
            return b"null"
        return Xml().text(response) if self.body == "xml" else super().text(response)

    def records(self, response: Response) -> list[dict[str, Any]]:
        """Returns the records.

        Raises:
            BrokenAnswerError: A value has another shape than the recipe expects.
        """
        try:
            return [record for value in self._values(response) for record in RESHAPES[self.by](value)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BrokenAnswerError(
                f"The records are not as the recipe `{self.by}` expects them ({type(error).__name__}). Put the "
                "connector's `components.py` beside the manifest, or write a recipe of your own.",
                str(error),
            ) from error

    def _values(self, response: Response) -> Iterator[Any]:
        if self.body == "jsonl":
            yield from (msgspec.json.decode(line) for line in super().text(response).splitlines() if line.strip())
            return
        root = msgspec.json.decode(self.text(response))
        found = [holder[key] for holder, key in tree.places(root, self.path)] if self.path else [root]
        for value in found:
            yield from value if isinstance(value, list) else [] if value is None else [value]


class Reshaped(Model):
    """Changes the records of a page."""

    type: Literal["recipe"] = "recipe"
    by: str
    """The name of the change."""
    texts: ClassVar[list[str]] = []

    def apply(self, records: list[dict[str, Any]], _names: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Returns the changed records."""
        return [changed for record in records for changed in RESHAPES[self.by](record)]
