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

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.poolmanager import PoolManager

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


def _connect(host: str, port: int, connection: HTTPConnection) -> socket.socket:
    """Connect to a checked address of a host.

    Raises:
        ConfigError: The host has an address that is not public.
        NewConnectionError: The host has no address, or none accepts a connection.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(is_public, addresses)):
        raise ConfigError(
            f"The host {host} is not on the public internet. In Airbyte's cloud, only public addresses can be read: "
            "check `url_base`."
        )
    for address in addresses:
        with suppress(OSError):
            return create_connection((address, port), connection.timeout, socket_options=connection.socket_options)
    raise NewConnectionError(connection, "no address of the host accepts a connection")


class _HTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        raise ConfigError(
            "The URL begins with http://. In Airbyte's cloud, only https:// can be read: check `url_base`."
        )


class _HTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port, self)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def guard(manager: PoolManager) -> None:
    """Restrict a manager to connections over TLS to public addresses."""
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
