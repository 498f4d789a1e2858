"""Schema files: `discover --write` makes them once, and whoever reads the config afterwards uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from source_rest_api.config import schema_files
from source_rest_api.errors import ConfigError
from tests.api import Answer, Api
from tests.process import Run, collect, run, start

SCHEMA = {"type": "object", "properties": {"id": {"type": ["null", "string"]}}}


def config(api: Api, *names: str, **endpoint: Any) -> dict[str, Any]:
    """The streams `names`, each at the path of its name."""
    endpoints = [{"name": name, "path": name, **endpoint} for name in names]
    return {"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": endpoints}


def schemas(done: Run) -> dict[str, Any]:
    """The schemas in the catalog."""
    [catalog] = done.bodies("CATALOG")
    return {stream["name"]: stream["json_schema"] for stream in catalog["streams"]}


def test_a_written_schema_is_not_inferred_again(api: Api, tmp_path: Path) -> None:
    """The second discover sends no request and offers the same, though the API has changed since."""
    api.get("/rows")(lambda _: [{"id": 1, "at": "2024-01-01"}])
    first = run(tmp_path, "discover", "--write", config=config(api, "rows"))
    assert (first.code, len(api.requests)) == (0, 1)
    assert json.loads((tmp_path / "config.schemas/rows.json").read_text()) == schemas(first)["rows"]
    api.get("/rows")(lambda _: Answer({}, status=500))
    second = run(tmp_path, "discover", config=config(api, "rows"))
    assert (schemas(second), len(api.requests)) == (schemas(first), 1)


def test_a_file_is_never_replaced(api: Api, tmp_path: Path) -> None:
    """Somebody may have corrected it. A stream without one gets one."""
    for name in ("rows", "more"):
        api.get(f"/{name}")(lambda _: [{"id": 1}])
    (tmp_path / "config.schemas").mkdir()
    (tmp_path / "config.schemas/rows.json").write_text(json.dumps(SCHEMA))
    done = run(tmp_path, "discover", "--write", config=config(api, "rows", "more"))
    assert schemas(done)["rows"] == SCHEMA
    assert json.loads((tmp_path / "config.schemas/rows.json").read_text()) == SCHEMA
    assert sorted(path.name for path in (tmp_path / "config.schemas").iterdir()) == ["more.json", "rows.json"]
    assert [request.path for request in api.requests] == ["/more"]


@pytest.mark.parametrize("answer", [[], Answer({}, status=500)], ids=["no records", "an error"])
def test_nothing_is_written_without_records(answer: Any, api: Api, tmp_path: Path) -> None:
    """A schema without fields would hide those that come later."""
    api.get("/rows")(lambda _: answer)
    run(tmp_path, "discover", "--write", config=config(api, "rows"))
    assert not (tmp_path / "config.schemas").exists()


def test_the_schema_of_the_config_comes_first(api: Api, tmp_path: Path) -> None:
    """It is what the user wrote last, and it needs no file."""
    (tmp_path / "config.schemas").mkdir()
    (tmp_path / "config.schemas/rows.json").write_text(json.dumps({**SCHEMA, "title": "file"}))
    done = run(tmp_path, "discover", "--write", config=config(api, "rows", schema=SCHEMA))
    assert schemas(done) == {"rows": SCHEMA}


def test_endpoints_in_yaml_text_have_files_too(api: Api, tmp_path: Path) -> None:
    """They are endpoints like the others."""
    (tmp_path / "config.schemas").mkdir()
    (tmp_path / "config.schemas/rows.json").write_text(json.dumps(SCHEMA))
    given = {"url_base": api.url, "endpoints_yaml": "- {name: rows, path: rows}"}
    assert schemas(run(tmp_path, "discover", config=given)) == {"rows": SCHEMA}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not valid JSON in line 1"),
        ("[]", "must be the JSON schema of an object"),
        ("{}", "must be the JSON schema of an object, with `properties`"),
    ],
)
def test_a_broken_file_is_named(text: str, told: str, api: Api, tmp_path: Path) -> None:
    """An inferred schema in its place would be a silent change."""
    (tmp_path / "config.schemas").mkdir()
    (tmp_path / "config.schemas/rows.json").write_text(text)
    done = run(tmp_path, "discover", config=config(api, "rows"))
    [error] = done.errors
    assert done.code == 1
    assert f"{tmp_path}/config.schemas/rows.json {told}" in error["message"]


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    """It would lead out of the folder. No file is written then, not even of other streams."""
    with pytest.raises(ConfigError, match=r"`\.\./rows` cannot be a file name"):
        schema_files.write(tmp_path / "config.schemas", {"a": SCHEMA, "../rows": SCHEMA})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The error names it."""
    (tmp_path / "config.schemas").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written to .*config\.schemas: "):
        schema_files.write(tmp_path / "config.schemas", {"a": SCHEMA})


def test_the_folder_has_the_name_of_the_config() -> None:
    """Another config in the same folder has its own."""
    assert schema_files.beside("secrets/shop.v2.yaml") == Path("secrets/shop.v2.schemas")


def test_stdin_has_no_folder(tmp_path: Path) -> None:
    """There is nothing to write beside."""
    done = collect(start(tmp_path, "discover", "--write", "--config", "-"), 60)
    assert (done.code, b"--write saves schemas beside the config file" in done.stderr) == (2, True)
