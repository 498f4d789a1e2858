"""Backoff strategies of a connector's `components.py`."""

from typing import Any, Literal

from source_rest_api.http.response import Response
from source_rest_api.manifest.own_code.component import response_of
from source_rest_api.model import Model


class OwnWait(Model):
    """Asks a class of the connector how long to wait."""

    type: Literal["components.py"] = "components.py"
    component: Any

    def seconds(self, response: Response) -> float | None:
        """Returns the seconds to wait; None if the class leaves that to us.

        Raises:
            SourceError: The class fails.
        """
        found: float | None = self.component.call(lambda of: of.backoff_time(response_of(response), 1))
        return found
