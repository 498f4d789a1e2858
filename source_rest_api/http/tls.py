"""TLS settings (trusted authorities and the client certificate), and the type of the proxy setting."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from typing_extensions import Self

from source_rest_api.model import Model, Secret, SecretLines

_PEM = "-----BEGIN "
Lines = Annotated[str, Field(json_schema_extra={"multiline": True})]


def _check_proxy(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as `http://proxy.example.com:3128`")
    return secret


ProxyUrl = Annotated[Secret, AfterValidator(_check_proxy)]


class Tls(Model):
    """TLS certificates, each as PEM text or as the path of a PEM file."""

    ca_bundle: Lines | None = None
    """Certificate authorities to trust, in place of the public ones."""
    client_certificate: Lines | None = None
    """The client certificate with which the connector authenticates, followed by its intermediate certificates."""
    client_key: SecretLines = SecretStr("")
    """The private key of `client_certificate`, without a password."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        import ssl  # noqa: PLC0415 -- most configs have no certificates; start-up counts
        from tempfile import TemporaryDirectory  # noqa: PLC0415

        key = self.client_key.get_secret_value()
        if bool(self.client_certificate) != bool(key):
            raise ValueError("`client_certificate` and `client_key` must be set together")
        try:
            with TemporaryDirectory() as folder:
                files = CertificateFiles(self, Path(folder))
                if files.ca_bundle:
                    ssl.create_default_context(cafile=files.ca_bundle)
                if files.client:
                    # Without `password`, OpenSSL would prompt for the password of an encrypted key at the terminal.
                    ssl.create_default_context().load_cert_chain(*files.client, password="")
        except (OSError, ValueError) as error:  # of which SSLError is one
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise ValueError(
                f"a value is neither PEM text nor the path of a PEM file, or the key does not match ({reason})"
            ) from None
        return self


class CertificateFiles:
    """The certificates as file paths, as `requests` needs them. PEM text is written to files that only we can read.

    Args:
        tls: The certificates.
        folder: The folder to write files to.
    """

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
