"""Decompresses gzip and deflate bodies while they arrive, and detects truncated bodies and decompression bombs."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from source_rest_api.errors import BrokenAnswerError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
_STEP = 1 << 18
"""Maximum bytes inflated at once, and so the memory that a bomb can use before it is detected."""
_RATIO = 100
"""Maximum growth of a body. JSON with similar records grows by 20 to 100 times; deflate can reach 1032 times."""
_GZIPPED = frozenset({"gzip", "x-gzip"})
_UNREADABLE = frozenset({"br", "zstd", "compress"})


def plain(chunks: Iterator[bytes], coding: str, *, lenient: bool = False) -> Iterator[bytes]:
    """Yield a body decompressed: by its `Content-Encoding`, and once more if the result begins like a gzip file.

    Decompressed bytes come in steps of at most 256 kB, so the caller can stop when the body gets too large.

    Args:
        chunks: The body as it arrived.
        coding: The `Content-Encoding` header; empty if there is none.
        lenient: True to leave a body with an unsupported coding as it is.

    Raises:
        BrokenAnswerError: The body is truncated or damaged.
        ConfigError: The coding is not supported, and was not requested.
    """
    for name in reversed(_names(coding)):
        if name in _UNREADABLE:
            start, chunks = _peek(chunks, 1)
            if lenient or not start:
                break
            raise ConfigError(f"The API compresses with {name}: set the header `Accept-Encoding: gzip` in `headers`.")
        if name in _GZIPPED:
            chunks = _inflated(chunks, zlib.MAX_WBITS | 16)
        elif name == "deflate":
            start, chunks = _peek(chunks, 2)
            wrapped = len(start) > 1 and start[0] & 15 == zlib.DEFLATED and int.from_bytes(start, "big") % 31 == 0
            chunks = _inflated(chunks, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    start, chunks = _peek(chunks, len(_GZIP))
    yield from _inflated(chunks, zlib.MAX_WBITS | 16) if start == _GZIP else chunks


def shows_end(coding: str) -> bool:
    """Return True if a body with this `Content-Encoding` shows where it ends."""
    return not {*_GZIPPED, "deflate"}.isdisjoint(_names(coding))


def _names(coding: str) -> list[str]:
    return [name.strip().lower() for name in coding.split(",")] if coding else []


def joined(chunks: Iterator[bytes], largest: int) -> bytes:
    """Return a whole body.

    Args:
        chunks: The body, decompressed.
        largest: Maximum bytes of the body.

    Raises:
        ConfigError: The body is larger.
    """
    parts, size = [], 0
    for part in chunks:
        parts.append(part)
        size += len(part)
        if size > largest:
            raise ConfigError(
                f"The body is larger than {largest >> 20} MB: request less at once (a smaller page size), or raise "
                "`limits.body_megabytes`."
            )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_growth(taken: int, given: int, free: int) -> None:
    """Reject decompression bombs. Ordinary bodies that compress well grow by 20 to 100 times.

    Args:
        taken: Bytes received.
        given: Bytes after decompression.
        free: Decompressed bytes that are always allowed.

    Raises:
        ConfigError: The body is beyond `free`, and more than 100 times its compressed size.
    """
    if given > max(free, taken * _RATIO):
        raise ConfigError(
            f"The body decompresses to over {free >> 20} MB, more than {_RATIO} times its size, so the connector "
            "stopped reading it: request less at once (a smaller page size), or raise `limits.body_megabytes`."
        )


def _peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of a body, and the whole body."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break
    return head[:size], _joined(head, chunks)


def _joined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _inflated(chunks: Iterator[bytes], window: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(window)
    empty, over = True, False
    for chunk in chunks:
        empty = False
        waiting = b"" if over else chunk
        while waiting:
            if inflater.eof:
                waiting = waiting.lstrip(b"\0")
                # Several gzip files may follow each other, with zeros between them; anything else is padding.
                over = waiting[:1] not in {b"", _GZIP[:1]}
                if over or not waiting:
                    break
                inflater = zlib.decompressobj(window)
            out = _inflate(inflater, waiting)
            if out:
                yield out
            waiting = inflater.unconsumed_tail or inflater.unused_data
            if not waiting and len(out) == _STEP:  # zlib may still hold output beyond this step
                yield from _held_back(inflater)
    if not empty and not inflater.eof:
        raise BrokenAnswerError("The compressed body was cut short.")


def _inflate(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _STEP)
    except zlib.error as error:
        raise BrokenAnswerError("The compressed body is damaged.", str(error)) from None


def _held_back(inflater: zlib._Decompress) -> Iterator[bytes]:
    while out := _inflate(inflater, b""):
        yield out
