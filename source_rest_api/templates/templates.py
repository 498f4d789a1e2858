"""Templates: text with Jinja expressions, evaluated in a sandbox, with the names that the CDK uses.

Results are never evaluated again, so data is never used as a template.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.templates import missing_keys
from source_rest_api.templates.scalars import BLANK, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jinja2 import Template, TemplateError
    from jinja2.nodes import Node
    from jinja2.nodes import Template as Tree
    from jinja2.sandbox import SandboxedEnvironment
    from typing_extensions import Self

TOKEN = "next_page_token"  # noqa: S105 -- a name
"""The name of the page token. On the first page it is null, unless the API needs a token there too."""
CONFIG_NAMES = frozenset({"config", "secrets"})
"""Names that every template may read."""
ANSWER = "token"
"""The name of the token response, for configs that request a token."""
BUILT_IN_NAMES = CONFIG_NAMES | {"stream_interval", "stream_partition", "stream_slice", TOKEN}
"""Names that request templates may read, in addition to functions and parent streams."""
LARGEST_RESULT = 1_000_000
"""Maximum characters in the result of one template."""

_HOLE = re.compile(r"\{[{%#]")
_QUOTED = re.compile(r"'[^']*'")


@cache
def _environment() -> SandboxedEnvironment:
    from source_rest_api.templates.sandbox import environment  # noqa: PLC0415 -- most configs have no template; start-up counts

    return environment(as_text)


def _parse(text: str) -> Tree:
    return _environment().parse(text)


@cache
def _compile(text: str) -> Template:
    return _environment().from_string(text)


def _without_words(quoted: re.Match[str]) -> str:
    """Masks a quotation in a syntax error: it may be a secret that was not meant as a template."""
    text = quoted.group()
    return text if text.startswith("'end of ") or not re.search(r"\w", text) else "'…'"


def _reason(error: TemplateError) -> str:
    return _QUOTED.sub(_without_words, error.message or "not a template")


def has_holes(text: str) -> bool:
    """True if the text contains a template expression, statement or comment."""
    return _HOLE.search(text) is not None


def check(text: str) -> None:
    """Raises ValueError, with the line, if the text is not a valid template."""
    if not has_holes(text):
        return
    from jinja2 import TemplateAssertionError, TemplateError, TemplateSyntaxError  # noqa: PLC0415 -- as above

    try:
        _compile(text)
    except TemplateAssertionError as error:
        raise ValueError(f"template error in line {error.lineno}: {error.message}") from None
    except TemplateSyntaxError as error:
        raise ValueError(f"template error in line {error.lineno}: {_reason(error)}") from None
    except TemplateError as error:  # a part that reads nothing is computed here
        raise ValueError(f"template error: {_reason(error)}") from None


@cache
def names(text: str) -> frozenset[str]:
    """Returns the names that a template reads, without functions: `config`, parent streams, ..."""
    if not has_holes(text):
        return frozenset()
    from jinja2.meta import find_undeclared_variables  # noqa: PLC0415

    return frozenset(find_undeclared_variables(_parse(text)) - set(_environment().globals))


@cache
def function_names() -> frozenset[str]:
    """Returns the names of the functions; no other value in a template may have one of these names."""
    return frozenset(_environment().globals)


@cache
def functions_as_values(text: str) -> frozenset[str]:
    """Returns the functions that a template reads without calling them: `{{ duration.id }}` means something else."""
    if not has_holes(text):
        return frozenset()
    from jinja2 import nodes  # noqa: PLC0415

    tree = _parse(text)
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    own = frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx == "store")
    read = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load" and id(node) not in called}
    return frozenset(read) & function_names() - own


def render(text: str, context: Mapping[str, Any]) -> str:
    """Fills a template.

    Raises:
        ConfigError: A name or key is missing and has no default, or the sandbox refuses the expression.
    """
    if not has_holes(text):
        return text
    with Filling(text):
        return joined(_compile(text).generate(context))


def evaluate(text: str, context: Mapping[str, Any]) -> Any:
    """Fills a template. If it is a single expression, returns its value, so that a number stays a number.

    An `{{ … if … }}` without `else` returns `BLANK` if its condition is false.

    Raises:
        ConfigError: See `render`.
    """
    source = expression(text)
    if source is None:
        return render(text, context)
    from jinja2 import Undefined  # noqa: PLC0415

    with Filling(text):
        found = _expression(source)(context)
        return BLANK if type(found) is Undefined else _json(found)


@cache
def expression(text: str) -> str | None:
    """Returns the expression between the braces if the text is a single `{{ … }}`, otherwise None."""
    stripped = text.strip()
    if not (stripped.startswith("{{") and stripped.endswith("}}")):
        return None
    from jinja2 import nodes  # noqa: PLC0415

    body = _parse(stripped).body
    printed = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else []
    if len(printed) != 1 or isinstance(printed[0], nodes.TemplateData):
        return None
    inner = stripped[2:-2]
    return inner[inner[0] in "-+" : len(inner) - (inner[-1] in "-+")]


def braced(value: object) -> object:
    """Adds missing braces to an expression: `record.open` becomes `{{ record.open }}`.

    Raises:
        ValueError: The text is not a single expression.
    """
    if not isinstance(value, str):
        return value
    text = value if "{{" in value or "{%" in value else f"{{{{ {value} }}}}"
    check(text)
    if expression(text) is None:
        raise ValueError("must be a single expression, such as `a.b == 'c'`")
    return text


def joined(pieces: Iterable[str]) -> str:
    """Joins the pieces of a template's result.

    Raises:
        ConfigError: The result is too long.
    """
    result = []
    size = 0
    for piece in pieces:
        result.append(piece)
        size += len(piece)
        if size > LARGEST_RESULT:
            raise ConfigError(f"it returned more than {LARGEST_RESULT:,} characters")
    return "".join(result)


@cache
def _expression(source: str) -> Callable[[Mapping[str, Any]], Any]:
    return _environment().compile_expression(source, undefined_to_none=False)


_FAILURES = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


class Filling:
    """Adds the template to errors raised while it is filled. Never shows values of the context."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from jinja2 import TemplateError  # noqa: PLC0415

        if isinstance(error, ConfigError):
            error.message = f"The template `{self._text}` cannot be filled: {error.message}."
        elif isinstance(error, TemplateError):
            reason = missing_keys.reason(str(error.message), references(self._text))
            raise ConfigError(f"The template `{self._text}` cannot be filled: {reason}.") from None
        elif isinstance(error, _FAILURES):
            raise ConfigError(f"The template `{self._text}` cannot be filled ({type(error).__name__}).") from None


def _json(found: Any) -> Any:
    """Converts a value to JSON; times become texts."""
    if found is None or isinstance(found, bool | int | float | Decimal):
        return found
    if isinstance(found, dict):
        return {str(key): _json(inner) for key, inner in found.items()}
    return [_json(inner) for inner in found] if isinstance(found, list | tuple) else as_text(found)


def variable(name: str) -> str:
    """Returns the name of a stream's records in templates: letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


@cache
def references(text: str) -> frozenset[tuple[str, ...]]:
    """Returns all references as names and keys: `{{ repos.owner['login'] }}` gives `(repos, owner, login)`."""
    if not has_holes(text):
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


@cache
def fetched(text: str, of: str) -> frozenset[str] | None:
    """Returns the keys that a template reads from a name by `get` alone: `{{ response.get('next', '') }}` gives `next`.

    Returns:
        None if a key may be anything, or the method is used otherwise.
    """
    from jinja2 import nodes  # noqa: PLC0415

    from source_rest_api.templates.get_calls import got  # noqa: PLC0415

    tree = _parse(text)
    methods = [each for each in tree.find_all(nodes.Getattr) if each.attr == "get" and _is_name(each.node, of)]
    keys = [call[0].key for call in map(got, tree.find_all(nodes.Call)) if call is not None and _is_name(call[1], of)]
    is_known = len(keys) == len(methods) and all(isinstance(key, str) for key in keys)
    return frozenset(keys) if is_known else None


def _is_name(node: Node, name: str) -> bool:
    return getattr(node, "name", None) == name
