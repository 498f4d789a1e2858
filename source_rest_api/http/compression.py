"""Undoes gzip and deflate while a body arrives, by header and by content, and notices cut and hostile bodies."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from source_rest_api.errors import BrokenAnswerError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
_STEP = 1 << 18
"""Bytes that are inflated at once: what a bomb may put into memory before it is measured."""
_RATIO = 100
"""How much a body may inflate. JSON of equal records comes to 20 to 100 times its size; deflate itself ends at 1032."""
_UNREADABLE = frozenset({"br", "zstd", "compress"})


def plain(chunks: Iterator[bytes], coding: str, *, lenient: bool = False) -> Iterator[bytes]:
    """A body's bytes without the coding of its `Content-Encoding`, and without gzip where it begins like that.

    They come in steps of 256 kB at most, so who takes them can tell how much it becomes.

    Args:
        chunks: The body as it came.
        coding: The header; empty if there is none.
        lenient: Whether a coding that is not known is left as it is.

    Raises:
        BrokenAnswerError: It is cut or damaged.
        ConfigError: It was not asked for in that coding.
    """
    for name in reversed([name.strip().lower() for name in coding.split(",")]):
        if name in _UNREADABLE:
            if lenient:
                break
            raise ConfigError(f"The API compresses with {name}: set the header `Accept-Encoding: gzip`.")
        if name in {"gzip", "x-gzip"}:
            chunks = _inflated(chunks, zlib.MAX_WBITS | 16)
        elif name == "deflate":
            start, chunks = _peek(chunks, 2)
            wrapped = len(start) > 1 and start[0] & 15 == zlib.DEFLATED and int.from_bytes(start, "big") % 31 == 0
            chunks = _inflated(chunks, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    start, chunks = _peek(chunks, len(_GZIP))
    yield from _inflated(chunks, zlib.MAX_WBITS | 16) if start == _GZIP else chunks


def joined(chunks: Iterator[bytes], largest: int) -> bytes:
    """All of a body at once.

    Args:
        chunks: It, plain.
        largest: Bytes that it may come to.

    Raises:
        ConfigError: It is more.
    """
    parts, size = [], 0
    for part in chunks:
        parts.append(part)
        size += len(part)
        if size > largest:
            raise ConfigError(
                f"The answer is larger than {largest >> 20} MB: ask for smaller pages, or raise "
                "`limits.body_megabytes`."
            )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_growth(taken: int, given: int, free: int) -> None:
    """Tell bombs from bodies that are packed well, as most of 20 to 100 times their size are.

    Args:
        taken: Bytes that came.
        given: Bytes that came of them.
        free: Bytes up to which nothing is a bomb.

    Raises:
        ConfigError: They are more than 100 times as many.
    """
    if given > max(free, taken * _RATIO):
        raise ConfigError(
            f"The answer inflates to more than {_RATIO} times its size, beyond {free >> 20} MB, so it is not read on: "
            "ask for less at once, or raise `limits.body_megabytes`."
        )


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
    empty, over = True, False
    for chunk in chunks:
        empty = False
        waiting = b"" if over else chunk
        while waiting:
            if inflater.eof:
                waiting = waiting.lstrip(b"\0")
                # Gzip files may stand one after the other, with zeros between them; anything else is padding.
                over = waiting[:1] not in {b"", _GZIP[:1]}
                if over or not waiting:
                    break
                inflater = zlib.decompressobj(window)
            out = _inflate(inflater, waiting)
            if out:
                yield out
            waiting = inflater.unconsumed_tail or inflater.unused_data
            if not waiting and len(out) == _STEP:  # it may hold back what was over the step
                yield from _held_back(inflater)
    if not empty and not inflater.eof:
        raise BrokenAnswerError("The answer's compressed body was cut.")


def _inflate(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _STEP)
    except zlib.error as error:
        raise BrokenAnswerError("The answer's compression is broken.", str(error)) from None


def _held_back(inflater: zlib._Decompress) -> Iterator[bytes]:
    while out := _inflate(inflater, b""):
        yield out
