"""Where the installed programs begin, and `python -m argosy`.

An installed `controller` would be in the way of anybody's module of that name. So the wheel keeps
ours inside this package (`setup.py`), where only these programs look for it; in a checkout it lies
beside this folder.
"""

from __future__ import annotations

import pathlib
import sys

INSIDE = pathlib.Path(__file__).parent / "lib"
if INSIDE.is_dir():
    sys.path.insert(0, str(INSIDE))

from controller.__main__ import complete, main, plugin  # noqa: E402 - it is found from here on

__all__ = ("complete", "main", "plugin")

if __name__ == "__main__":
    main()
