"""Words that look like a credential, taken out of text that is handed to others.

`report` comes here after `fields`, which says which fields there are at all.
"""

from __future__ import annotations

import re

REDACTED = "(redacted)"

# A word in a name that says that a credential follows; what stands before it is no matter.
_WORDS = (
    r"(?:passw(?:or)?d|passphrase|pwd|token|secret|credential|signature"
    r"|(?:api|access|account|private)[-_]?key)"
)
# Where it was taken out, it is not taken out again; a quotation may be one within another.
_VALUE = r"""(?:\(redacted\)|\\*"[^"\n]*"?|\\*'[^'\n]*'?|\S+)"""
_INDENTED = r"(?P<indent>[ \t]+)[^\n]*(?:\n(?P=indent)[^\n]*)*"
# Each keeps its first group, if it has one. No pattern begins with what may be repeated: a long
# word, such as a picture in base64, is gone through once.
_SECRET_TEXTS = tuple(
    re.compile(each)
    for each in (
        # A private key; to the end, where it was cut off.
        r"(?s)()-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [^-\n]*-----|\Z)",
        # A JSON Web Token.
        r"()\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?",
        # Who somebody is in a URL, and all parameters: a signature has a different name everywhere,
        # and those of an exec are a command.
        r"(://)[^/\s@]*(?=@)",
        r"""([?&][\w.%-]+=)[^&\s"'#]+""",
        # Headers, to the end of the line: their parts are many.
        r"""(?i)(\b(?:authorization|cookie)\\*["']?\s*[:=]\s*\\*["']?)[^"'\n]+""",
        r"(?i)(\bbearer\s+)\S+",
        r"(?i)(\bbasic\s+)(?=\S*[\d=+/])[\w+/=-]{8,}",
        # Options: --password x, -u name:x. A line of dashes is gone through once.
        rf"(?i)((?<!-)--[\w-]{{0,40}}{_WORDS}[\w-]{{0,40}}(?:\s+|=)){_VALUE}",
        rf"""((?<!\S)(?:-u|--user)[ =]["']?[^\s:]+:){_VALUE}""",
        # A block of YAML, as far as it is indented.
        rf"(?i)({_WORDS}[\w.-]{{0,64}}:[ \t]*[|>][-+\d]*\n){_INDENTED}",
        # NAME=x, name: x, "name": "x"; on the next line, if no name stands there.
        rf"""(?i)({_WORDS}[\w.-]{{0,64}}\\*["']?[ \t]*[:=][ \t]*(?:\n[ \t]+(?![\w.-]+:|- ))?)"""
        + _VALUE,
    )
)


def scrub(text: str) -> str:
    """Return text without what looks like a credential."""
    for each in _SECRET_TEXTS:
        text = each.sub(rf"\g<1>{REDACTED}", text)
    return text
