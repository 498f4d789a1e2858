"""Starts the credentials of a config: those of the API, and those of endpoints that authenticate on their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.auth import credentials
from source_rest_api.auth.authenticators import with_secrets
from source_rest_api.auth.credentials import AuthContext
from source_rest_api.config import masking
from source_rest_api.http.per_endpoint import PerEndpoint

if TYPE_CHECKING:
    from source_rest_api.auth.credentials import TokenExchange
    from source_rest_api.config.config import Config
    from source_rest_api.config.config_updates import ConfigUpdates
    from source_rest_api.http.credentials import Credentials


def start(config: Config, keeper: ConfigUpdates, exchange: TokenExchange) -> PerEndpoint[Credentials]:
    """Returns the credentials of all endpoints. Those with the same authentication share one token.

    Args:
        config: The config.
        keeper: Learns new secrets, and replaces refresh tokens in the user's config.
        exchange: Sends token requests.
    """
    context = config.context(keeper.config)
    desk = AuthContext(context, exchange, keeper.learn, keeper.replace)
    known = [(config.authentication, credentials.start(config.authentication, desk))]
    by_endpoint = {}
    for endpoint in config.streams:
        if endpoint.authentication is not None:
            own = with_secrets(endpoint.authentication, context)
            for secret in masking.secrets_of(own):
                keeper.learn(secret)
            started = next((made for other, made in known if other == own), None) or credentials.start(own, desk)
            known.append((own, started))
            by_endpoint[endpoint.name] = started
    return PerEndpoint(known[0][1], by_endpoint)
