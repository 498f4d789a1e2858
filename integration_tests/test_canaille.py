"""Canaille: OAuth 2 client credentials whose tokens end in the middle of a read, and users by SCIM (RFC 7644)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.commands import main
from integration_tests.environments import environment
from integration_tests.servers import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

CLIENT = ("reader", "s3 cret/+%")
USERS = 100
SETTINGS = """
SECRET_KEY = "any"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"
[OAUTH2_TOKEN_EXPIRES_IN]
client_credentials = 2
[CANAILLE]
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{database}"
[CANAILLE_OIDC]
[CANAILLE_SCIM]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Canaille, which knows the client."""
    folder = tmp_path_factory.mktemp("canaille")
    port = free_port()
    (folder / "config.toml").write_text(SETTINGS.format(port=port, database=folder / "canaille.db"))
    program, variables = environment("canaille") / "canaille", {"CANAILLE_CONFIG": str(folder / "config.toml")}
    client = ["--client-id", CLIENT[0], "--client-secret", CLIENT[1], "--client-name", "reader", "--scope", "openid"]
    kind = ["--grant-types", "client_credentials", "--token-endpoint-auth-method", "client_secret_basic"]
    for arguments in (
        ["install"],
        ["create", "client", *client, *kind, "--redirect-uris", "http://127.0.0.1/unused"],
    ):
        subprocess.run([program, *arguments], env=variables, capture_output=True, check=True, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [program, "run", "--bind", f"127.0.0.1:{port}"]
    with serving(command, f"{url}/scim/v2/ServiceProviderConfig", folder, variables):
        yield url


@pytest.fixture(scope="module")
def users(server: str) -> list[dict[str, Any]]:
    """Users as the server answered when they were made: the truth about them."""
    made = []
    for number in range(USERS):
        user = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"user{number}",
            "active": True,
            "name": {"familyName": f"Größe {number} 京都", "givenName": "Ada", "formatted": f"Ada Größe {number}"},
            "emails": [{"value": f"user{number}@example.com"}],
        }
        if number % 5 == 0:
            headers = {"Authorization": f"Bearer {_token(server)}"}
        answer = requests.post(f"{server}/scim/v2/Users", json=user, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    return made


def _token(server: str) -> str:
    form = {"grant_type": "client_credentials"}
    answer = requests.post(f"{server}/oauth/token", data=form, auth=CLIENT, timeout=60)
    token: str = answer.json()["access_token"]
    return token


def _config(url: str) -> dict[str, Any]:
    return {
        "url_base": f"{url}/scim/v2",
        "authentication": {
            "type": "oauth2",
            "token_url": f"{url}/oauth/token",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "credentials_in": "basic",
        },
        "endpoints": [
            {
                "name": "users",
                "path": "Users",
                "records_path": "Resources",
                "primary_key": "id",
                "incremental": {"cursor_field": "meta.lastModified"},
            },
            {"name": "each_user", "path": "Users/{{ users.id }}", "records_path": "$", "primary_key": "id"},
        ],
    }


def test_reads_to_the_last_row_while_tokens_end(server: str, users: list[dict[str, Any]], tmp_path: Path) -> None:
    """All users at once, and each by its id, which takes longer than a token lives."""
    modes = {"users": "incremental", "each_user": "full_refresh"}
    first = main("read", tmp_path, config=_config(server), catalog=modes)
    assert (first.errors, first.code) == ([], 0)
    for stream in modes:
        assert _by_name(first.records[stream]) == _by_name(users)
        assert len(first.records[stream]) == USERS
    second = main("read", tmp_path, config=_config(server), catalog={"users": "incremental"}, state=first.states)
    assert second.code == 0
    last = max(user["meta"]["lastModified"] for user in users)
    assert {user["meta"]["lastModified"] for user in second.records.get("users", [])} <= {last}


def _by_name(users: list[dict[str, Any]]) -> dict[str, Any]:
    return {user["userName"]: (user["id"], user["name"]["familyName"], user["emails"][0]["value"]) for user in users}
