"""docs/troubleshooting.md quotes messages that the connector prints."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
QUOTED = [text for _, text in re.findall(r"^\| (`+) ?(.*?) ?\1 \|", PAGE, re.MULTILINE)]
_SHORTEST = 12
"""Characters outside of the gaps from which a quotation says which message it is."""


@cache
def texts() -> list[str]:
    """All texts in the code, with NUL for each value that is filled in."""
    trees = [ast.parse(path.read_text()) for path in sorted((ROOT / "source_rest_api").rglob("*.py"))]
    return [text for tree in trees for node in ast.walk(tree) if (text := _text(node)) is not None]


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%[sdf]|%\.\df|{}", "\0", text)
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "\0" for part in parts)
    return None


def printed(quoted: str) -> bool:
    """True if a text of the code has the quotation, with a value or more text in each gap."""
    pattern = re.compile(".*".join(map(re.escape, quoted.split("…"))), re.DOTALL)
    return any(pattern.search(text) for text in texts())


def test_the_page_has_the_messages_that_users_meet() -> None:
    """Every row of every table is found, and there are at least twenty."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| message")]
    assert len(QUOTED) == len(rows) >= 20


@pytest.mark.parametrize("quoted", QUOTED)
def test_each_quoted_message_exists(quoted: str) -> None:
    """The message is in the code, word for word, and long enough to be this one."""
    assert len(quoted.replace("…", "")) >= _SHORTEST
    assert printed(quoted), "the code prints it no more: correct docs/troubleshooting.md"


def test_another_message_does_not_pass() -> None:
    """A message that the code does not print fails."""
    assert not printed("The API cannot be found (…)")


def test_each_setting_of_the_page_exists() -> None:
    """Options that the page names are in the schema of config files."""
    schema = (ROOT / "docs/config.schema.json").read_text()
    named = re.findall(r"(?<!`)`((?:[a-z]+_[a-z_]+)|(?:[a-z_]+\.[a-z_]+))`(?!`)", PAGE)
    assert named
    for name in named:
        assert f'"{name.rpartition(".")[2]}"' in schema, name
