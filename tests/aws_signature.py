"""Computes AWS signatures (Signature Version 4) from received requests, as AWS does it."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from tests.api import Call

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIDEXAMPLE"
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>\w+)/(?P<scope>[\w/-]+), ?SignedHeaders=(?P<names>[\w;-]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def signature(call: Call, names: str, scope: str, moment: str) -> str:
    """Sign a request as "Create a signed AWS API request" in AWS's documentation of IAM says, from what arrived."""
    path, _, query = call.target.partition("?")
    pairs = sorted(
        (quote(unquote(name.replace("+", " ")), safe="-_.~"), quote(unquote(value.replace("+", " ")), safe="-_.~"))
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
    )
    headers = "".join(f"{name}:{' '.join(str(call.headers[name]).split())}\n" for name in names.split(";"))
    is_s3 = scope.split("/")[2] == "s3"  # the one service whose paths are not encoded a second time
    canonical = [
        call.method,
        path if is_s3 else quote(path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        headers,
        names,
        sha256(call.body).hexdigest(),
    ]
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, sha256("\n".join(canonical).encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return hmac.new(key, text.encode(), sha256).hexdigest()


def holds(call: Call) -> bool:
    """True if a received request has a valid signature that covers everything AWS requires."""
    signed = _SIGNED.fullmatch(call.headers["Authorization"] or "")
    assert signed, call.headers["Authorization"]
    moment, names = str(call.headers["X-Amz-Date"]), signed["names"]
    date, region, service, end = signed["scope"].split("/")
    assert (signed["id"], date, region, end) == (KEY_ID, moment[:8], "us-east-1", "aws4_request")
    assert {"host", *(n.lower() for n in call.headers if n.lower().startswith("x-amz-"))} <= set(names.split(";"))
    return signature(call, names, f"{date}/{region}/{service}/{end}", moment) == signed["signature"]
