"""Authenticators of a connector's `components.py`."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from source_rest_api.auth.credentials import AuthContext
from source_rest_api.http.credentials import Credentials, Static
from source_rest_api.http.prepared import Prepared
from source_rest_api.model import Model

if TYPE_CHECKING:
    from requests import PreparedRequest


class OwnAuthenticator(Model):
    """Signs requests with a class of the connector, which asks for its tokens itself."""

    type: Literal["components.py"] = "components.py"
    component: Any

    def session(self, desk: AuthContext) -> Credentials:
        """Returns credentials that ask the class for each request."""

        def sign(request: Prepared) -> Prepared:
            def signed(whole: "PreparedRequest") -> "PreparedRequest":
                self.component.call(lambda authenticator: _sign(authenticator, whole, desk.learn))
                return whole

            return request.sign(signed)

        return Static(sign)


def _sign(authenticator: Any, request: "PreparedRequest", learn: Callable[[str], None]) -> None:
    """Has an authenticator sign a request, as the CDK does, and masks what it puts there."""
    before = dict(request.headers)
    if callable(authenticator):
        authenticator(request)
    added = [value for name, value in request.headers.items() if before.get(name) != value]
    params = dict(authenticator.get_request_params() or {})
    if params:
        request.prepare_url(request.url or "", params)
    fields = dict(authenticator.get_request_body_json() or {})
    if fields:
        own = json.loads(request.body or b"{}")
        request.prepare_body(None, None, json={**own, **fields})
    form = authenticator.get_request_body_data()
    if form:
        request.prepare_body(form, None)
    for value in (*added, *params.values(), *fields.values()):
        for part in (str(value), str(value).rpartition(" ")[2]):
            learn(part)
