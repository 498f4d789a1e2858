"""Short digests that replace long texts in the state."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b


def digest(text: str | bytes) -> str:
    """Returns a 64-bit digest of a text, as `#` and 11 characters."""
    raw = text if isinstance(text, bytes) else text.encode()
    return "#" + urlsafe_b64encode(blake2b(raw, digest_size=8).digest()).decode().rstrip("=")
