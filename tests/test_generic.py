"""The start of the generic connector: `spec` without its models."""

from __future__ import annotations

import json
import subprocess
import sys

from source_rest_api.cli.generic import SPECIFICATION
from source_rest_api.connector import Connector


def test_the_kept_form_is_what_the_models_say() -> None:
    """A change of the models is a change of the form."""
    assert json.loads(SPECIFICATION.read_text()) == Connector().specification(), "run scripts/docs to write it again"


def test_spec_prints_the_same_with_and_without_the_kept_form() -> None:
    """With `--debug` the form is generated."""
    assert _printed("spec") == _printed("spec", "--debug")


def _printed(*arguments: str) -> bytes:
    """What the generic connector prints, in a process of its own, because it sets up logging."""
    code = "import sys; from source_rest_api import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, check=True).stdout


def test_spec_imports_no_models() -> None:
    """The kept form is all that it needs."""
    code = "import sys; from source_rest_api import main; main(['spec']); sys.exit('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0


def test_spec_ends_if_nobody_reads_it() -> None:
    """The exit code says so, without a traceback."""
    code = "import sys; from source_rest_api import main; sys.stdin.read(); sys.exit(main(['spec']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stderr:
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
