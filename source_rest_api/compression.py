"""Undoes gzip and deflate while a body arrives, by header and by content, and notices cut and hostile bodies."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from source_rest_api.errors import BrokenAnswerError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
_STEP = 1 << 18
_FREE = 10 << 20
_RATIO = 100
LARGEST_BODY = 1 << 29
"""Bytes, inflated. More at once would not leave memory for anything else."""
_UNREADABLE = frozenset({"br", "zstd", "compress"})


def plain(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """A body's bytes without the coding of its `Content-Encoding`, and without gzip where it begins like that.

    Raises:
        BrokenAnswerError: It is cut or damaged.
        ConfigError: It was not asked for in that coding, or inflates to more than 100 times its size.
    """
    for name in reversed([name.strip().lower() for name in coding.split(",")]):
        if name in _UNREADABLE:
            raise ConfigError(f"The API compresses with {name}: set the header `Accept-Encoding: gzip`.")
        if name in {"gzip", "x-gzip"}:
            chunks = _inflated(chunks, zlib.MAX_WBITS | 16)
        elif name == "deflate":
            start, chunks = _peek(chunks, 2)
            wrapped = len(start) > 1 and start[0] & 15 == zlib.DEFLATED and int.from_bytes(start, "big") % 31 == 0
            chunks = _inflated(chunks, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    start, chunks = _peek(chunks, len(_GZIP))
    yield from _inflated(chunks, zlib.MAX_WBITS | 16) if start == _GZIP else chunks


def whole(body: bytes) -> bytes:
    """A whole body without gzip, where it begins like that.

    Raises:
        BrokenAnswerError: It is cut or damaged.
        ConfigError: It inflates to more than 100 times its size, or to more than may be held at once.
    """
    return joined(plain(iter((body,)), "")) if body.startswith(_GZIP) else body


def joined(chunks: Iterator[bytes]) -> bytes:
    """All of a body at once.

    Raises:
        ConfigError: It is more than may be held at once.
    """
    parts, size = [], 0
    for part in chunks:
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise ConfigError(f"The answer is larger than {LARGEST_BODY >> 20} MB: ask for smaller pages.")
    return b"".join(parts)


def check_growth(taken: int, given: int) -> None:
    """Let nothing grow for ever.

    Args:
        taken: Bytes that came.
        given: Bytes that came of them.

    Raises:
        ConfigError: They are more than 100 times as many, beyond 10 MB.
    """
    if given > max(_FREE, taken * _RATIO):
        raise ConfigError(f"The answer inflates to more than {_RATIO} times its size, so it is not read on.")


def _peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of it."""
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
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        waiting = chunk
        while waiting:
            if inflater.eof:  # gzip files may stand one after the other
                inflater = zlib.decompressobj(window)
            try:
                out = inflater.decompress(waiting, _STEP)
            except zlib.error as error:
                raise BrokenAnswerError("The answer's compression is broken.", str(error)) from None
            given += len(out)
            check_growth(taken, given)
            if out:
                yield out
            waiting = inflater.unconsumed_tail or inflater.unused_data.lstrip(b"\0")
            if not waiting and len(out) == _STEP:  # it may hold back what was over the step
                yield from _held_back(inflater)
    if taken and not inflater.eof:
        raise BrokenAnswerError("The answer's compressed body was cut.")


def _held_back(inflater: zlib._Decompress) -> Iterator[bytes]:
    while out := inflater.decompress(b"", _STEP):
        yield out
