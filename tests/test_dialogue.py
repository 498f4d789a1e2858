"""What `init` asks on a terminal, and what it does where nobody can answer."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from source_rest_api.cli import dialogue
from source_rest_api.cli.dialogue import Dialogue

NAMES = ["customers", "orders", "products"]


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [("orders, products\n", ["orders", "products"]), ("\n", NAMES), ("", NAMES), ("unknown\n", NAMES)],
)
def test_endpoints_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, answer: str, chosen: list[str]) -> None:
    """Enter takes all."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert Dialogue(silent=False, yes=False).chosen(NAMES) == chosen


@pytest.mark.parametrize(
    ("answer", "may"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_file_is_replaced_only_after_yes(monkeypatch: pytest.MonkeyPatch, answer: str, may: bool) -> None:
    """The default is no."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert Dialogue(silent=False, yes=False).may_replace(Path("config.yaml")) is may


def test_a_secret_is_asked_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through `getpass`, whose prompt names the variable."""
    prompts: list[str] = []

    def asked(prompt: str) -> str:
        prompts.append(prompt)
        return "s3cret"

    monkeypatch.setattr(dialogue, "getpass", asked)
    assert Dialogue(silent=False, yes=False).secret("API_TOKEN") == "s3cret"
    assert "API_TOKEN" in prompts[0]


@pytest.mark.parametrize("yes", [True, False])
def test_in_a_pipe_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    """All endpoints, no secret, and a file only with `--yes`."""
    monkeypatch.setattr(sys, "stdin", None)
    silent = Dialogue(silent=True, yes=yes)
    assert silent.chosen(NAMES) == NAMES
    assert silent.secret("API_TOKEN") is None
    assert silent.may_replace(Path("config.yaml")) is yes


def test_what_the_api_says_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines quote the API, so control characters are not shown."""
    Dialogue(silent=True, yes=True).tell("a\x1b[2Jb\nc")
    assert capsys.readouterr().err == "a [2Jb c\n"
