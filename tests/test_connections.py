"""Certificates and proxies of the config's own, against real TLS."""

from __future__ import annotations

from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config.loading import load
from source_rest_api.config.masking import masker, secrets_of
from source_rest_api.errors import ConfigError, SourceError, TransientError
from tests.api import Answer, Api
from tests.authority import Authority
from tests.sign_in import Session, TokenApi

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTHORITY = Authority()
CLIENT, KEY = AUTHORITY.issue()


@contextmanager
def over_tls(api: Api, *, asks: bool = False) -> Iterator[str]:
    """Run an API over TLS, which may ask for a client certificate; gives its URL."""
    api.tls = AUTHORITY.server(asks=asks)
    with api:
        yield api.url


def raw(url: str, **more: Any) -> dict[str, Any]:
    """Give a config without patience."""
    return {"url_base": url, "endpoints": [{"name": "x", "path": "/x"}], "retry": {"max_attempts": 1}, **more}


@pytest.fixture
def api() -> Api:
    """Make an API, not started yet."""
    api = Api()
    api.get("/x")(lambda _: [])
    return api


def test_an_authority_of_ones_own(api: Api) -> None:
    """Its certificates are trusted where the config has it, and are not where it has not."""
    with over_tls(api) as url:
        with Session(raw(url, tls={"ca_bundle": AUTHORITY.pem})) as session:
            assert session.get() == b"[]"
        for tls in ({}, {"tls": {"ca_bundle": Authority().pem}}):
            with Session(raw(url, **tls)) as session, pytest.raises(ConfigError, match="certificate"):
                session.get()


def test_the_environment_does_not_replace_it(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config goes before `REQUESTS_CA_BUNDLE`, which holds where it says nothing."""
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    (tmp_path / "other.pem").write_text(Authority().pem)
    with over_tls(api) as url:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
        with Session(raw(url, tls={"ca_bundle": str(tmp_path / "ca.pem")})) as session:
            assert session.get() == b"[]"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with Session(raw(url)) as session:
            assert session.get() == b"[]"


def test_a_client_certificate(api: Api) -> None:
    """It is presented to an API that requests it, with line breaks or without; temporary files are removed."""
    with over_tls(api, asks=True) as url:
        for key in (KEY, KEY.replace("\n", "\\n")):
            tls = {"ca_bundle": AUTHORITY.pem, "client_certificate": CLIENT, "client_key": key}
            with Session(raw(url, tls=tls)) as session:
                assert session.get() == b"[]"
                files = session.requester.sender.connections._files
                assert files is not None
                assert files.client is not None
                written = Path(files.client[1])
                assert (written.stat().st_mode & 0o777, written.parent.stat().st_mode & 0o777) == (0o600, 0o700)
            assert not written.parent.exists()
        with Session(raw(url, tls={"ca_bundle": AUTHORITY.pem})) as session, pytest.raises(SourceError):
            session.get()


def test_tokens_are_asked_for_over_the_same_connections() -> None:
    """The token endpoint has the same certificate authority and requires the same client certificate."""
    api = TokenApi()
    with over_tls(api, asks=True) as url:
        config = api.oauth()
        config["url_base"] = url
        config["authentication"]["token_url"] = f"{url}/token"
        config["tls"] = {"ca_bundle": AUTHORITY.pem, "client_certificate": CLIENT, "client_key": KEY}
        with Session(config) as session:
            assert session.get() == b"[]"


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ({"client_certificate": CLIENT}, "must be set together"),
        ({"client_key": KEY}, "must be set together"),
        ({"client_certificate": CLIENT, "client_key": AUTHORITY.issue()[1]}, "the key does not match"),
        ({"client_certificate": CLIENT, "client_key": AUTHORITY.issue(b"password")[1]}, "tls"),
        ({"client_certificate": CLIENT, "client_key": "KEY-secret"}, "path of a PEM file"),
        ({"ca_bundle": "/no/such/file"}, "path of a PEM file"),
        ({"ca_bundle": "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----"}, "tls"),
    ],
)
def test_certificates_that_cannot_be_used(tls: dict[str, str], message: str) -> None:
    """Unusable certificates are rejected with the config, and keys are not shown."""
    with pytest.raises(ConfigError, match=message) as caught:
        load(raw("https://a.example", tls=tls))
    assert "-secret" not in f"{caught.value}{caught.value.detail}"


def test_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests go through it, with its own credentials, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Api() as proxy:
        proxy.get("http://api.invalid/x")(lambda _: [])
        url = f"http://ada:p%40ss-secret@127.0.0.1:{proxy.port}"
        with Session(raw("http://api.invalid", proxy_url=url)) as session:
            assert session.get() == b"[]"
        assert proxy.requests[0].headers["Proxy-Authorization"] == f"Basic {b64encode(b'ada:p@ss-secret').decode()}"


def test_a_proxy_that_fails_shows_no_password() -> None:
    """The password is in no message, masked or not, in any form."""
    config = raw("https://api.invalid", proxy_url="http://ada:p%40ss-secret@127.0.0.1:9")
    with Session(config) as session, pytest.raises(TransientError) as caught:
        session.get()
    assert "ss-secret" not in f"{caught.value}{caught.value.detail}"
    mask = masker(secrets_of(session.config))
    basic = b64encode(b"ada:p@ss-secret").decode()
    assert "ss-secret" not in mask(f"p@ss-secret p%40ss-secret http://ada:p%40ss-secret@127.0.0.1:9 {basic}")
    assert basic not in mask(basic)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (407, ConfigError, "proxy requires credentials: set them in `proxy_url`"),
        (403, TransientError, r"did not connect to the API \(it returned HTTP 403\): check `proxy_url`"),
    ],
)
def test_a_proxy_that_refuses(status: int, kind: type[SourceError], message: str) -> None:
    """The proxy's response to CONNECT is reported as the proxy's, with the setting."""
    with Api() as proxy:
        proxy.route("CONNECT", "api.invalid:443")(lambda _: Answer("", status))
        config = raw("https://api.invalid", proxy_url=proxy.url)
        with Session(config) as session, pytest.raises(kind, match=message):
            session.get()


@pytest.mark.parametrize("url", ["proxy:3128", "socks5://proxy:1080", "http://", "ftp://a"])
def test_what_is_no_proxy(url: str) -> None:
    """Only HTTP proxies are known."""
    with pytest.raises(ConfigError, match="proxy_url: must be a URL"):
        load(raw("https://a.example", proxy_url=url))
