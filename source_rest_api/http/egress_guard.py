"""Restricts connections in Airbyte's cloud to public addresses, and to TLS.

A host name is resolved once, all its addresses are checked, and the connection goes to a checked address. So a name
that resolves differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.http.transport_errors import NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAT64 = ip_network("64:ff9b::/96")
_REFUSED = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598); some clouds serve their metadata there
        "168.63.129.16/32",  # internal services of a cloud
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
    )
)


def is_guarded() -> bool:
    """Return True in Airbyte's cloud (`DEPLOYMENT_MODE=cloud`), tested as in the CDK."""
    return os.environ.get("DEPLOYMENT_MODE", "").lower() == "cloud"


def is_public(address: str) -> bool:
    """Return True if an address is on the public internet, and so is any IPv4 address embedded in it."""
    return all(_is_public(inner) for inner in _unwrapped(ip_address(address.partition("%")[0])))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    refused = any(address.version == network.version and address in network for network in _REFUSED)
    return address.is_global and not address.is_multicast and not refused


def _unwrapped(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Yield the address, or the IPv4 addresses embedded in an IPv6 one (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(address, IPv4Address):
        yield address
        return
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        wrapped.append(IPv4Address(int(address) & 0xFFFFFFFF))
    carried = [inner for inner in wrapped if inner is not None]
    yield from carried or [address]


def connected(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to a checked address of a host.

    Raises:
        ConfigError: The host has an address that is not public.
        NotConnectedError: The host has no address, or none accepts a connection.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotConnectedError from error
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(is_public, addresses)):
        raise ConfigError(
            f"The host {host} is not on the public internet. In Airbyte's cloud, only public addresses can be read: "
            "check `url_base`."
        )
    for address in addresses:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout)
    raise NotConnectedError("no address of the host accepts a connection")


def no_tls() -> ConfigError:
    """Return the error for a URL without TLS."""
    return ConfigError("The URL begins with http://. In Airbyte's cloud, only https:// can be read: check `url_base`.")
