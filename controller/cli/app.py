"""The commands that people type: how each is declared, and what all of them share.

`__main__` runs `app`. A module of commands declares only names, options and help; what a command
does is imported when it runs, so that `--help` and `version` stay instant.
"""

from __future__ import annotations

import dataclasses
import inspect
import shlex
import typing
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
import typer.core

# What a command does with its `session.Session`, whose module takes long to import; the answer is
# its exit code.
Work = Callable[[Any], Awaitable[int]]

SEE = "See"
ASK = "Ask why"
ACT = "Act"

EXIT_CODES: dict[int, str] = {
    0: "it was done, or there is nothing to say against it",
    1: "it failed: an operation did not succeed, a condition came to the opposite",
    2: "the command line is wrong",
    3: "the API server refused it: a permission is missing, or the content is not accepted",
    4: "what was named does not exist",
    5: "it took longer than --timeout",
    6: "the cluster cannot be reached, or there is no kubeconfig that leads to one",
    130: "interrupted by Ctrl-C",
}

Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", help="The kubeconfig; $KUBECONFIG or ~/.kube/config if not.")
]
Context = Annotated[str, typer.Option("--context", help="The context of the kubeconfig.")]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="The namespace; the context's if not.")
]
COMMON: tuple[tuple[str, Any], ...] = (
    ("namespace", Namespace),
    ("context", Context),
    ("kubeconfig", Kubeconfig),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Right:
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
class Target:
    """The cluster and namespace that a command line names; empty is for what the context says."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""

    def typed(self, words: str) -> str:
        """Return a command of ours that means this cluster and namespace, to be typed as it is."""
        given = (
            ("-n", self.namespace),
            ("--context", self.context),
            ("--kubeconfig", self.kubeconfig),
        )
        where = "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)
        return f"kubectl argosy {words}{where}"


# The rights that each command needs: the reference page is made from it.
RIGHTS: dict[str, tuple[Right, ...]] = {}
# What makes the work of each command of its arguments and options.
MAKERS: dict[str, Callable[..., Work]] = {}


class Commands(typer.core.TyperGroup):
    """The commands, and which of two `run` is meant.

    `argosy run` has run the operator since the first image; `kubectl argosy run APPLICATION` gives
    an application steps to do. The first word after it tells them apart: nothing, or an option of
    the operator's, means the operator.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` mean."""
        if args and args[0] == "run" and (_is_plugin(ctx) or not self._runs_operator(args[1:])):
            args = ["run-steps", *args[1:]]
        return super().resolve_command(ctx, args)

    def _runs_operator(self, words: list[str]) -> bool:
        if not words:
            return True
        known = {word for each in self.commands["run"].params for word in each.opts}
        return words[0].partition("=")[0] in {*known, "--help", "-h"}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands: as a plugin, without those of the operator."""
        names = super().list_commands(ctx)
        hidden = {"run", "crds", "uninstall"} if _is_plugin(ctx) else set()
        panels = {panel: place for place, panel in enumerate((SEE, ASK, ACT))}

        def place(name: str) -> int:
            return panels.get(str(getattr(self.commands[name], "rich_help_panel", "")), len(panels))

        return sorted((each for each in names if each not in hidden), key=place)


def _is_plugin(ctx: Any) -> bool:
    return str(ctx.find_root().info_name).startswith("kubectl")


app = typer.Typer(
    name="argosy",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Applications on fleets of servers: see them, ask them why, act on them.",
)


def command(
    panel: str, *rights: Right, name: str = "", **settings: Any
) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """Declare a command that works on a cluster: it gets `-n`, `--context` and `--kubeconfig`.

    The function returns what is to be done; it is done with a session of the cluster.
    """

    def declare(function: Callable[..., Work]) -> Callable[..., Work]:
        called = name or function.__name__.replace("_", "-")
        RIGHTS[called] = rights
        MAKERS[called] = function
        app.command(called, rich_help_panel=panel, **settings)(_connected(function))
        return function

    return declare


def _connected(function: Callable[..., Work]) -> Callable[..., None]:
    """Return `function` with the options of `COMMON`, which performs the work it returns."""

    def run(**values: Any) -> None:
        target = Target(**{each: values.pop(each) for each, _ in COMMON})
        work = function(**values)
        # What a session needs takes long to import.
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


@app.command(rich_help_panel=SEE)
def version() -> None:
    """Print the version of this command.

    Example: argosy version
    """
    from importlib import metadata  # noqa: PLC0415 - takes long to import

    typer.echo(metadata.version("argosy"))
