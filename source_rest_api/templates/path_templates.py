"""Templates of paths: each value is percent-encoded as one segment, unless the config says otherwise.

If the template encodes a value itself, the value is not encoded twice: `urlencode` keeps its slashes, `sanitize_url`
does not, and `safe` inserts it as it is. A path that begins with an absolute URL is that URL.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from source_rest_api.errors import ConfigError
from source_rest_api.templates import templates
from source_rest_api.templates.scalars import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template, nodes
    from jinja2.sandbox import SandboxedEnvironment

_URL = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ENCODERS = frozenset({"safe", "sanitize_url", "urlencode"})
"""Filters and functions whose result is inserted into a path without encoding."""
_AS_IS, _SEGMENT, _START = "as it is", "a segment", "a start"
"""Filters that templates cannot name."""


class _Encoded(str):
    """Text that goes into the path as it is."""

    __slots__ = ()


def is_url(path: str) -> bool:
    """True if a path is an absolute URL, which does not stand below `url_base`."""
    return _URL.match(path) is not None


def render(text: str, context: Mapping[str, Any]) -> str:
    """Fills the template of a path.

    Raises:
        ConfigError: See `templates.render`, or a value is empty or leads out of its place in the path.
    """
    if not templates.has_holes(text):
        return text
    with templates.Filling(text):
        return templates.joined(_compile(text).generate(context))


@cache
def _compile(text: str) -> Template:
    from jinja2 import nodes  # noqa: PLC0415 -- most configs have no template; start-up counts

    made = _environment()
    tree = made.parse(text)
    for printed in tree.find_all(nodes.Output):
        printed.nodes = [_marked(node) for node in printed.nodes]
    for assigned in tree.find_all(nodes.Assign):
        if isinstance(assigned.node, nodes.Expr):
            assigned.node = _marked(assigned.node)
    first = next((node for node in tree.body if isinstance(node, nodes.Output)), None)
    if first is not None:
        first.nodes[0] = _filtered(first.nodes[0], _START)
    return made.from_string(tree)


@cache
def _environment() -> SandboxedEnvironment:
    from source_rest_api.templates.sandbox import environment  # noqa: PLC0415 -- as above

    made = environment(_inserted)
    made.globals["sanitize_url"] = _sanitized
    made.filters.update({_AS_IS: _as_is, _SEGMENT: _segment, _START: _start})
    return made


def _marked(node: nodes.Expr) -> nodes.Expr:
    """Returns an expression whose value is inserted without encoding where the template encodes it itself."""
    from jinja2 import nodes  # noqa: PLC0415 -- as above

    if not _encodes(node):
        return node
    if isinstance(node, nodes.CondExpr):
        other = None if node.expr2 is None else _marked(node.expr2)
        return nodes.CondExpr(node.test, _marked(node.expr1), other, lineno=node.lineno)
    if isinstance(node, nodes.Or | nodes.And):
        return type(node)(_marked(node.left), _marked(node.right), lineno=node.lineno)
    if isinstance(node, nodes.Concat):
        node.nodes = [_part(inner) for inner in node.nodes]
    return _filtered(node, _AS_IS)


def _part(node: nodes.Expr) -> nodes.Expr:
    """Returns a part of a text that the template encodes elsewhere: as one segment, unless it is the author's own."""
    from jinja2 import nodes  # noqa: PLC0415 -- as above

    return node if _encodes(node) or isinstance(node, nodes.Const) else _filtered(node, _SEGMENT)


def _encodes(node: nodes.Node) -> bool:
    from jinja2 import nodes  # noqa: PLC0415 -- as above

    filters = {found.name for found in node.find_all(nodes.Filter)}
    functions = {found.node.name for found in node.find_all(nodes.Call) if isinstance(found.node, nodes.Name)}
    own = {node.name} if isinstance(node, nodes.Filter) else set()
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        own = {node.node.name}
    if any(_ESCAPE.search(str(constant.value)) for constant in node.find_all(nodes.Const)):
        return True  # `replace('/', '%2F')`
    return not _ENCODERS.isdisjoint(filters | functions | own)


def _filtered(node: nodes.Expr, name: str) -> nodes.Expr:
    from jinja2 import nodes  # noqa: PLC0415 -- as above

    if isinstance(node, nodes.TemplateData):
        return node
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _as_is(value: object) -> object:
    return _Encoded(value) if isinstance(value, str) else value


def _sanitized(value: object) -> str:
    return quote(as_text(value), safe="")


def _start(value: object) -> object:
    return _Encoded(value) if isinstance(value, str) and is_url(value) else value


def _inserted(value: object) -> str:
    return _within(value) if isinstance(value, _Encoded) else _segment(value)


def _segment(value: object) -> str:
    """Converts a value to a single path segment (RFC 3986, section 3.3), which cannot leave its place in the path."""
    segment = _sanitized(value)
    if segment in {"", ".", ".."}:
        raise ConfigError(f"it returned {segment!r}, which is not allowed as a segment of a URL path")
    return segment


def _within(value: _Encoded) -> str:
    """Returns a text that the template encoded itself, unless it leads to a higher path."""
    if not value:
        raise ConfigError("it returned '', which is not allowed in a URL path")
    path = re.split(r"[?#]", value, maxsplit=1)[0]
    for segment in re.split(r"[/\\]", unquote(path)):
        if segment in {".", ".."}:
            raise ConfigError(f"it returned a path with {segment!r}, which is not allowed as a segment of a URL path")
    return str(value)
