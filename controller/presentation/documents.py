"""The data shown, as a document for programs: JSON or YAML, its fields named as the API names them.

`-o json` and `-o yaml` come here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from controller.presentation import control_characters

FORMS = ("json", "yaml")
WIDTH = 100


def document(value: Any, form: str) -> str:
    """Return `value` (dataclasses, structs or plain data) as JSON or YAML.

    Text that would steer a terminal is escaped: a program that reads the document gets it as it
    was.
    """
    plain = _plain(value)
    if form == "json":
        text = msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
        return control_characters.escaped(text)
    dumped = _yaml(plain, as_it_is=True)
    return _yaml(plain, as_it_is=False) if control_characters.are_in(dumped) else dumped


def _yaml(plain: Any, *, as_it_is: bool) -> str:
    dumped: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=as_it_is, width=WIDTH)
    return dumped.rstrip("\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            _camel(each.name): _plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return msgspec.to_builtins(value, str_keys=True)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
