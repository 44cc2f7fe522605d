"""The commands that people type: how each is declared and loaded, and what all of them share.

`__main__` runs `app`, which reads `table`. The module of a command is imported when it is typed;
what it does is imported when it runs: so `--help` and `version` stay instant.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import typer
import typer.core
import typer.main
import typer.models

from controller.cli.table import COMMANDS, OWN_PROGRAM
from controller.cli.target import ClusterTarget

# The work of a command with its `session.Session`, whose module takes long to import; the answer
# is its exit code.
Work = Callable[[Any], Awaitable[int]]

MARKUP: Literal["markdown"] = "markdown"
# Options that may stand before the command, as with kubectl.
WITH_VALUE, ALONE = ("-n", "--namespace", "--context", "--kubeconfig"), ("-A", "--all-namespaces")

EXIT_CODES: dict[int, str] = {
    0: "the command did what was asked, or has nothing to say against that",
    1: "the command failed: an operation did not succeed, a condition came to the opposite",
    2: "the command line is wrong",
    3: "the API server refused: a permission is missing, or the content is not accepted",
    4: "what was named does not exist",
    5: "the command took longer than --timeout",
    6: "the cluster cannot be reached, or there is no kubeconfig that leads to one",
    130: "interrupted by Ctrl-C",
}

Kubeconfig = Annotated[
    str,
    typer.Option(
        "--kubeconfig", help="Path to the kubeconfig (default: $KUBECONFIG, then ~/.kube/config)."
    ),
]
Context = Annotated[
    str, typer.Option("--context", help="Context of the kubeconfig (default: the current one).")
]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="The namespace (default: that of the context).")
]
COMMON: tuple[tuple[str, Any], ...] = (
    ("namespace", Namespace),
    ("context", Context),
    ("kubeconfig", Kubeconfig),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CommandRight:
    """Verbs on resources that a command needs.

    `resource` lists those of a group before the group, "servers (argosy.dev)", and groups after
    each other with semicolons. `why` says what it is for where that is not plain; what has one is
    not needed for the rest. `everywhere` is for what is of no namespace, or of any.
    """

    verbs: str
    resource: str
    why: str = ""
    everywhere: bool = False

    def rules(self) -> list[dict[str, list[str]]]:
        """Return the rules of a Role, or of a ClusterRole, that grant it."""
        found = []
        for part in self.resource.split("; "):
            plurals, _, group = part.removesuffix(")").partition(" (")
            rule = {"apiGroups": [group], "resources": plurals.split(", ")}
            found.append({**rule, "verbs": self.verbs.split(", ")})
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A command as its module declares it: what typer calls, and what work that is.

    Where `make` is None it works on no cluster, and needs no `rights`.
    """

    run: Callable[..., None]
    make: Callable[..., Work] | None = None
    rights: tuple[CommandRight, ...] = ()


# The commands that have been declared; the module of each does so when it is imported.
_DECLARED: dict[str, Declared] = {}


def declared(name: str) -> Declared:
    """Return the declaration of a command."""
    importlib.import_module(f"controller.cli.commands.{COMMANDS[name].module}")
    return _DECLARED[name]


class _Loaded(Mapping[str, Any]):
    """The commands by name; each is loaded when it is taken."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            info = typer.models.CommandInfo(
                name=name, callback=declared(name).run, rich_help_panel=COMMANDS[name].section
            )
            self._made[name] = typer.main.get_command_from_info(
                info, pretty_exceptions_short=True, rich_markup_mode=MARKUP
            )
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(typer.core.TyperGroup):
    """The commands, each loaded when it is run, and which of two `run` is meant.

    `argosy run` has run the operator since the first image; `kubectl argosy run APPLICATION` gives
    an application steps to do. The first word after it tells them apart: nothing, or an option of
    the operator's, means the operator.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Loaded()  # type: ignore[assignment]  # nobody adds to it

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `-n`, `-A`, `--context` and `--kubeconfig` before the command, too."""
        return super().parse_args(ctx, _command_first(args))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what help and completion show of a command; `resolve_command` loads it."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        row = COMMANDS[cmd_name]
        return typer.core.TyperCommand(cmd_name, help=row.about, rich_help_panel=row.section)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` mean."""
        if args and args[0] == "run" and (_is_plugin(ctx) or not self._runs_operator(args[1:])):
            args = ["run-steps", *args[1:]]
        name, found, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if found is not None and name else None, rest

    def _runs_operator(self, words: list[str]) -> bool:
        if not words:
            return True
        known = {word for each in self.commands["run"].params for word in each.opts}
        return words[0].partition("=")[0] in {*known, "--help", "-h"}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands: as a plugin, without those of the operator."""
        hidden = OWN_PROGRAM if _is_plugin(ctx) else frozenset()
        return [each for each in COMMANDS if each not in hidden]


def _is_plugin(ctx: Any) -> bool:
    return str(ctx.find_root().info_name).startswith("kubectl")


def _command_first(args: list[str]) -> list[str]:
    """Return the words with the options before the command moved behind it, where it knows them."""
    taken = 0
    while taken < len(args) and args[taken].startswith("-"):
        word = args[taken]
        if word in WITH_VALUE:
            taken += 2
        elif word in ALONE or word.startswith((*(f"{each}=" for each in WITH_VALUE), "-n")):
            taken += 1
        else:
            return args
    return [*args[taken : taken + 1], *args[:taken], *args[taken + 1 :]]


app = typer.Typer(
    name="argosy",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def argosy() -> None:
    """Applications on fleets of servers: see them, ask them why, act on them."""


def command(
    *rights: CommandRight, name: str = ""
) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """Declare a command that works on a cluster: it gets `-n`, `--context` and `--kubeconfig`.

    The function returns what is to be done; it is done with a session of the cluster.
    """

    def declare(function: Callable[..., Work]) -> Callable[..., Work]:
        called = name or function.__name__.replace("_", "-")
        _DECLARED[called] = Declared(run=_connected(function), make=function, rights=rights)
        return function

    return declare


def local(function: Callable[..., None]) -> Callable[..., None]:
    """Declare a command that works on no cluster, or finds its own way to one."""
    _DECLARED[function.__name__] = Declared(run=function)
    return function


def _connected(function: Callable[..., Work]) -> Callable[..., None]:
    """Return `function` with the options of `COMMON`, which performs the work it returns."""

    def run(**values: Any) -> None:
        target = ClusterTarget(**{each: values.pop(each) for each, _ in COMMON})
        work = function(**values)
        # The modules that a session needs take long to import.
        from controller.cli import session  # noqa: PLC0415 - see above

        raise typer.Exit(session.perform(target, work))

    hints = typing.get_type_hints(function, include_extras=True)
    own = [
        each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(function).parameters.values()
    ]
    shared = [
        inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default="", annotation=kind)
        for each, kind in COMMON
    ]
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    run.__doc__ = function.__doc__
    run.__name__ = function.__name__
    return run
