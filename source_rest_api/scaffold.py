"""Creates the folder of a custom connector: `python main.py new source-acme`."""

from __future__ import annotations

import re
import uuid
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.abc import Traversable
    from pathlib import Path

_NAME = re.compile(r"source(-[a-z0-9]+)+")
_SUFFIX = ".txt"
"""Suffix of the template's files, so that tools do not treat them as part of this package."""


def create(name: str, parent: Path) -> list[Path]:
    """Writes the connector `name` to a folder of that name.

    Returns:
        The files written.

    Raises:
        ConfigError: The name is not valid for a source, or the folder is not empty.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is not a valid connector name. Use lower case, such as `source-acme`.")
    folder = parent / name
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"The folder {folder} is not empty. Choose another name or `--folder`.")
    own = {**names(name), "definition_id": str(uuid.uuid4())}
    written = []
    for source, path in _files(resources.files("source_rest_api") / "template"):
        target = folder / Template(path.removesuffix(_SUFFIX).replace("package/", "$package/", 1)).substitute(own)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text(encoding="utf-8")).substitute(own), encoding="utf-8")
        written.append(target)
    return written


def names(name: str) -> dict[str, str]:
    """Returns what a connector of this name is called in its files."""
    return {
        "name": name,
        "package": name.replace("-", "_"),
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "title": " ".join(part.capitalize() for part in name.split("-")[1:]),
    }


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[Traversable, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _files(entry, f"{path}/")
        elif path.endswith(_SUFFIX):
            yield entry, path
