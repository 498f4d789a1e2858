"""Writes a config file from an input: `python main.py init`."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from source_rest_api.config import environment, loading, masking
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.formats import raw_json, yaml_text
from source_rest_api.onboarding import challenge, config_text, source, url, web
from source_rest_api.onboarding.given import PLACEHOLDER, Operation, without_extension
from source_rest_api.onboarding.proofs import ONE_PAGE, Look, Prover
from source_rest_api.onboarding.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from threading import Event

    from source_rest_api.config.masking import Mask
    from source_rest_api.onboarding.endpoint_draft import Settled
    from source_rest_api.onboarding.given import Given

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
    api = replace(api, operations=_with_parents(api.operations, kept))
    api, proof, refused = _authenticated(api, variables, stop)
    known, prover = _signed(api, variables, dialogue, refused, stop)
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
    dialogue.tell(f"Show its records: python main.py try {output}")
    return settled


def _with_parents(operations: Sequence[Operation], kept: set[str]) -> list[Operation]:
    """Returns the chosen operations, and those that supply the values in their paths."""
    needed = {path.partition("/{")[0] for path in kept} | {
        path[: match.start() - 1] for path in kept for match in PLACEHOLDER.finditer(path)
    }
    return [each for each in operations if each.path in kept or without_extension(each.path) in needed]


def _signed(
    api: Given, variables: Mapping[str, str], dialogue: Dialogue, refused: str, stop: Event
) -> tuple[dict[str, str], Prover]:
    """Returns the variables, and what sends requests with them. The API has accepted them.

    Args:
        api: The API, with its authentication.
        variables: The environment.
        dialogue: Asks for secrets.
        refused: A path that the API refuses without credentials; empty if there is none.
        stop: Set from outside to end early.

    Raises:
        ConfigError: A variable is missing or wrong, and nobody can be asked.
    """
    set_before = {**variables, **api.secrets}
    while True:
        known = _with_secrets(api, variables, dialogue)
        prover = Prover(config_text.shared_settings(api), known, stop)
        first = {"name": "first", "path": refused, "records_path": "$", "pagination": ONE_PAGE}
        look = prover.look(first) if refused and api.authentication else Look()
        if "HTTP 401" not in look.problem:
            return known, prover
        named = ", ".join(f"`{name}`" for name in _needed(api))
        if all(name in set_before for name in _needed(api)):
            mask = masking.masker(known[name] for name in _needed(api))
            raise ConfigError(f"The API refuses the credentials in {named}. Correct them. {mask(look.problem)}")
        dialogue.tell("The API refuses these credentials (HTTP 401). Try again.")


def _authenticated(api: Given, variables: Mapping[str, str], stop: Event) -> tuple[Given, str, str]:
    """Returns the API with its authentication, how the API confirmed it, and the path that it refused."""
    api = _with_known(api, {**variables, **api.secrets})
    plain = {name: value for name, value in api.headers.items() if not _VARIABLE.search(value)}
    asked = [operation.path for operation in api.operations if operation.method == "GET" and not operation.placeholders]
    public: list[str] = []
    for path in asked[:_MOST_ASKED]:
        try:
            response = web.get(f"{api.url_base.rstrip('/')}/{path}", plain, stop, guess=True)
        except TransientError as error:  # one endpoint may be out of order
            if path == asked[:_MOST_ASKED][-1] and not public:
                raise error from None
            continue
        wanted = challenge.authentication(response, variables, stop)
        if wanted is not None:
            told = f"authentication: without it, `{path}` returns {response.status}"
            known = {**variables, **api.secrets}
            return (
                replace(api, authentication=challenge.completed(api.authentication or wanted, wanted, known)),
                told,
                path,
            )
        public += [path] if response.status == HTTPStatus.OK else []
    known = {**variables, **api.secrets}
    if public and not (api.authentication and all(name in known for name in _needed(api))):
        return replace(api, authentication=None), f"authentication: none, because {_listed(public)} need none", ""
    return api, f"authentication: as the input says; {_listed(public)} need none" if public else "", ""


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


def _with_known(api: Given, known: Mapping[str, str]) -> Given:
    """Returns the API with the first kind of authentication whose variables are all set."""
    kinds = [api.authentication, *api.alternatives]
    usable = (kind for kind in kinds if kind and all(name in known for name in _variables(kind)))
    return replace(api, authentication=next(usable, api.authentication))


def _needed(api: Given) -> list[str]:
    """Returns the names of the variables of the authentication and the headers."""
    return _variables({**(api.authentication or {}), **api.headers})


def _variables(settings: Mapping[str, object]) -> list[str]:
    return _VARIABLE.findall(" ".join(map(str, settings.values())))


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(f"`{path or '/'}`" for path in paths)


def _masked(settled: Settled, mask: Mask) -> Settled:
    """Returns an endpoint whose evidence, which quotes the API, has no secret."""
    return replace(settled, evidence=[mask(text) for text in settled.evidence], left_out=mask(settled.left_out))
