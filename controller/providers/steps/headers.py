"""Which headers a step's request may carry.

The operator has more reach than those who write operations. Headers that say how a connection is
used, where a request goes, or from whom it comes would let them reach past the URL that was
compared: so such headers are refused. `http_step` asks before each request; the schema refuses the
same at apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from controller import errors
from controller.api import http_headers
from controller.providers.steps.reasons import StepReason

# RFC 9110, section 5.6.2: a token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")


def check(found: Iterable[str]) -> None:
    """Raise Stalled, `HeaderRefused`, for a name that is no header's, or that must not be set."""
    for name in sorted(found):
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise errors.Stalled(
                f"{name!r:.80} must be a header's name", reason=StepReason.HEADER_REFUSED
            )
        if lower in http_headers.OWN or lower.startswith(http_headers.OWN_PREFIXES):
            message = f"a step must not set the header {name}: it says how or where a request goes"
            raise errors.Stalled(message, reason=StepReason.HEADER_REFUSED)
