"""Templates of a manifest, with the meaning that the CDK gives them: a missing key is empty.

A template that reads only the config and `parameters` becomes its value. Any other becomes a template of this
connector: what it reads of the config is filled in, and the names of partitions and intervals become those of here.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import UndefinedError, nodes
from jinja2.meta import find_undeclared_variables

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import references, rewriting, unparsing
from source_rest_api.manifest.rewriting import MissingError, Names, Rewriter
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE_TREE = Lock()
"""Python 3.11 counts the depth of all threads' syntax trees together, and may raise SystemError (cpython gh-106905)."""
_QUOTED = re.compile(r"\s*(['\"])\{\{((?:(?!\}\}|\{\{).)*)\}\}\1\s*", re.DOTALL)
_CLOCK = re.compile(r"now_utc|today_utc|today_with_timezone|day_delta|generate_uuid")


class Scope(NamedTuple):
    """What the templates of a component read.

    Args:
        config: The config as the user wrote it; None to leave what reads it as it is.
        parameters: The `$parameters`.
        slice: What `stream_slice` holds, as expressions of this connector's templates, by key.
        added: The fields that earlier transformations add, as expressions.
        more: Further values, by name.
        required: Keys that every config has.
    """

    config: Mapping[str, Any] | None
    parameters: Mapping[str, Any] = {}
    slice: Mapping[str, Any] = {}
    added: Mapping[str, str] = {}
    more: Mapping[str, Any] = {}
    required: frozenset[str] = frozenset()

    def of(self, component: Mapping[str, Any]) -> Scope:
        """Returns the scope with the parameters of a component."""
        return self._replace(parameters=component.get("$parameters") or {})

    def _rewritten(self, given: str) -> Any:
        known = Names(self.values, self.slice, self.added, self.required)
        return Rewriter(known).visit(references.parsed(given))

    @property
    def values(self) -> dict[str, Any]:
        """The values that are known before anything is read."""
        own = {} if self.config is None else {"config": self.config}
        return {**own, "parameters": self.parameters, "options": self.parameters, **self.more}

    def value(self, given: Any) -> Any:
        """Returns what a text of the manifest stands for: its value, or a template of this connector.

        Raises:
            ConfigError: Its template has no equivalent here.
        """
        if not isinstance(given, str) or not templates.has_holes(given):
            return given
        if self.is_fixed(given):
            return evaluated(given, self.values)
        try:
            return unparsing.template(self._rewritten(_unquoted(given)))
        except MissingError:
            return None

    def text(self, given: Any) -> str:
        """Returns a text for a place that is a template: its value, as Python writes it, or a template."""
        value = self.value(given)
        if value is None:
            return ""
        is_template = isinstance(given, str) and not self.is_fixed(given)
        return value if is_template else plain(str(value))

    def is_known(self, given: str) -> bool:
        """True if a template reads only what is known before the read."""
        return names(given) <= self.values.keys()

    def is_fixed(self, given: str) -> bool:
        """True if a template gives the same value whenever it is rendered, which is known before the read."""
        return self.is_known(given) and not is_volatile(given)

    def url(self, given: Any) -> str:
        """Returns a part of a URL, in which templates insert their values as they are, as the CDK does."""
        text = self.text(given)
        if not templates.has_holes(text):
            return text
        tree = references.parsed(text)
        for output in tree.find_all(nodes.Output):
            output.nodes = [
                part if isinstance(part, nodes.TemplateData) else nodes.Filter(part, "safe", [], [], None, None)
                for part in output.nodes
            ]
        return unparsing.template(tree)

    def known(self, given: Any, what: str) -> Any:
        """Returns the value of a text that has to be known before anything is read.

        Raises:
            ConfigError: It is not.
        """
        if not isinstance(given, str) or not templates.has_holes(given):
            return given
        if self.config is None and names(given) <= {*self.values, "config"}:
            return self.value(given)
        if not self.is_known(given):
            raise ConfigError(
                f"{what} reads `{min(names(given) - self.values.keys())}`, which is not known before the read"
            )
        return evaluated(given, self.values)

    def expression(self, given: Any) -> str:
        """Returns the single expression that a template amounts to, in braces.

        Raises:
            ConfigError: It has statements that no expression can stand for.
        """
        if not isinstance(given, str):
            return f"{{{{ {unparsing.expression(unparsing.constant(given))} }}}}"
        try:
            tree = self._rewritten(_unquoted(given))
        except MissingError:
            return "{{ none }}"
        return f"{{{{ {unparsing.expression(rewriting.joined(tree.body))} }}}}"


def _unquoted(text: str) -> str:
    """Returns a template without quotes around it, by which a manifest says that its value is a text."""
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else f"{{{{ ({quoted[2]}) | string }}}}"


def is_volatile(text: str) -> bool:
    """True if what a template gives depends on the time."""
    return templates.has_holes(text) and _CLOCK.search(text) is not None


@cache
def names(text: str) -> frozenset[str]:
    """Returns the names that a template reads.

    Raises:
        ConfigError: It is not a template.
    """
    return frozenset(find_undeclared_variables(references.parsed(text)) - set(references.environment().globals))


def plain(text: str) -> str:
    """Returns a text as a template that gives it."""
    return f"{{{{ {text!r} }}}}" if templates.has_holes(text) else text


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """Returns the value of a template as the CDK finds it: its text, read as a Python literal where it is one.

    A number stays a text if it would be written in another way: `1_000`, `1.10` and `12e4567` may be secrets or ids.

    Raises:
        ConfigError: It fails.
    """
    try:
        found = references.environment().from_string(references.parsed(text)).render(values)
    except UndefinedError:
        return None
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 -- a template may fail in any way
        raise ConfigError(f"the template `{text}` fails ({type(error).__name__})") from None
    if not found:
        return None
    value = literal(found)
    return found if isinstance(value, int | float) and str(value) != found.strip() else value


def literal(text: str) -> Any:
    """Returns the value of a text that is a Python literal, and any other text as it is."""
    try:
        with _ONE_TREE:
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    if isinstance(value, tuple | set):
        return list(value)
    return text if isinstance(value, complex | bytes) else value
