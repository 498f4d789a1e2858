"""Short digests that replace long texts in the state."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b


def digest(text: str | bytes) -> str:
    """Returns a 64-bit digest of a text, as `#` and 11 characters."""
    return _of(text) if isinstance(text, bytes) else _of_text(text)


@lru_cache(1024)
def _of_text(text: str) -> str:
    """Returns the digest of the name of a partition, which is asked for several times while it is read."""
    return _of(text.encode())


def _of(raw: bytes) -> str:
    return "#" + urlsafe_b64encode(blake2b(raw, digest_size=8).digest()).decode().rstrip("=")
