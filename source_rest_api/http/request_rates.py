"""Rates of requests that some endpoints share."""

from pydantic import Field, PositiveFloat

from source_rest_api.model import Model


class RequestRate(Model):
    """The rate of requests that some endpoints may reach together, if the API limits them more than others."""

    endpoints: list[str] = Field(min_length=1)
    """Names of the endpoints that share the rate."""
    max_requests_per_second: PositiveFloat
    """Maximum number of requests started per second, for these endpoints together."""
