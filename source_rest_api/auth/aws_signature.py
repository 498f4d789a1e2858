"""Signs requests for AWS (Signature Version 4)."""

import time
from typing import Literal

from pydantic import SecretStr

from source_rest_api.auth.credentials import AuthContext
from source_rest_api.http.credentials import Credentials
from source_rest_api.http.prepared import Prepared
from source_rest_api.model import Model, Secret


class AwsSignature(Model):
    """AWS Signature Version 4: signs each request with an access key, for a region and a service."""

    type: Literal["aws_sigv4"] = "aws_sigv4"
    access_key_id: str
    """The access key's ID."""
    secret_access_key: Secret
    """The access key's secret."""
    session_token: Secret = SecretStr("")
    """The session token of temporary credentials."""
    region: str
    """The AWS region, such as `eu-central-1`."""
    service: str
    """The service name used in signatures, such as `execute-api`, `es` or `s3`."""

    def session(self, desk: AuthContext) -> Credentials:
        """Create credentials that sign each request when it is sent."""
        return _Signatures(self, desk)


class _Signatures:
    """Signs requests. A signature is valid for minutes only, so each attempt gets its own."""

    def __init__(self, key: AwsSignature, desk: AuthContext) -> None:
        self._key = key
        self._time = desk.time

    def current(self) -> "_Signatures":
        """Return the same signer for each request."""
        return self

    def renew(self, used: object, refused: object) -> bool:  # noqa: ARG002 -- AWS rejects with a 403
        """Return False: AWS responds to a bad signature with 403, and there is nothing to renew."""
        return False

    def __call__(self, request: Prepared) -> Prepared:
        """Sign a request. Each request gets its own signer, because the library's signer is not thread-safe."""
        from requests_aws4auth import AWS4Auth  # noqa: PLC0415 -- it would slow down every start

        key = self._key
        request.headers.pop("Date", None)
        request.headers["X-Amz-Date"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._time()))
        signer = AWS4Auth(
            key.access_key_id,
            key.secret_access_key.get_secret_value(),
            key.region,
            key.service,
            session_token=key.session_token.get_secret_value() or None,
        )
        signed: Prepared = signer(request)
        return signed
