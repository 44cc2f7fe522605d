"""Characters that steer a terminal, or turn text around, made visible where others wrote them.

Messages, Events and names of objects that anybody may write are shown to people who may do more.
All that is printed goes through here, whoever prints it.
"""

from __future__ import annotations

import re

# Of C0 the line feed and the tab stand; DEL, C1, and the controls of direction stand for nothing.
_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_FOUND = re.compile(_CONTROL)
# Colours alone move nothing, and are reset at the end of each line.
_COLOUR = r"\x1b\[[0-9;]*m"
_FOUND_OR_COLOUR = re.compile(f"({_COLOUR})|{_CONTROL}")
_CARET, _DELETE, _LATIN = 0x40, 0x7F, 0x100


def are_in(text: str) -> bool:
    """Return whether a text holds any."""
    return _FOUND.search(text) is not None


def visible(text: str, *, colours: bool = False) -> str:
    r"""Return a text in which they are seen, as ^[ or \x9b, and do nothing; `colours` may stay."""
    if not are_in(text):
        return text
    if colours:
        return _FOUND_OR_COLOUR.sub(lambda found: found[1] or _seen(found[0]), text)
    return _FOUND.sub(lambda found: _seen(found[0]), text)


def escaped(text: str) -> str:
    """Return a document in JSON with those in its strings written as JSON escapes them."""
    return _FOUND.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _seen(character: str) -> str:
    code = ord(character)
    if code < _CARET or code == _DELETE:
        return f"^{chr(code ^ _CARET)}"
    return f"\\x{code:02x}" if code < _LATIN else f"\\u{code:04x}"
