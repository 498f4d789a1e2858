"""An API that is not the limit: nginx serves pages of orders that were written before.

`GET /now/NAME?page=2` answers a page at once, `GET /slow/NAME?page=2` after 50 ms. Without `page` it is the first.
Where a data set has windows, `since=2024-01-31` picks one. All other parameters are ignored.
`GET /now/children/ID` answers the two children of any parent.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Self

LATENCY = 0.05
"""Seconds, below `/slow`."""
MARKER = b'"EUR"'
"""Stands in each record once and nowhere else, so that whatever a tool prints can be counted."""
CHILDREN = 2
"""Records below `children/ID`."""
WINDOWS = [datetime.now(timezone.utc).date() - timedelta(days=239 - 30 * n) for n in range(8)]
"""First days of the thirty days that each window has; the last one holds today."""
_FIRST = date(2020, 1, 1)
_SMALL = '{"id":%d,"currency":"EUR","updated_at":"%s%s"}'
_ORDER = (
    '{"id":%d,"number":"A-2024-000017","status":"paid","currency":"EUR","total":1249.90,"tax":199.56,"customer":{"id":'
    '88123,"name":"Jørgen Müller","email":"jorgen@example.com"},"tags":["web","priority"],"note":null,'
    '"created_at":"2020-01-01T00:00:00Z","updated_at":"%s%s"'
)
_LINE = (
    '{"sku":"SKU-%04d","title":"Cotton shirt, long sleeves","quantity":2,"price":49.95,"discount":0.1,'
    '"warehouse":{"id":7,"name":"Hamburg"},"gift":false}'
)
_CHILD = '{"id":"$1-%d","currency":"EUR","updated_at":"2024-01-01T00:00:0%dZ"}'
_CONFIG = r"""
daemon off; pid {folder}/pid; error_log {folder}/error.log warn; worker_processes 1;
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type application/json;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  map $arg_page $page {{ "" 1; default $arg_page; }}
  server {{
    listen 127.0.0.1:{port}; root {folder}/pages;
    location ~ ^/now/children/(\d+)$ {{ return 200 '{children}'; }}
    location ~ ^/now/(.+)$ {{ try_files /$1/$arg_since/$page.json /$1/$page.json =404; }}
    location ~ ^/slow/(.+)$ {{ echo_sleep {latency}; echo_exec /now/$1 page=$page&since=$arg_since; }}
  }}
}}
"""


@dataclass(frozen=True)
class Orders:
    """The rows of an endpoint."""

    pages: int
    page_size: int
    record_bytes: int = 300
    windows: bool = False
    """True if pages are divided into windows of thirty days, each with its own tokens."""

    @property
    def name(self) -> str:
        """Its path."""
        return f"orders-{self.pages}x{self.page_size}x{self.record_bytes}{'-windows' * self.windows}"

    def __len__(self) -> int:
        return self.pages * self.page_size

    def texts(self, pages: int, since: date = _FIRST, first_id: int = 0) -> Iterator[str]:
        """The bodies of so many pages: records, the next page's token, the number of all pages; then an empty page."""
        template = _template(self.record_bytes)
        seconds = [f"{n // 60:02d}:{n % 60:02d}Z" for n in range(self.page_size)]
        start = datetime(since.year, since.month, since.day, tzinfo=timezone.utc)
        for number in range(1, pages + 1):
            hour = (start + timedelta(hours=number)).strftime("%Y-%m-%dT%H:")
            ids = range(first_id + (number - 1) * self.page_size, first_id + number * self.page_size)
            records = ",".join([template % (i, hour, second) for i, second in zip(ids, seconds, strict=True)])
            token = "null" if number == pages else f'"{number + 1}"'
            yield f'{{"data":[{records}],"next":{token},"total_pages":{pages}}}'
        yield f'{{"data":[],"next":null,"total_pages":{pages}}}'


def _template(size: int) -> str:
    """A record of about so many bytes, with holes for its id and its time."""
    if size < len(_ORDER) // 2:
        return _SMALL
    lines = max(0, (size - len(_ORDER)) // len(_LINE))
    items = ",".join(_LINE % n for n in range(lines))
    return f'{_ORDER},"lines":[{items}]}}'


class Server:
    """nginx on a loopback port, with its pages below a folder.

    Raises:
        FileNotFoundError: nginx is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        config = folder / "nginx.conf"
        children = f'{{"data":[{",".join(_CHILD % (n, n) for n in range(CHILDREN))}]}}'
        config.write_text(_CONFIG.format(folder=folder, port=self._port, latency=LATENCY, children=children))
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
        self._process = subprocess.Popen([program, "-c", config, "-e", folder / "error.log"])

    def __enter__(self) -> Self:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError((self._folder / "error.log").read_text())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def base(self, *, slow: bool = False) -> str:
        """The URL that all data sets are below."""
        return f"http://127.0.0.1:{self._port}/{'slow' if slow else 'now'}"

    def serve(self, orders: Orders) -> None:
        """Write the pages, if they are not there."""
        folder = self._folder / "pages" / orders.name
        if folder.exists():
            return
        if not orders.windows:
            _write(folder, orders.texts(orders.pages))
            return
        pages = orders.pages // len(WINDOWS)
        for index, window in enumerate(WINDOWS):
            texts = orders.texts(pages, window, index * pages * orders.page_size)
            _write(folder / window.isoformat(), texts)

    def forget(self, orders: Orders) -> None:
        """Free the space of its pages."""
        shutil.rmtree(self._folder / "pages" / orders.name)


def _write(folder: Path, texts: Iterator[str]) -> None:
    folder.mkdir(parents=True)
    for number, text in enumerate(texts, start=1):
        (folder / f"{number}.json").write_text(text)
