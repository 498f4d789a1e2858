"""docs/schedules.md: the line of a crontab, and the same schedules in Dagster and in Airbyte."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/schedules.md").read_text()
CRONS = re.findall(r"^\| [\w ]+ \| `([^`]+)` \|$", PAGE, re.MULTILINE)


def test_cron_refuses_a_second_read(tmp_path: Path) -> None:
    """The line of the crontab: while one read is running, another one does nothing and exits with 1."""
    [line] = re.findall(r"^(?:\S+ ){5}(cd .*)$", PAGE, re.MULTILINE)
    command = ["bash", "-c", line.replace("/srv/shop", str(tmp_path))]
    os.mkfifo(tmp_path / "running")
    os.mkfifo(tmp_path / "end")
    (tmp_path / "load.sh").write_text("echo once >> reads\necho > running\ncat end\n")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
        (tmp_path / "running").read_text()
        assert subprocess.run(command, check=False).returncode == 1
        (tmp_path / "end").write_text("")
        assert first.wait() == 0
    assert (tmp_path / "reads").read_text() == "once\n"


def test_the_schedules_are_the_same_everywhere() -> None:
    """Those of the page are defined for Dagster, and docs/airbyte.md translates them."""
    assert len(CRONS) == 6
    tree = ast.parse((ROOT / "integration_tests/scheduler/definitions.py").read_text())
    [crons] = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["CRONS"]
    ]
    assert list(crons.values()) == CRONS
    airbyte = (ROOT / "docs/airbyte.md").read_text()
    assert re.findall(r"^\| [\w ]+ \| `([^`]+)` \| `0 [^`]+\?[^`]*` \|$", airbyte, re.MULTILINE) == CRONS
