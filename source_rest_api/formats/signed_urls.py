"""Recognizes signed URLs of file stores: S3, Google Cloud Storage, Azure and CloudFront."""

from __future__ import annotations

from urllib.parse import urlsplit

_AZURE = frozenset(["sv", "st", "se", "sr", "sp", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv", "sig"])
_OLD = frozenset(
    ["expires", "signature", "key-pair-id", "policy", "awsaccesskeyid", "googleaccessid", "x-amz-security-token"]
)


def resource(url: str) -> str:
    """Returns a signed URL without its signature, which is new in every response; any other text unchanged."""
    if not url.startswith(("https://", "http://")) or "?" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    pairs = parts.query.split("&")
    names = {pair.partition("=")[0].lower() for pair in pairs}
    dropped = _signing(names)
    kept = [pair for pair in pairs if pair.partition("=")[0].lower() not in dropped]
    return parts._replace(query="&".join(kept)).geturl() if dropped else url


def _signing(names: set[str]) -> set[str]:
    """Returns the parameters that belong to a signature; none if there is no signature."""
    for signature in ("x-amz-signature", "x-goog-signature"):
        if signature in names:
            prefix = signature.removesuffix("signature")
            return {name for name in names if name.startswith(prefix)}
    if {"sig", "sv"} <= names:
        return names & _AZURE
    return names & _OLD if "signature" in names and not names.isdisjoint({"expires", "policy"}) else set()
