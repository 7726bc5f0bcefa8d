"""Thousands of requests made from the document, right ones and wrong ones: the server keeps to what
the document says, whatever it is sent."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

HERE = Path(__file__).parent


def test_answers_are_those_of_the_document(address, key, tmp_path):
    document = tmp_path / "openapi.json"
    with urlopen(Request(f"{address}/openapi.json", headers={"x-api-key": key})) as response:
        document.write_bytes(response.read())
    configured = ["--config-file", str(HERE / "schemathesis.toml")]
    command = [sys.executable, "-m", "schemathesis.cli", *configured]
    command += ["run", str(document), "--url", address, "--no-color"]
    # `hooks.py` stands beside this file.
    variables = os.environ | {"PYTHONPATH": str(HERE)}
    run = subprocess.run(command, env=variables, cwd=tmp_path, text=True, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr
    # A machine too slow to come to all of them has tested nothing.
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", run.stdout), run.stdout
