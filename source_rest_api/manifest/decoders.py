"""Decoders: the format of the bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import document

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component


def decoded(decoder: Component | None) -> dict[str, Any] | None:
    """Returns the `decoder` of an endpoint; None for JSON.

    Raises:
        ConfigError: It has no equivalent here.
    """
    kind = str((decoder or {}).get("type") or "JsonDecoder")
    if decoder is None or kind in {"JsonDecoder", "JsonItemsDecoder"}:
        return None
    if kind in {"JsonlDecoder", "JsonLineDecoder", "JsonLineParser"}:
        return {"type": "jsonl"}
    if kind == "XmlDecoder":
        return {"type": "xml"}
    if kind in {"CsvDecoder", "CsvParser"}:
        return {"type": "csv", **{name: decoder[name] for name in ("encoding", "delimiter") if decoder.get(name)}}
    if kind in {"CompositeRawDecoder", "GzipDecoder", "GzipParser"}:  # compressed bodies are recognized as such
        return decoded(decoder.get("parser") or decoder.get("inner_parser") or decoder.get("decoder"))
    if kind == "ZipfileDecoder":
        inner = decoded(decoder.get("decoder") or decoder.get("parser"))
        return {"type": "zip", **({"decoder": inner} if inner else {})}
    raise document.lacking(decoder)
