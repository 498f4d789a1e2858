"""HTTP digest authentication (RFC 7616)."""

import re
from typing import Any, Literal

from source_rest_api.auth.credentials import AuthContext
from source_rest_api.http.credentials import Auth, Credentials
from source_rest_api.http.prepared import Prepared
from source_rest_api.http.response import Response
from source_rest_api.model import Model, Secret


class Digest(Model):
    """HTTP digest: user name and password, sent as a hash in response to the API's challenge (RFC 7616)."""

    type: Literal["digest"] = "digest"
    username: str
    """The user name."""
    password: Secret
    """The password."""

    def session(self, desk: AuthContext) -> Credentials:  # noqa: ARG002 -- the challenge comes with a 401
        """Create credentials that respond to challenges; each thread has its own challenge."""
        return _Challenged(self.username, self.password.get_secret_value())


class _Challenged:
    """Digest credentials based on those of `requests`, without their resending: the sender does that."""

    def __init__(self, username: str, password: str) -> None:
        from requests.auth import HTTPDigestAuth  # noqa: PLC0415 -- start-up counts

        self._digest: Any = HTTPDigestAuth(username, password)

    def current(self) -> Auth:
        """Return an auth that responds to this thread's challenge, if it has received one."""
        self._digest.init_per_thread_state()
        return self._answer

    def renew(self, used: Auth, refused: Response) -> bool:  # noqa: ARG002 -- the challenge is all it needs
        """Store the challenge of a 401; return False if it has none."""
        header = refused.headers.get("WWW-Authenticate", "")
        challenge = re.search(r"\bdigest\s+(.*)", header, re.IGNORECASE | re.DOTALL)
        if challenge is None:
            return False
        from requests.utils import parse_dict_header  # noqa: PLC0415 -- start-up counts

        self._digest._thread_local.chal = parse_dict_header(challenge[1])  # type: ignore[no-untyped-call]  # noqa: SLF001
        return True  # the thread's state is private to requests, but there is no other way to set it

    def _answer(self, request: Prepared) -> Prepared:
        if self._digest._thread_local.chal:  # noqa: SLF001
            header = self._digest.build_digest_header(request.method or "", request.url or "")
            if header:
                request.headers["Authorization"] = header
        return request
