"""What `init` asks on a terminal, and what it does where nobody can answer."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from source_rest_api.cli import dialogue
from source_rest_api.cli.dialogue import Dialogue

NAMES = ["customers", "orders", "products", "customers/{id}/notes"]


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("orders, products\n", ["orders", "products"]),
        ("3,1\n", ["customers", "products"]),
        ("notes\n", ["customers/{id}/notes"]),
        ("\n", NAMES),
        ("", NAMES),
    ],
)
def test_endpoints_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, answer: str, chosen: list[str]) -> None:
    """A number, a path or its last word; Enter takes all."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert Dialogue(silent=False, yes=False).chosen(NAMES) == chosen


@pytest.mark.parametrize("wrong", ["unknown", "0", "5", "orders, ordres"])
def test_an_unknown_endpoint_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    """A typing error must not lead to requests to all of them."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{wrong}\norders\n"))
    assert Dialogue(silent=False, yes=False).chosen(NAMES) == ["orders"]
    assert f"There is no endpoint {wrong.rpartition(', ')[2]}." in capsys.readouterr().err


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
