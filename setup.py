"""How the wheel is built: `controller` goes inside `argosy`, so that it is in nobody's way.

All else stands in pyproject.toml. An editable install leaves the checkout as it is.
"""

from __future__ import annotations

import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class Inside(build_py):  # type: ignore[misc]  # setuptools ships no types
    """Copies the packages, and then moves ours to where only `argosy` looks for it."""

    def run(self) -> None:
        """Build anew, whatever an earlier build left."""
        if self.editable_mode:
            super().run()
            return
        made = pathlib.Path(self.build_lib)
        shutil.rmtree(made, ignore_errors=True)
        super().run()
        (made / "argosy" / "lib").mkdir()
        (made / "controller").rename(made / "argosy" / "lib" / "controller")


setup(cmdclass={"build_py": Inside})
