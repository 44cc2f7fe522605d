"""The commands: of each the module that declares it, the section of the help, and one line.

`--help` and completion read only this. A new command is a file in `commands` and a line here.
"""

from __future__ import annotations

from typing import NamedTuple

SEE, ASK, ACT, OPERATOR = "See", "Ask why", "Act", "Operator"
SECTIONS = (SEE, ASK, ACT, OPERATOR)


class Row(NamedTuple):
    """A command: its module in `commands`, its section of the help, and the help's first line."""

    module: str
    section: str
    about: str


COMMANDS: dict[str, Row] = {
    "version": Row(
        "version", SEE, "Print the version of this command, and of the operators in the cluster."
    ),
    "status": Row(
        "status",
        SEE,
        "Show an application: components, servers, operations, and what it waits for.",
    ),
    "top": Row("top", SEE, "List applications, those in trouble first."),
    "history": Row(
        "history",
        SEE,
        "List the revisions of an application: target, proven, rejected, and who runs them.",
    ),
    "diff": Row(
        "diff", SEE, "Show what sets a revision apart from the one that servers should run."
    ),
    "events": Row(
        "events", SEE, "Show what happened to an application and its parts, the latest last."
    ),
    "logs": Row(
        "logs",
        SEE,
        "Print what servers print, merged, each line under its server's name; or a Build's.",
    ),
    "port-forward": Row(
        "port_forward",
        SEE,
        "Forward ports of this machine to a server, or by turns to those of a component.",
    ),
    "open": Row(
        "open_", SEE, "Open a server's page in the browser, by a port of this machine alone."
    ),
    "browse": Row(
        "browse",
        SEE,
        "Walk through applications in the terminal: their servers, why they are so, operations.",
    ),
    "dashboard": Row(
        "dashboard",
        SEE,
        "Show applications in the browser: for you alone, with your rights.",
    ),
    "mcp": Row(
        "mcp", SEE, "Answer an assistant's questions over standard input and output, read-only."
    ),
    "report": Row(
        "report",
        SEE,
        "Write a support bundle: objects, events, and the causes of trouble; no secrets.",
    ),
    "why": Row(
        "why",
        ASK,
        "Say why something is as it is: what it waits for, since when, what helps, what is next.",
    ),
    "explain": Row("why", ASK, "Do as `why`: argosy explain KIND NAME."),
    "plan": Row("plan", ASK, "Show what would change if this were applied; change nothing."),
    "restart": Row(
        "verbs", ACT, "Restart servers: each gets a new instance, in a cloud a stop and a start."
    ),
    "start": Row("verbs", ACT, "Start servers that were stopped."),
    "stop": Row("verbs", ACT, "Stop servers without losing what they are."),
    "replace": Row("verbs", ACT, "Replace what servers are made of, the ill ones too."),
    "snapshot": Row("verbs", ACT, "Take a snapshot of each server, where its fleet can."),
    "rollback": Row(
        "rollback",
        ACT,
        "Go back to an earlier revision that ran in good health; `history` lists them.",
    ),
    "run-steps": Row(
        "run_steps", ACT, "Run a command, or steps, in servers; `run APPLICATION` for short."
    ),
    "build": Row(
        "build", ACT, "Build the images of an application anew; each is used once it is built."
    ),
    "activate": Row(
        "activate", ACT, "Use the image of an earlier Build again, until a later one succeeds."
    ),
    "pause": Row(
        "pause",
        ACT,
        "Pause an application (nothing is changed; deletes still run), or an operation.",
    ),
    "resume": Row("resume", ACT, "Resume what was paused."),
    "cancel": Row(
        "cancel",
        ACT,
        "Cancel an operation, whose acts get their grace, or a Build: nothing new starts.",
    ),
    "retry": Row(
        "retry",
        ACT,
        "Let a failed or cancelled operation go on with the servers that it has not finished.",
    ),
    "hold": Row(
        "hold", ACT, "Hold a server, to look into it: rollouts and operations leave it alone."
    ),
    "release": Row("release", ACT, "Let go of a server that is held."),
    "force": Row(
        "force",
        ACT,
        "Take down by force what does not go: a server's instance, or all of an application's.",
    ),
    "retry-now": Row(
        "retry_now",
        ACT,
        "Try again at once what failed: forget backoffs, spent budgets and rejected revisions.",
    ),
    "scale": Row("scale", ACT, "Set how many servers a component has."),
    "import": Row(
        "import_",
        ACT,
        "Take over what a StatefulSet runs, as it runs, or a Deployment, within its budgets.",
    ),
    "export": Row(
        "export", ACT, "Give an application's pods to StatefulSets, as they run: the way out."
    ),
    "wait": Row(
        "wait",
        ACT,
        "Wait until something is ready, or an operation has succeeded, or it is gone.",
    ),
    "exec": Row(
        "exec",
        ACT,
        "Run a command in one server with this terminal, and end with the command's exit code.",
    ),
    "delete": Row(
        "delete", ACT, "Delete an application: show what goes, in order, ask, and see it gone."
    ),
    "run": Row(
        "run",
        OPERATOR,
        "Run the operator: one replica, which leads, stands by, or has its share of the work.",
    ),
    "serve-dashboard": Row(
        "serve_dashboard",
        OPERATOR,
        "Serve the dashboard to many: each sees what their own token may read.",
    ),
    "hooks": Row(
        "hooks", OPERATOR, "Receive webhooks: a signed push to a repository asks for a build."
    ),
    "crds": Row("crds", OPERATOR, "Print or write the CustomResourceDefinitions."),
    "uninstall": Row(
        "uninstall",
        OPERATOR,
        "Answer `helm uninstall`: refuse while applications exist, or let go of them.",
    ),
}
# What only whoever runs the operator needs is no part of the plugin.
OWN_PROGRAM = frozenset(name for name, row in COMMANDS.items() if row.section == OPERATOR)
