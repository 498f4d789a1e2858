"""The addresses that a guarded connection may reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from msgspec.structs import replace

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from source_rest_api.http import egress_guard
from source_rest_api.http.adapter import BoundedAdapter
from source_rest_api.http.direct_connections import DirectConnections
from source_rest_api.http.origins import Origin
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from source_rest_api.http.transport import ConnectionOptions
from source_rest_api.http.transport_errors import InvalidUrlError
from tests.api import Api
from tests.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.http.transport import TransportName

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses(address: str) -> None:
    """The public internet can be reached, over NAT64 too."""
    assert egress_guard.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"),
        *("100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::"),
    ],
)
def test_all_other_addresses(address: str) -> None:
    """Private, local, metadata, shared and reserved addresses are not public, nor what is wrapped around them."""
    assert not egress_guard.is_public(address)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """A session whose connections are guarded."""
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with requests.Session() as session:
        session.mount("https://", BoundedAdapter(60, lambda: 0.0))
        yield session


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "127.1"])
def test_no_spelling_of_loopback_gets_through(session: requests.Session, host: str) -> None:
    """However an address is written, what it leads to is what counts, and nothing is sent."""
    with Api() as api, pytest.raises(ConfigError, match="public internet"):
        session.get(f"https://{host}:{api.port}/", timeout=5)
    assert api.requests == []


def test_a_name_is_looked_up_once(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose answer flips to a private address after the check: only the checked address is connected to."""
    asked = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"  # TEST-NET-1: nobody answers
        return [(2, 1, 6, "", (address, port))]

    connected = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> None:
        connected.append(address)
        raise OSError("nobody answers")

    monkeypatch.setattr(egress_guard, "is_public", lambda address: address == "192.0.2.1")
    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(requests.ConnectionError):
        session.get("https://flips.example/", timeout=5)
    assert (asked, connected) == (["flips.example"], [("192.0.2.1", 443)])


def test_a_name_that_no_system_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is about the URL, with the guard as without it."""
    for mode in ("cloud", "oss"):
        monkeypatch.setenv("DEPLOYMENT_MODE", mode)
        connections = DirectConnections(Origin("https", "api..example.com", 443), ConnectionOptions(None, None, None))
        with pytest.raises(InvalidUrlError):
            connections.connect(1)


@pytest.mark.parametrize(("mode", "status"), [("CLOUD", "FAILED"), ("cloud", "FAILED"), ("oss", "SUCCEEDED")])
def test_the_deployment_mode_decides(mode: str, status: str, tmp_path: Path) -> None:
    """`DEPLOYMENT_MODE=cloud` refuses an API on this machine with one try; any other mode reads it."""
    with Api() as api:
        api.get("/rows")(lambda _: [])
        config = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "/rows"}]}
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = subprocess.run(
            [sys.executable, ROOT / "main.py", "check", "--config", tmp_path / "config.json"],
            env={**os.environ, "DEPLOYMENT_MODE": mode},
            capture_output=True,
            check=True,
        )
    assert json.loads(done.stdout)["connectionStatus"]["status"] == status
    assert len(api.requests) == (status == "SUCCEEDED")


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(("scheme", "said"), [("https", "public internet"), ("http", "only https")])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_library_that_wraps_requests_opens_the_guard(
    transport: TransportName, scheme: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracing libraries wrap `requests.Session.send` in production: a private address is still refused."""
    send = requests.Session.send

    def traced(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        return send(session, request, **more)

    monkeypatch.setattr(requests.Session, "send", traced)
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with Api() as api:
        url = f"{scheme}://127.0.0.1:{api.port}"
        config = load({"url_base": url, "endpoints": [{"name": "x", "path": "/x"}], "retry": {"max_attempts": 1}})
        settings = replace(config.http(url), transport=transport)
        with Requester(settings) as requester, pytest.raises(ConfigError, match=said):
            requester.fetch(Request("GET", f"{url}/x"), lambda response: response.body)
    assert api.requests == []
