"""What a process of the operator loads before it has anything to do."""

import subprocess
import sys


def test_the_operator_loads_no_models_and_no_kopf() -> None:
    """They take half a second and 40 MB; only admission needs them, once all caches are full."""
    program = (
        "import sys, controller.wiring.operator;"
        "heavy = {'kopf', 'kubernetes', 'pydantic', 'keystoneauth1', 'requests', 'opentelemetry'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
