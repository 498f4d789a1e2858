"""Decoders: the format of the bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component

_CSV = {"encoding": "encoding", "delimiter": "delimiter", "set_values_to_none": "null_values"}
"""The settings of a table, and what they are called here."""


def items_path(decoder: Component | None) -> list[str] | None:
    """Returns the path of the items that a decoder of a JSON body gives one by one; None if it gives the whole."""
    if (decoder or {}).get("type") != "JsonItemsDecoder":
        return None
    keys = str((decoder or {}).get("items_path") or "").split(".")
    return ["*" if key == "item" else key for key in keys if key] or ["$"]


def decoded(decoder: Component | None) -> dict[str, Any] | None:
    """Returns the `decoder` of an endpoint; None for JSON.

    Raises:
        ConfigError: It has no equivalent here.
    """
    kind = str((decoder or {}).get("type") or "JsonDecoder")
    if kind == "JsonItemsDecoder" and str((decoder or {}).get("encoding") or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise ConfigError("JSON with another `encoding` than UTF-8 has no equivalent here")
    if decoder is None or kind in {"JsonDecoder", "JsonItemsDecoder"}:
        return None
    if kind in {"JsonlDecoder", "JsonLineDecoder", "JsonLineParser"}:
        return {"type": "jsonl"}
    if kind == "XmlDecoder":
        return {"type": "xml"}
    if kind in {"CsvDecoder", "CsvParser"}:
        return {"type": "csv", **{ours: decoder[name] for name, ours in _CSV.items() if decoder.get(name)}}
    if kind in {"CompositeRawDecoder", "GzipDecoder", "GzipParser"}:  # compressed bodies are recognized as such
        return decoded(decoder.get("parser") or decoder.get("inner_parser") or decoder.get("decoder"))
    if kind == "ZipfileDecoder":
        inner = decoded(decoder.get("decoder") or decoder.get("parser"))
        return {"type": "zip", **({"decoder": inner} if inner else {})}
    raise document.lacking(decoder)


def check_answer(decoder: Component | None) -> None:
    """Checks the decoder of responses about tokens and jobs, which are JSON or XML, compressed or not.

    Raises:
        ConfigError: It has no equivalent here.
    """
    made = decoded(decoder)
    if made is not None and made["type"] != "xml":
        raise ConfigError(f"`{(decoder or {}).get('type')}` has an equivalent only for records").at("decoder")
