"""Text with holes: Jinja expressions in a sandbox, with the names that the CDK uses.

A result is the text as it stands: nothing is evaluated a second time, and data is never a template.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template
    from jinja2.nodes import Template as Tree
    from jinja2.sandbox import SandboxedEnvironment

BUILT_IN_NAMES = frozenset({"config", "stream_interval", "stream_partition", "next_page_token"})
"""Names that a template may use beside functions and the names of parent streams."""

_HOLE = re.compile(r"\{[{%#]")
_QUOTED = re.compile(r"'[^']*'")


def _text(value: object) -> str:
    """A value as text, as JSON writes it. Only scalars: what Python shows of anything else is meant for nobody."""
    text = str(value)
    if value is None or isinstance(value, dict | list | tuple) or callable(value):
        kind = "null" if value is None else type(value).__name__
        raise ConfigError(f"A template gave {kind} where text was expected; `default`, `join` or `tojson` may help.")
    return text.lower() if isinstance(value, bool) else text


def _path_segment(value: object) -> str:
    """A value as one segment of a path: it can neither end the path nor climb it (RFC 3986, section 3.3)."""
    segment = quote(_text(value), safe="")
    if segment in {"", ".", ".."}:
        raise ConfigError(f"A template in `path` gave {segment!r}, which cannot stand as a part of a URL's path.")
    return segment


@cache
def _environment(*, for_path: bool) -> SandboxedEnvironment:
    from jinja2 import StrictUndefined  # noqa: PLC0415 -- most configs have no template, and start-up counts
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    from source_rest_api.template_functions import FILTERS, FUNCTIONS  # noqa: PLC0415

    class Environment(ImmutableSandboxedEnvironment):
        """Data goes before methods: `record.items` is the field, if there is one."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, dict) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

    environment = Environment(
        undefined=StrictUndefined, finalize=_path_segment if for_path else _text, keep_trailing_newline=True
    )
    environment.globals.clear()
    environment.globals.update(FUNCTIONS)
    environment.filters.update(FILTERS)
    return environment


def _parse(text: str) -> Tree:
    return _environment(for_path=False).parse(text)


@cache
def _compile(text: str, *, for_path: bool) -> Template:
    return _environment(for_path=for_path).from_string(text)


def _without_words(quoted: re.Match[str]) -> str:
    """What a syntax error quotes may be a secret that was not meant as a template."""
    text = quoted.group()
    return text if text.startswith("'end of ") or not re.search(r"\w", text) else "'…'"


def check(text: str) -> None:
    """Raise ValueError, with the place, if the text is not a valid template."""
    if not _HOLE.search(text):
        return
    from jinja2 import TemplateAssertionError, TemplateSyntaxError  # noqa: PLC0415

    try:
        _compile(text, for_path=False)
    except TemplateAssertionError as error:
        raise ValueError(f"template error in line {error.lineno}: {error.message}") from None
    except TemplateSyntaxError as error:
        reason = _QUOTED.sub(_without_words, error.message or "not a template")
        raise ValueError(f"template error in line {error.lineno}: {reason}") from None


@cache
def names(text: str) -> frozenset[str]:
    """The names that a template reads, without functions: `config`, parent streams, ..."""
    if not _HOLE.search(text):
        return frozenset()
    from jinja2.meta import find_undeclared_variables  # noqa: PLC0415

    return frozenset(find_undeclared_variables(_parse(text)) - set(_environment(for_path=False).globals))


def render(text: str, context: Mapping[str, Any], *, for_path: bool = False) -> str:
    """Fill a text's holes. With `for_path`, each value is percent-encoded as one path segment.

    Raises:
        ConfigError: A name or key is missing and has no default, or the sandbox refuses the expression.
    """
    if not _HOLE.search(text):
        return text
    from jinja2 import TemplateError  # noqa: PLC0415

    try:
        return _compile(text, for_path=for_path).render(context)
    except ConfigError:
        raise
    except TemplateError as error:
        raise ConfigError(f"The template `{text}` cannot be filled: {error.message}.") from None
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"The template `{text}` cannot be filled ({type(error).__name__}).") from None


def variable(name: str) -> str:
    """The name by which a stream's records are known in templates: letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


@cache
def references(text: str) -> frozenset[tuple[str, ...]]:
    """What a template reads, each as name and keys: `{{ repos.owner['login'] }}` gives `(repos, owner, login)`."""
    if not _HOLE.search(text):
        return frozenset()
    from jinja2 import nodes  # noqa: PLC0415

    tree = _parse(text)
    own = names(text)
    inner: set[int] = set()
    found = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
        if id(node) in inner:
            continue
        keys: list[str] = []
        current: nodes.Node = node
        while isinstance(current, nodes.Getattr | nodes.Getitem):
            if isinstance(current, nodes.Getattr):
                keys.insert(0, current.attr)
            elif isinstance(current.arg, nodes.Const):
                keys.insert(0, str(current.arg.value))
            else:
                keys.clear()
            current = current.node
            inner.add(id(current))
        if isinstance(current, nodes.Name) and current.name in own:
            found.add((current.name, *keys))
    return frozenset(found)
