"""Writes the config as YAML, with the evidence for each setting as comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from source_rest_api.formats.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from source_rest_api.onboarding.endpoint_draft import Settled
    from source_rest_api.onboarding.given import Given

_WIDTH = 120


def written(api: Given, settled: Sequence[Settled], proof: str) -> str:
    """Returns the text of a config file.

    Args:
        api: The API as the input describes it.
        settled: Its endpoints.
        proof: How the authentication was verified.
    """
    shared = _commonest([each.endpoint["pagination"] for each in settled if each.endpoint])
    return "\n".join([*_head(api, shared, proof), *_endpoints(settled, shared), *_left_out(api, settled)]) + "\n"


def shared_settings(api: Given) -> dict[str, Any]:
    """Returns the settings of all endpoints."""
    told: dict[str, Any] = {"name": api.title, "url_base": api.url_base}
    if api.authentication is not None:
        told["authentication"] = dict(api.authentication)
    if api.headers:
        told["headers"] = dict(api.headers)
    if any(operation.method == "POST" for operation in api.operations):
        told["retry"] = {"post": True}
    return told


def _head(api: Given, shared: Any, proof: str) -> Iterator[str]:
    yield f"# {api.title}: written by `init`. Each setting was confirmed by the API; the comments say how."
    settings = shared_settings(api)
    yield from _comment(proof, "")
    for name, value in settings.items():
        yield _line(name, value)
    if shared is not None:
        yield _line("pagination", shared)


def _endpoints(settled: Sequence[Settled], shared: Any) -> Iterator[str]:
    yield "endpoints:"
    for each in settled:
        if not each.endpoint:
            continue
        for told in each.evidence:
            yield from _comment(told, "  ")
        own = {name: value for name, value in each.endpoint.items() if name != "pagination" or value != shared}
        if shared is None and own.get("pagination") == {"type": "none"}:
            del own["pagination"]
        lines = [_line(name, value) for name, value in own.items()]
        yield f"  - {lines[0]}"
        yield from (f"    {line}" for line in lines[1:])


def _left_out(api: Given, settled: Sequence[Settled]) -> Iterator[str]:
    reasons = {each.path: each.left_out for each in settled if each.left_out} | dict(api.left_out)
    if reasons:
        yield "# Left out, because `init` could not verify it:"
    for path, reason in reasons.items():
        yield from _comment(f"{path}: {reason}", "")


def _comment(text: str, indent: str) -> Iterator[str]:
    """Yields a text as comment lines. It quotes the API, so it is kept to printable characters."""
    line = f"{indent}#"
    for word in printable(text).split():
        if len(line) + len(word) >= _WIDTH and not line.endswith("#"):
            yield line
            line = f"{indent}#  "
        line += f" {word}"
    if not line.endswith("#"):
        yield line


def _line(name: str, value: Any) -> str:
    """Returns a setting in one line, in flow style where it is a list or an object."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20)
    return f"{name}: {text.removesuffix(f'...{chr(10)}').strip()}"


def _commonest(paginations: Sequence[Mapping[str, Any]]) -> Any:
    """Returns the pagination that several endpoints share, if there is one that most of them have."""
    paged = [pagination for pagination in paginations if pagination["type"] != "none"]
    best = max(paged, key=paged.count, default=None)
    return best if best is not None and paged.count(best) > 1 else None
