"""A changed config is complete, and is passed on before anything uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import config_updates
from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.config.masking import Mask
from source_rest_api.errors import ConfigError, InternalError

if TYPE_CHECKING:
    from pathlib import Path


def test_only_the_refresh_token_changes() -> None:
    """Another field with the same text is unchanged, and so is the given config."""
    given = {"name": "old", "authentication": {"refresh_token": "old", "client_id": "old"}}
    passed_on: list[dict[str, Any]] = []
    keeper = ConfigUpdates(given, Mask([]), passed_on.append)
    keeper.replace("old", "new")
    assert passed_on == [{"name": "old", "authentication": {"refresh_token": "new", "client_id": "old"}}]
    assert keeper.config == passed_on[0]
    assert given["name"] == "old"


def test_a_connector_of_ones_own_has_it_anywhere() -> None:
    """In a small config of another shape, the token is found by what it is."""
    passed_on: list[dict[str, Any]] = []
    keeper = ConfigUpdates({"sign_in": [{"token": "old", "n": 1}]}, Mask([]), passed_on.append)
    keeper.replace("old", "new")
    assert passed_on == [{"sign_in": [{"token": "new", "n": 1}]}]


def test_a_config_without_a_place_for_it() -> None:
    """A token that could not be kept is an error, not a surprise at the next sync."""
    with pytest.raises(ConfigError, match="does not contain the old one"):
        ConfigUpdates({"token": "prefix-old"}, Mask([]), lambda _: None).replace("old", "new")
    with pytest.raises(InternalError):
        ConfigUpdates({"token": "old"}, Mask([])).replace("old", "new")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """No other file is left, the mode stays, and a symbolic link still leads to it."""
    file, link = tmp_path / "config.json", tmp_path / "link.json"
    file.write_text("{}")
    file.chmod(0o600)
    link.symlink_to(file)
    config_updates.check_writable(str(link))
    config_updates.save(str(link), {"a": "é", "b": [1]})
    assert file.read_text() == '{\n  "a": "é",\n  "b": [\n    1\n  ]\n}\n'
    assert file.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "link.json"]


def test_files_that_are_not_written(tmp_path: Path) -> None:
    """YAML would lose its comments; a file that is gone cannot be replaced."""
    with pytest.raises(ConfigError, match="JSON"):
        config_updates.check_writable("config.yaml")
    with pytest.raises(ConfigError, match="cannot be written"):
        config_updates.save(str(tmp_path / "no.json"), {})
