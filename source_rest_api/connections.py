"""How connections are made: certificates and proxy."""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

import requests
from pydantic import AfterValidator, Field, SecretStr, model_validator
from requests.adapters import HTTPAdapter

from source_rest_api import deadline, egress
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, Secret, SecretLines

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self
    from urllib3.connectionpool import HTTPConnectionPool

    from source_rest_api.config import Config

_PEM = "-----BEGIN "


def _check_proxy(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as `http://proxy.example.com:3128`")
    return secret


Lines = Annotated[str, Field(json_schema_extra={"multiline": True})]
ProxyUrl = Annotated[Secret, AfterValidator(_check_proxy)]


class Tls(Model):
    """Certificates for TLS, each as PEM text or as the path of a PEM file."""

    ca_bundle: Lines | None = None
    """Authorities to trust, in place of the public ones."""
    client_certificate: Lines | None = None
    """The certificate by which the connector shows who it is, with those between it and its authority."""
    client_key: SecretLines = SecretStr("")
    """Its private key, without a password."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        key = self.client_key.get_secret_value()
        if bool(self.client_certificate) != bool(key):
            raise ValueError("`client_certificate` and `client_key` belong together")
        try:
            with TemporaryDirectory() as folder:
                files = _Files(self, Path(folder))
                if files.ca_bundle:
                    ssl.create_default_context(cafile=files.ca_bundle)
                if files.client:
                    # A key with a password would otherwise ask for it at the terminal.
                    ssl.create_default_context().load_cert_chain(*files.client, password="")
        except (OSError, ValueError) as error:  # of which SSLError is one
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise ValueError(
                f"what stands there is neither PEM text nor the path of a PEM file, or the key does not fit ({reason})"
            ) from None
        return self


class _Files:
    """The paths that `requests` takes. Text is written to files that only we can read."""

    def __init__(self, tls: Tls, folder: Path) -> None:
        key = tls.client_key.get_secret_value()
        self.ca_bundle = _path(tls.ca_bundle, folder / "ca.pem") if tls.ca_bundle else None
        self.client: tuple[str, str] | None = None
        if tls.client_certificate:
            self.client = _path(tls.client_certificate, folder / "client.pem"), _path(key, folder / "key.pem")


def _path(text: str, file: Path) -> str:
    if _PEM not in text:
        return text
    file.touch(0o600)
    file.write_text(text.replace("\\n", "\n"))
    return str(file)


class _Session(requests.Session):
    """Looks at no redirect, not even to prepare what is sent next: the requester follows them."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class _Adapter(HTTPAdapter):
    """Looks up once for each origin what holds for all requests to it; `requests` does for each of them."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        super().__init__(pool_connections=4, pool_maxsize=config.max_concurrency)
        self._seconds = config.request_timeout
        self._clock = clock
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        if egress.is_guarded():
            egress.guard(self.poolmanager)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        """The pool of connections to the request's origin. All else is the same for a session."""
        origin = urlsplit(str(request.url))[:2]
        if origin not in self._pools:
            made = super().get_connection_with_tls_context(request, verify, proxies, cert)
            pool = cast("HTTPConnectionPool", made)
            deadline.bound(pool, self._seconds, self._clock)
            self._pools[origin] = pool
        return self._pools[origin]


class Connections:
    """One session's connection pool. Where a proxy is set, the proxy decides where connections may lead.

    Args:
        config: The API.
        clock: Seconds, for deadlines.
    """

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self.session = _Session()
        self.session.headers.update({"User-Agent": "source-rest-api", "Accept-Encoding": "gzip, deflate"})
        adapter = _Adapter(config, clock)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)
        proxy = None if config.proxy_url is None else config.proxy_url.get_secret_value()
        self._proxies = {} if proxy is None else {"http": proxy, "https": proxy}
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}
        self._folder: TemporaryDirectory[str] | None = None
        self._files: _Files | None = None
        if config.tls is not None:
            self._folder = TemporaryDirectory(prefix="source-rest-api-")
            try:
                self._files = _Files(config.tls, Path(self._folder.name))
            except OSError as error:
                raise ConfigError(f"The certificates of `tls` cannot be written to a file: {error.strerror}.") from None

    def settings(self, url: str, *, trusted: bool = True) -> dict[str, Any]:
        """What `requests` wants to know for sending to a URL. The environment is asked once for each origin.

        Args:
            url: Where to.
            trusted: Whether the client certificate may be shown there. It is the same for all URLs of an origin.
        """
        origin = urlsplit(url)[:2]
        if origin not in self._settings:
            verify = self._files.ca_bundle if self._files else None
            settings = self.session.merge_environment_settings(url, dict(self._proxies), True, verify, None)
            client = self._files.client if self._files and trusted else None
            self._settings[origin] = {**settings, "cert": client or settings["cert"]}
        return self._settings[origin]

    def close(self) -> None:
        """Close all connections, and remove what was written for them."""
        self.session.close()
        if self._folder is not None:
            self._folder.cleanup()
