"""Servers that several modules of tests read."""

from integration_tests.test_canaille import server, users
from integration_tests.test_cap import books
from integration_tests.test_cap import server as cap
from integration_tests.test_datasette import database
from integration_tests.test_datasette import server as datasette
from integration_tests.test_json_server import orders
from integration_tests.test_json_server import server as json_server
from integration_tests.test_kinto import store

__all__ = ["books", "cap", "database", "datasette", "json_server", "orders", "server", "store", "users"]
