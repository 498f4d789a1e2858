"""Commands in the docs parse: each option and each part of a script exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from source_rest_api.cli import arguments

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md", *(ROOT / "docs").rglob("*.md")]
_PROGRAM = re.compile(r"(?:^|\s)(?:python3? main\.py|source-rest-api|scripts/image run)\s+(.*)")
_SCRIPT = re.compile(r"(?:^|\s)(scripts/\w+)(.*)")
_PLACEHOLDER = re.compile(r"COMMAND|…|\.\.\.|^\.( |$)")
"""What stands for arguments, or is the folder after `pip install`."""


def lines() -> list[str]:
    """The command lines: of the blocks for a shell, without their outputs, and those within sentences."""
    found: list[str] = []
    for page in PAGES:
        text = page.read_text()
        for language, block in re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            typed = block.replace("\\\n", " ").splitlines()
            found += typed if language == "bash" else [line.strip()[2:] for line in typed if line.strip()[:2] == "$ "]
        found += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [line for line in found if not line.lstrip().startswith("#")]


def words(rest: str) -> list[str]:
    """The arguments as a shell gives them to the program: up to a redirection, an operator or a comment."""
    given = shlex.shlex(rest, posix=True, punctuation_chars="<>|&;")
    given.whitespace_split = True
    kept: list[str] = []
    for word in given:
        if set(word) <= set("<>|&;"):
            return kept
        kept.append(word)
    return kept


def commands(pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The command lines of a kind, each once."""
    return list({match[0]: match for line in lines() if (match := pattern.search(line))}.values())


PROGRAM = [match[1] for match in commands(_PROGRAM) if not _PLACEHOLDER.search(match[1])]
SCRIPTS = [(match[1], match[2]) for match in commands(_SCRIPT)]


def exit_code(given: list[str]) -> object:
    """0 for arguments that the connector takes, and for `--help`."""
    try:
        arguments.parse(given)
    except SystemExit as end:
        return end.code
    return 0


def test_commands_are_found() -> None:
    """The README's first commands, and those of other pages, are among those tested."""
    assert "spec" in PROGRAM
    assert any("--keep-state" in words(rest) for rest in PROGRAM)
    assert any(words(rest)[:1] == ["init"] for rest in PROGRAM)
    assert ("scripts/setup", "runtime") in {(script, " ".join(words(rest))) for script, rest in SCRIPTS}


@pytest.mark.parametrize("rest", PROGRAM)
def test_commands_of_the_connector_parse(rest: str) -> None:
    """The connector takes the command with each of its options."""
    given = words(rest)
    if len(given) == 1 and given[0] not in {"spec", "--version"}:
        given = [*given, "--help"]  # a sentence that names a command without its arguments
    assert exit_code(given) == 0, given


def test_an_unknown_option_does_not_parse() -> None:
    """What these tests hold can fail."""
    assert exit_code(words("read --config config.yaml --no-such-option > messages.jsonl")) == 2


@pytest.mark.parametrize(("script", "rest"), SCRIPTS)
def test_arguments_of_scripts_exist(script: str, rest: str) -> None:
    """The script is there. Its code, or that of the module that it starts, names each option and subcommand."""
    code = (ROOT / script).read_text()
    for module in re.findall(r"python -m ([\w.]+)|integration_tests/(image)\.py", code):
        path = ROOT / (module[0].replace(".", "/") if module[0] else "integration_tests/image")
        code += (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text() if _ours(path) else ""
    for word in words(rest):
        if word.startswith("--"):
            assert word in code, word
    if script in _WITH_PARTS and (given := words(rest)) and not given[0][0].isdigit() and given[0][0] != "-":
        assert re.search(rf"\b{given[0]}\b", code), given[0]


_WITH_PARTS = {"scripts/docs", "scripts/image", "scripts/soak", "scripts/bench"}


def _ours(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").exists()
