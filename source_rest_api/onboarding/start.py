"""Writes a config file from an input: `python main.py init`."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from source_rest_api.config import environment, loading, masking
from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json, yaml_text
from source_rest_api.onboarding import challenge, config_text, source, url, web
from source_rest_api.onboarding.given import Operation
from source_rest_api.onboarding.proofs import ONE_PAGE, Prover
from source_rest_api.onboarding.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from threading import Event

    from source_rest_api.config.masking import Mask
    from source_rest_api.onboarding.given import Given
    from source_rest_api.onboarding.settling import Settled

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_MOST_REASONS = 5
_MOST_ASKED = 5
"""Number of endpoints to request without credentials, until one refuses it."""


class Dialogue(Protocol):
    """The questions and messages of `init`."""

    def secret(self, name: str) -> str | None:
        """Returns the value of a variable that is not set; None if nobody can be asked."""

    def chosen(self, names: Sequence[str]) -> Sequence[str]:
        """Returns the endpoints to try from all that were found."""

    def may_replace(self, path: Path) -> bool:
        """Returns whether an existing file may be replaced."""

    def tell(self, line: str) -> None:
        """Shows a line."""


def run(text: str, output: Path, variables: Mapping[str, str], dialogue: Dialogue, stop: Event) -> list[Settled]:
    """Writes a config that the API has confirmed, and returns its endpoints.

    Args:
        text: A URL, a curl command line, or the path of an OpenAPI document or a HAR file.
        output: The file to write.
        variables: The environment.
        dialogue: Asks questions and shows messages.
        stop: Set from outside to end early.

    Raises:
        ConfigError: The input cannot be read, a secret is missing, or no endpoint could be verified.
    """
    if output.exists() and not dialogue.may_replace(output):
        raise ConfigError(f"{output} exists. Name another file with `--output`, or remove it.")
    api = source.given(text, stop)
    paths = {operation.path for operation in api.operations}
    dialogue.tell(f"{api.title}, {api.url_base}: {len(paths)} endpoints to try, {len(api.left_out)} left out")
    kept = set(dialogue.chosen(sorted(paths)))
    api = replace(api, operations=[operation for operation in api.operations if operation.path in kept])
    api, proof = _authenticated(api, variables, stop)
    known = _with_secrets(api, variables, dialogue)
    prover = Prover(config_text.shared_settings(api), known, stop)
    api = _entered(api, prover)
    mask = masking.masker([*api.secrets.values(), *(known[name] for name in _needed(api) if name in known)])
    settled = [_masked(each, mask) for each in Settling(api, prover, lambda line: dialogue.tell(mask(line))).settled()]
    if not any(each.endpoint for each in settled):
        reasons = [f"{each.path}: {each.left_out}" for each in settled] + [f"{p}: {r}" for p, r in api.left_out.items()]
        raise ConfigError("\n".join(["No endpoint could be verified.", *reasons[:_MOST_REASONS]]))
    written = config_text.written(api, settled, proof)
    loading.load(environment.filled(yaml_text.load(written), known)[0])
    output.write_text(written, encoding="utf-8")
    needed = ", ".join(dict.fromkeys(_VARIABLE.findall(written)))
    dialogue.tell(f"Wrote {output}." + (f" It reads from the environment: {needed}." if needed else ""))
    return settled


def _authenticated(api: Given, variables: Mapping[str, str], stop: Event) -> tuple[Given, str]:
    """Returns the API with its authentication, and how the API confirmed it."""
    plain, _ = environment.filled(dict(api.headers), {**variables, **api.secrets})
    asked = [operation.path for operation in api.operations if operation.method == "GET" and not operation.placeholders]
    public: list[str] = []
    for path in asked[:_MOST_ASKED]:
        response = web.get(f"{api.url_base.rstrip('/')}/{path}", plain, stop, guess=True)
        wanted = challenge.authentication(response, variables, stop)
        if wanted is not None:
            told = f"authentication: without it, `{path}` returns {response.status}"
            return (api if api.authentication else replace(api, authentication=wanted)), told
        public += [path] if response.status == HTTPStatus.OK else []
    known = {**variables, **api.secrets}
    if public and not (api.authentication and all(name in known for name in _needed(api))):
        return replace(api, authentication=None), f"authentication: none, because {_listed(public)} need none"
    return api, f"authentication: as the input says; {_listed(public)} need none" if public else ""


def _entered(api: Given, prover: Prover) -> Given:
    """Returns the API with the collections of an index in place of the index itself."""
    if len(api.operations) != 1:
        return api
    path = api.operations[0].path
    look = prover.look({"name": "index", "path": path, "records_path": "$", "pagination": ONE_PAGE})
    at = f"{api.url_base.rstrip('/')}/{path}"
    inner = url.index(raw_json.decode(look.pages[0].root), at) if look.pages else []
    return replace(api, operations=[Operation(f"{path.rstrip('/')}/{each}") for each in inner]) if inner else api


def _with_secrets(api: Given, variables: Mapping[str, str], dialogue: Dialogue) -> dict[str, str]:
    """Returns the variables, with those of the authentication added.

    Raises:
        ConfigError: A variable is not set, and nobody can be asked.
    """
    known = {**variables, **api.secrets}
    for name in _needed(api):
        value = known.get(name) or dialogue.secret(name)
        if not value:
            raise ConfigError(
                f"The API requires credentials. Set the environment variable `{name}`, and run `init` again."
            )
        known[name] = value
    return known


def _needed(api: Given) -> list[str]:
    """Returns the names of the variables of the authentication."""
    return _VARIABLE.findall(" ".join(map(str, (api.authentication or {}).values())))


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(f"`{path}`" for path in paths)


def _masked(settled: Settled, mask: Mask) -> Settled:
    """Returns an endpoint whose evidence, which quotes the API, has no secret."""
    return replace(settled, evidence=[mask(text) for text in settled.evidence], left_out=mask(settled.left_out))
