"""The commands: of each the module that declares it, the section of the help, and one line.

`--help` and completion read only this. A new command is a file in `commands` and a line here.
"""

from __future__ import annotations

from typing import NamedTuple

SEE, ASK, ACT, OPERATOR = "See", "Ask why", "Act", "Operator"
SECTIONS = (SEE, ASK, ACT, OPERATOR)


class CommandRow(NamedTuple):
    """A command: its module in `commands`, its section of the help, and the help's first line."""

    module: str
    section: str
    about: str


COMMANDS: dict[str, CommandRow] = {
    "version": CommandRow(
        "version", SEE, "Print the version of this command, and of the operators in the cluster."
    ),
    "status": CommandRow(
        "status",
        SEE,
        "Show an application: components, servers, operations, and what it waits for.",
    ),
    "top": CommandRow("top", SEE, "List applications, those in trouble first."),
    "history": CommandRow(
        "history",
        SEE,
        "List the revisions of an application: target, proven, rejected, and who runs them.",
    ),
    "diff": CommandRow(
        "diff", SEE, "Show what sets a revision apart from the one that servers should run."
    ),
    "events": CommandRow(
        "events", SEE, "Show what happened to an application and its parts, the latest last."
    ),
    "logs": CommandRow(
        "logs",
        SEE,
        "Print what servers print, merged, each line under its server's name; or a Build's.",
    ),
    "port-forward": CommandRow(
        "port_forward",
        SEE,
        "Forward ports of this machine to a server, or by turns to those of a component.",
    ),
    "open": CommandRow(
        "open_", SEE, "Open a server's page in the browser, by a port of this machine alone."
    ),
    "browse": CommandRow(
        "browse",
        SEE,
        "Walk through applications in the terminal: their servers, why they are so, operations.",
    ),
    "dashboard": CommandRow(
        "dashboard",
        SEE,
        "Show applications in the browser: for you alone, with your rights.",
    ),
    "mcp": CommandRow(
        "mcp", SEE, "Answer an assistant's questions over standard input and output, read-only."
    ),
    "report": CommandRow(
        "report",
        SEE,
        "Write a support bundle: objects, events, and the causes of trouble; no secrets.",
    ),
    "why": CommandRow(
        "why",
        ASK,
        "Say why something is as it is: what it waits for, since when, what helps, what is next.",
    ),
    "explain": CommandRow("why", ASK, "Do as `why`: argosy explain KIND NAME."),
    "plan": CommandRow("plan", ASK, "Show what would change if this were applied; change nothing."),
    "restart": CommandRow(
        "verbs", ACT, "Restart servers: each gets a new instance, in a cloud a stop and a start."
    ),
    "start": CommandRow("verbs", ACT, "Start servers that were stopped."),
    "stop": CommandRow("verbs", ACT, "Stop servers without losing what they are."),
    "replace": CommandRow("verbs", ACT, "Replace what servers are made of, the ill ones too."),
    "snapshot": CommandRow("verbs", ACT, "Take a snapshot of each server, where its fleet can."),
    "rollback": CommandRow(
        "rollback",
        ACT,
        "Go back to an earlier revision that ran in good health; `history` lists them.",
    ),
    "run-steps": CommandRow(
        "run_steps", ACT, "Run a command, or steps, in servers; `run APPLICATION` for short."
    ),
    "build": CommandRow(
        "build", ACT, "Build the images of an application anew; each is used once it is built."
    ),
    "activate": CommandRow(
        "activate", ACT, "Use the image of an earlier Build again, until a later one succeeds."
    ),
    "pause": CommandRow(
        "pause",
        ACT,
        "Pause an application (nothing is changed; deletes still run), or an operation.",
    ),
    "resume": CommandRow("resume", ACT, "Resume what was paused."),
    "cancel": CommandRow(
        "cancel",
        ACT,
        "Cancel an operation, whose acts get their grace, or a Build: nothing new starts.",
    ),
    "retry": CommandRow(
        "retry",
        ACT,
        "Let a failed or cancelled operation go on with the servers that it has not finished.",
    ),
    "hold": CommandRow(
        "hold", ACT, "Hold a server, to look into it: rollouts and operations leave it alone."
    ),
    "release": CommandRow("release", ACT, "Let go of a server that is held."),
    "force": CommandRow(
        "force",
        ACT,
        "Take down by force what does not go: a server's instance, or all of an application's.",
    ),
    "retry-now": CommandRow(
        "retry_now",
        ACT,
        "Try again at once what failed: forget backoffs, spent budgets and rejected revisions.",
    ),
    "scale": CommandRow("scale", ACT, "Set how many servers a component has."),
    "import": CommandRow(
        "import_",
        ACT,
        "Take over what a StatefulSet runs, as it runs, or a Deployment, within its budgets.",
    ),
    "export": CommandRow(
        "export", ACT, "Give an application's pods to StatefulSets, as they run: the way out."
    ),
    "wait": CommandRow(
        "wait",
        ACT,
        "Wait until something is ready, or an operation has succeeded, or it is gone.",
    ),
    "exec": CommandRow(
        "exec",
        ACT,
        "Run a command in one server with this terminal, and end with the command's exit code.",
    ),
    "delete": CommandRow(
        "delete", ACT, "Delete an application: show what goes, in order, ask, and see it gone."
    ),
    "run": CommandRow(
        "run",
        OPERATOR,
        "Run the operator: one replica, which leads, stands by, or has its share of the work.",
    ),
    "serve-dashboard": CommandRow(
        "serve_dashboard",
        OPERATOR,
        "Serve the dashboard to many: each sees what their own token may read.",
    ),
    "hooks": CommandRow(
        "hooks", OPERATOR, "Receive webhooks: a signed push to a repository asks for a build."
    ),
    "crds": CommandRow("crds", OPERATOR, "Print or write the CustomResourceDefinitions."),
    "uninstall": CommandRow(
        "uninstall",
        OPERATOR,
        "Answer `helm uninstall`: refuse while applications exist, or let go of them.",
    ),
}
# Commands that only whoever runs the operator needs are no part of the plugin.
OWN_PROGRAM = frozenset(name for name, row in COMMANDS.items() if row.section == OPERATOR)
