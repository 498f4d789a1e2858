"""The parts of urllib3 that are not public and that connections here rely on."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from urllib3 import PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

USES = {"pool": "http/proxied_connections.py calls it", "guard": "http/adapter.py overrides it"}


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "use"),
    [
        (HTTPConnectionPool, "_new_conn", ["self"], "pool"),
        (HTTPSConnectionPool, "_new_conn", ["self"], "pool"),
        (HTTPConnectionPool, "_prepare_proxy", ["self", "conn"], "pool"),
        (HTTPSConnectionPool, "_prepare_proxy", ["self", "conn"], "pool"),
        (HTTPConnection, "_new_conn", ["self"], "guard"),
        (HTTPSConnection, "_new_conn", ["self"], "guard"),
    ],
)
def test_private_methods_are_what_we_call(owner: type[Any], name: str, parameters: list[str], use: str) -> None:
    """A new urllib3 that moves one fails here, not in a read."""
    found = getattr(owner, name, None)
    what = f"urllib3 {version('urllib3')}: {owner.__name__}.{name}({', '.join(parameters)})"
    assert found is not None, f"{what} is gone; {USES[use]}"
    signature = inspect.signature(found)
    assert list(signature.parameters) == parameters, f"{what} is now {name}{signature}; {USES[use]}"


@pytest.mark.parametrize("manager", [PoolManager(), ProxyManager("http://proxy.example.com:3128")])
def test_managers_make_the_connections_that_they_are_given(manager: PoolManager) -> None:
    """The address guard and the head deadline are in the connection classes that a manager creates."""
    moved = f"urllib3 {version('urllib3')}: managers no longer make %s; http/adapter.py replaces it"
    for scheme, pool in (("http", HTTPConnectionPool), ("https", HTTPSConnectionPool)):
        own: Any = type("Pool", (pool,), {"ConnectionCls": type("Connection", (pool.ConnectionCls,), {})})
        assert manager.pool_classes_by_scheme.get(scheme) is pool, moved % "pools by `pool_classes_by_scheme`"
        manager.pool_classes_by_scheme = {scheme: own}
        with manager.connection_from_url(f"{scheme}://{scheme}.example.com") as made:
            assert type(made) is own, moved % "pools by `pool_classes_by_scheme`"
            assert type(made._new_conn()) is own.ConnectionCls, moved % "connections by `ConnectionCls`"
        manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
