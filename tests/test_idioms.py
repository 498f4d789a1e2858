"""The table of idioms in docs/templates.md is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from source_rest_api.pagination.paginators import Pagination
from source_rest_api.templates import templates

TEXT = (Path(__file__).parent.parent / "docs/templates.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| .* \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE)
PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)
CONTEXT: dict[str, Any] = {
    "config": {
        "k": "v",
        "credentials": {"region": "eu"},
        "start_date": "2024-01-01T00:00:00Z",
        "ids": ["a", "b"],
        "key_file": '{"id": 5}',
    },
    "repos": {"id": 7, "name": "r"},
    "orgs": {"id": 9},
    "record": {"id": 7, "owner": {"login": "me"}, "updated": "2024-01-05T00:00:00Z", "state": "open"},
    "stream_interval": {"start_time": "2024-01-01T00:00:00Z", "end_time": "2024-02-01T00:00:00Z"},
    "next_page_token": "t1",
}


def test_all_sixty_are_there() -> None:
    """Each idiom has a row, in order."""
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 61))


@pytest.mark.parametrize(("number", "here", "gives"), ROWS, ids=[row[0] for row in ROWS])
def test_each_idiom(number: str, here: str, gives: str) -> None:
    """Templates give what the table says, and pagination is valid; three have no equal."""
    if gives == "nothing":
        assert number in {"33", "36", "37"}
    elif gives == "pagination":
        assert PAGINATOR.validate_python(yaml.safe_load(here.strip("`").replace("\\|", "|"))).type != "none"
    else:
        template = here.strip("`")
        templates.check(template)
        assert re.fullmatch(gives, templates.render(template, CONTEXT))


@pytest.mark.parametrize("line", re.findall(r"^pagination: (.*)$", TEXT, re.MULTILINE))
def test_examples_of_expressions_are_valid(line: str) -> None:
    """Each documented expression makes a valid paginator."""
    assert PAGINATOR.validate_python(yaml.safe_load(line)).type in {"cursor", "next_url", "page_number"}
