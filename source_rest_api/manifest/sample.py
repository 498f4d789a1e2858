"""A config that fits a form: examples and defaults where the form has them."""

from __future__ import annotations

import re
from typing import Any

_KEY = re.compile(r"""config(?:\.get\(|\[)\\?['"](\w+)|config\.(\w+)""")
_DATE = "2024-01-01"
_FORM = re.compile(r"%|YYYY")
"""Matches examples that show a format, not a value."""
_WORDS = {
    "url": "https://api.example.com",
    "domain": "example.com",
    "host": "example.com",
    "size": "100",
    "days": "30",
    "window": "30",
    "step": "30",
}


def config(form: Any, name: str = "") -> Any:
    """Returns a value for a JSON schema, such as a form's."""
    if not isinstance(form, dict):
        return "sample"
    if "const" in form:
        return form["const"]
    if form.get("enum"):
        return form["default"] if form.get("default") in form["enum"] else form["enum"][0]
    default = form.get("default")
    if default not in (None, "", [], {}) and not (isinstance(default, dict) and "properties" in default):
        return default
    for branches in (form.get("oneOf"), form.get("anyOf")):
        if branches:
            chosen = config(branches[0], name)
            return {**_fields(form), **chosen} if isinstance(chosen, dict) else chosen
    return _by_type(form, name)


def of(manifest: dict[str, Any], form: Any, text: str) -> dict[str, Any]:
    """Returns a config for a manifest: one that fits its form or, without a form, with the keys that it reads.

    Args:
        manifest: The manifest.
        form: The JSON schema of its config.
        text: The manifest's text.
    """
    made: dict[str, Any] = config(form)
    if not made:
        made = _of_text(text)
        _choose(manifest, made)
    return made


def form_of(made: dict[str, Any]) -> dict[str, Any]:
    """Returns a form for a config, for a manifest without a form."""
    kinds = {name: "object" if isinstance(value, dict) else "string" for name, value in sorted(made.items())}
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    return {"type": "object", "properties": properties, "additionalProperties": True}


def _of_text(text: str) -> dict[str, Any]:
    """Returns a config for a manifest without a form: the keys that its templates read."""
    keys = {name for found in _KEY.findall(text) for name in found if name}
    return {key: _text({}, key) for key in keys - {"get"}}


def _choose(value: Any, config: dict[str, Any]) -> None:
    """Has a config without a form choose the first of the authenticators between which a part of a manifest selects."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _choose(inner, config)
    if isinstance(value, dict) and value.get("type") == "SelectiveAuthenticator":
        holder = config
        *path, last = value["authenticator_selection_path"]
        for key in path:
            if not isinstance(holder.get(key), dict):
                holder[key] = {}
            holder = holder[key]
        holder[last] = next(iter(value["authenticators"]))


def _fields(form: dict[str, Any]) -> dict[str, Any]:
    return {name: config(inner, name) for name, inner in (form.get("properties") or {}).items()}


def _by_type(form: dict[str, Any], name: str) -> Any:
    kind = form.get("type", "object" if "properties" in form else "string")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "string")
    if kind == "object":
        return _fields(form)
    if kind == "array":
        return _listed(form, name)
    if kind in {"integer", "number"}:
        return max(form.get("minimum", 1), 1)
    return True if kind == "boolean" else _text(form, name)


def _listed(form: dict[str, Any], name: str) -> list[Any]:
    examples = form.get("examples")
    if examples and isinstance(examples[0], list):
        return list(examples[0])
    return [config(form.get("items") or {"type": "string"}, name)]


def _text(form: dict[str, Any], name: str) -> str:
    example = next(iter(form.get("examples") or ()), None) if isinstance(form.get("examples"), list) else None
    is_date = form.get("format") in {"date", "date-time"}
    if isinstance(example, str) and not _FORM.search(example) and (not is_date or example[:1].isdigit()):
        return example
    if form.get("format") == "date":
        return _DATE
    if form.get("format") == "date-time" or "date" in name:
        pattern = form.get("pattern", "T")
        return f"{_DATE}T00:00:00Z" if "T" in pattern else _DATE
    return next((value for word, value in _WORDS.items() if word in name), "sample")
