"""The packaging files agree with each other, and the image follows Airbyte's rules."""

import importlib
import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from source_rest_api.config import loading

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements-image.lock", "requirements-dev.lock", "requirements-docs.lock"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
SYSTEMS = ["linux", "darwin"]
SCRIPTS = [".ci/run", *sorted(f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir())]


def pyproject() -> dict[str, Any]:
    """Read pyproject.toml."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    parsed: dict[str, Any] = toml.loads((ROOT / "pyproject.toml").read_text())
    return parsed


def metadata() -> dict[str, Any]:
    """Read the registry entry's data."""
    data: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    return data


def logical_lines(name: str) -> list[str]:
    """Give the lines of a file without comments, and with continuation lines joined."""
    text = "\n".join(line for line in (ROOT / name).read_text().splitlines() if not line.lstrip().startswith("#"))
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def dockerfile() -> list[tuple[str, str]]:
    """Give keyword and rest of the Dockerfile's instructions."""
    pairs = [line.split(" ", 1) for line in logical_lines("Dockerfile")]
    return [(keyword, rest) for keyword, rest in pairs]


def values(keyword: str) -> list[str]:
    """Give the rest of the Dockerfile's instructions of one keyword."""
    return [rest for word, rest in dockerfile() if word == keyword]


def locked(lock: str, python: str, system: str) -> dict[str, str]:
    """Give name and version of what a lock installs on one Python and operating system."""
    environment = {
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": system.capitalize(),
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": system,
    }
    versions: dict[str, str] = {}
    for line in logical_lines(lock):
        pin = Requirement(line.split(" --hash=")[0])
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in versions, f"{pin.name} is pinned twice for Python {python} on {system}"
            versions[pin.name] = str(pin.specifier).removeprefix("==")
    return versions


def test_one_version() -> None:
    """The package, Airbyte's registry entry and the image's label carry the same version."""
    version = pyproject()["project"]["version"]
    assert metadata()["dockerImageTag"] == version
    assert f"io.airbyte.version={version}" in values("LABEL")


def test_one_name_and_base_image() -> None:
    """The image is named, and built on the base, as Airbyte's registry entry says."""
    assert f"io.airbyte.name={metadata()['dockerRepository']}" in values("LABEL")
    assert values("ARG")[0] == f"BASE_IMAGE={metadata()['connectorBuildOptions']['baseImage']}"


def test_metadata_identifies_the_connector() -> None:
    """The registry entry has a valid id, the language tag that tools need, and the package's license."""
    assert uuid.UUID(metadata()["definitionId"]).version == 4
    assert "language:python" in metadata()["tags"]
    assert metadata()["license"] == pyproject()["project"]["license"]


def test_metadata_has_what_the_registry_requires() -> None:
    """The registry entry has every field that Airbyte's schema (ConnectorMetadataDefinitionV0) requires."""
    required = "name definitionId connectorType connectorSubtype dockerRepository dockerImageTag license"
    required += " documentationUrl githubIssueLabel releaseStage"
    assert set(required.split()) <= metadata().keys()
    assert metadata()["allowedHosts"]["hosts"]
    assert {option["suite"] for option in metadata()["connectorTestSuitesOptions"]} >= {"unitTests", "acceptanceTests"}


def test_metadata_names_no_page_of_others() -> None:
    """This project has no page among Airbyte's, so the required URL is a placeholder: that of docs/airbyte.md."""
    url = metadata()["documentationUrl"]
    assert url.startswith("https://docs.example.com/")
    assert f'"documentationUrl": "{url}"' in (ROOT / "docs/airbyte.md").read_text()


def test_the_form_in_the_docs_is_a_config() -> None:
    """The parts of the form that docs/airbyte.md shows are, put together, a valid config; each field stands once."""
    text = (ROOT / "docs/airbyte.md").read_text()
    parts = [json.loads(part) for part in re.findall(r"```json config\n(.*?)```", text, re.DOTALL)]
    whole = {name: value for part in parts for name, value in part.items()}
    assert len(whole) == sum(map(len, parts))
    assert [endpoint.name for endpoint in loading.load(whole).streams] == ["customers", "orders"]
    assert metadata()["dockerImageTag"] in text


def test_any_builder_takes_the_dockerfile() -> None:
    """Podman, BuildKit and the classic builder can all build the image."""
    text = (ROOT / "Dockerfile").read_text()
    assert not [word for word in ("<<", "# syntax", "--mount", "--chmod", "--link") if word in text]


def test_base_image_can_be_replaced() -> None:
    """A machine without access to an image registry can name its own base image."""
    assert [word for word, _ in dockerfile()][:2] == ["ARG", "FROM"]
    assert values("FROM") == ["${BASE_IMAGE}"]


def test_entrypoint_is_absolute_and_the_same_twice() -> None:
    """Airbyte, which evaluates the variable, and Docker start the same command from any directory."""
    assert values("WORKDIR") == ["/airbyte/integration_code"]
    assert values("ENTRYPOINT") == ['["python", "/airbyte/integration_code/main.py"]']
    command = " ".join(json.loads(values("ENTRYPOINT")[0]))
    assert f'AIRBYTE_ENTRYPOINT="{command}"' in values("ENV")


def test_image_does_not_run_as_root() -> None:
    """The connector runs as Airbyte's own user, who owns its folder."""
    assert dockerfile()[-1] == ("USER", "airbyte")
    assert any("chown -R 1000:1000 /airbyte" in command for command in values("RUN"))


def test_dependencies_are_installed_with_hashes_before_the_code() -> None:
    """A change of code does not install the dependencies again, and no unknown file is installed."""
    steps = [rest for _, rest in dockerfile()]
    copied = steps.index("requirements-image.lock ./")
    install = "pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements-image.lock"
    assert steps[copied + 1] == install
    assert copied < steps.index("source_rest_api ./source_rest_api")


def test_only_what_the_image_needs_is_sent_to_the_builder() -> None:
    """No secret, test or git history can get into the image."""
    ignored = logical_lines(".dockerignore")
    allowed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert (ROOT / ".dockerignore").read_text().splitlines()[0] == "*"
    assert sorted(allowed) == sorted(rest.split()[0] for rest in values("COPY"))


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_pin_everything_by_hash_and_name_no_host(lock: str) -> None:
    """Every package is pinned by hash, wherever it is downloaded from."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "index" not in text
    for line in logical_lines(lock):
        requirement, *hashes = line.split(" --hash=")
        assert str(Requirement(requirement).specifier).startswith("=="), requirement
        assert hashes, requirement
        assert all(value.startswith("sha256:") for value in hashes), requirement


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_locks_cover_what_the_project_asks_for(python: str, system: str) -> None:
    """For every supported Python, the locks have an accepted version of each dependency."""
    dependencies = pyproject()["project"]["dependencies"]
    wanted = {
        "requirements.lock": dependencies,
        "requirements-image.lock": [each for each in dependencies if not each.startswith("airbyte-cdk")],
        "requirements-dev.lock": pyproject()["dependency-groups"]["dev"],
        "requirements-docs.lock": pyproject()["dependency-groups"]["docs"],
    }
    for lock, requirements in wanted.items():
        versions = locked(lock, python, system)
        for requirement in map(Requirement, requirements):
            assert requirement.name in versions, f"run scripts/lock: {lock} lacks {requirement}"
            assert versions[requirement.name] in requirement.specifier, f"run scripts/lock: {requirement}"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_tests_run_on_what_the_image_has(python: str, system: str) -> None:
    """Every version that the image, or pip, installs is the one that the tests ran with."""
    image, runtime, dev = (locked(f"requirements{name}.lock", python, system) for name in ("-image", "", "-dev"))
    assert image.items() < runtime.items() <= dev.items()
    assert "airbyte-cdk" not in image


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_stop_at_the_first_error(name: str) -> None:
    """A script is executable, begins with its purpose, and stops after a failure."""
    script = ROOT / name
    lines = script.read_text().splitlines()
    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert "set -euo pipefail" in lines
