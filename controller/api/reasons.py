"""Every reason that a condition, an Event or `blockedBy` may give: what it means, what to do.

The one list. Planners and providers take their words from here, and the page "When things go
wrong" is generated from it, so that no reason is ever undocumented.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping


class Reason(enum.StrEnum):
    """One word for programs; `DESCRIPTIONS` has the sentences for people."""

    # Everything.
    PENDING = "Pending"
    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    DELETING = "Deleting"
    ORPHANED = "Orphaned"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    UNKNOWN_FLEET = "UnknownFleet"
    FLEET_NOT_ALLOWED = "FleetNotAllowed"
    NAME_TAKEN = "NameTaken"
    REFUSED = "Refused"
    # Applications.
    WAITING_FOR_DEPENDENCY = "WaitingForDependency"
    ROLLED_BACK = "RolledBack"
    NOTHING_PROVEN = "NothingProven"
    REPLICAS_OVERRIDDEN = "ReplicasOverridden"
    CLAIMS_DELETED = "ClaimsDeleted"
    CLAIMS_KEPT = "ClaimsKept"
    # ServerSets.
    SCALING = "Scaling"
    ROLLING_OUT = "RollingOut"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    FAILURE_BUDGET_SPENT = "FailureBudgetSpent"
    SERVERS_FAILED = "ServersFailed"
    SERVERS_UNAVAILABLE = "ServersUnavailable"
    REMEDIATION_HELD = "RemediationHeld"
    REMEDIATED = "Remediated"
    # Servers.
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    UNHEALTHY = "Unhealthy"
    UNREACHABLE = "Unreachable"
    RUNNING = "Running"
    STOPPED = "Stopped"
    STOPPING = "Stopping"
    STARTING = "Starting"
    CREATING = "Creating"
    CHANGING = "Changing"
    REPLACING = "Replacing"
    TERMINATING = "Terminating"
    BACKING_OFF = "BackingOff"
    FAILED = "Failed"
    HELD = "Held"
    TEARDOWN_BLOCKED = "TeardownBlocked"
    ABANDONED = "Abandoned"
    # Operations.
    WAITING = "Waiting"
    CONFLICT = "Conflict"
    NOT_FOUND = "NotFound"
    NOTHING_TARGETED = "NothingTargeted"
    CHECKPOINTS_FULL = "CheckpointsFull"
    STARTED = "Started"
    RETRIED = "Retried"
    CANCELLING = "Cancelling"
    REVERTING = "Reverting"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    REVERTED = "Reverted"
    TIMED_OUT = "TimedOut"
    SUPERSEDED = "Superseded"
    APPLICATION_DELETED = "ApplicationDeleted"
    # Fleets.
    CIRCUIT_OPEN = "CircuitOpen"
    INVALID_SETTINGS = "InvalidSettings"
    # What is refused, or cannot be read.
    FORBIDDEN = "Forbidden"
    TEMPLATE_REFUSED = "TemplateRefused"
    NOT_SUPPORTED = "NotSupported"
    MALFORMED = "Malformed"
    INTERNAL_ERROR = "InternalError"
    STATUS_REFUSED = "StatusRefused"
    # What pods say of themselves; these words are Kubernetes' own, but for the last three.
    UNSCHEDULABLE = "Unschedulable"
    SCHEDULING_GATED = "SchedulingGated"
    CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError"
    ERR_IMAGE_NEVER_PULL = "ErrImageNeverPull"
    ERR_IMAGE_PULL = "ErrImagePull"
    IMAGE_INSPECT_ERROR = "ImageInspectError"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    INVALID_IMAGE_NAME = "InvalidImageName"
    POST_START_HOOK_ERROR = "PostStartHookError"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    RUN_CONTAINER_ERROR = "RunContainerError"
    ERROR = "Error"
    NODE_LOST = "NodeLost"
    NODE_SILENT = "NodeSilent"
    FINALIZERS = "Finalizers"


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What a reason means, and what can be done about it (empty where nothing need be).

    `command` can be typed as it is once NAME is the object's own, or that of one below it.
    """

    meaning: str
    remedy: str = ""
    command: str = ""


DESCRIPTIONS: Mapping[Reason, Description] = {
    Reason.PENDING: Description(
        "Argosy has not looked at the object yet.",
        "If it stays so, see whether the operator runs.",
        "kubectl get pods -A -l app.kubernetes.io/name=argosy",
    ),
    Reason.AVAILABLE: Description("Everything is as it was asked for, and available."),
    Reason.PROGRESSING: Description("Servers are being made or changed, or are coming up."),
    Reason.PAUSED: Description(
        "Nothing new begins while spec.paused is true. Of an application, deletes still run; of an"
        " operation, acts under way come to their end.",
        "Resume it when it may go on.",
        "kubectl argosy resume application/NAME",
    ),
    Reason.DELETING: Description(
        "The object is being deleted and waits for what is below it to be gone.",
        "blockedBy names what is left, and why.",
        "kubectl argosy why application/NAME",
    ),
    Reason.ORPHANED: Description(
        "The Application that controlled the object is gone, so nothing is made or changed.",
        "Delete the object, or what is left of it, by hand.",
    ),
    Reason.NAMESPACE_TERMINATING: Description(
        "The namespace is being deleted: nothing new can be made in it."
    ),
    Reason.UNKNOWN_FLEET: Description(
        "The Fleet that the Application names does not exist, or its provider is not built in.",
        "Create the Fleet, or name one that there is.",
        "kubectl get argfleet",
    ),
    Reason.FLEET_NOT_ALLOWED: Description(
        "The Fleet does not allow applications of this namespace.",
        "An administrator can label the namespace as spec.allowedNamespaces of the Fleet asks.",
    ),
    Reason.NAME_TAKEN: Description(
        "Something of the name that Argosy needs exists and belongs to somebody else."
        " Argosy never takes it over.",
        "Delete or rename the other object, or name the application or component differently.",
    ),
    Reason.REFUSED: Description(
        "The API server refused a write for good.",
        "The message says what must hold; change the Application accordingly.",
    ),
    Reason.WAITING_FOR_DEPENDENCY: Description(
        "A component waits until those that it depends on are available at their target.",
        "Ask it what those wait for.",
        "kubectl argosy why application/NAME",
    ),
    Reason.ROLLED_BACK: Description(
        "The revision that was asked for missed its deadline or spent its failure budget, so the"
        " last proven one runs in its place.",
        "Change the template, or try the same one again.",
        "kubectl argosy retry-now application/NAME",
    ),
    Reason.NOTHING_PROVEN: Description(
        "A rollback was due, but no earlier revision ever ran in good health, so the component"
        " halts instead.",
        "Change the template, or try the same one again.",
        "kubectl argosy retry-now application/NAME",
    ),
    Reason.REPLICAS_OVERRIDDEN: Description(
        "Somebody scaled a ServerSet whose replicas the Application names: the Application wins.",
        "Change replicas in the Application, or leave them out there to let others scale.",
    ),
    Reason.CLAIMS_DELETED: Description(
        "Claims of servers that are gone are being deleted, as whenDeleted or whenScaled says, and"
        " the data on their volumes with them.",
    ),
    Reason.CLAIMS_KEPT: Description(
        "Claims outlive the servers that they were made for, with their data. Servers of the same"
        " names would use them again.",
        "Delete those whose data nobody needs any more.",
        "kubectl get pvc -l argosy.dev/application=NAME",
    ),
    Reason.SCALING: Description("Servers are being added or taken away."),
    Reason.ROLLING_OUT: Description("Servers are coming to the target revision."),
    Reason.PROGRESS_DEADLINE_EXCEEDED: Description(
        "The rollout made no progress for progressDeadlineSeconds; no further server is touched.",
        "Change the template, or try again.",
        "kubectl argosy retry-now application/NAME",
    ),
    Reason.FAILURE_BUDGET_SPENT: Description(
        "More servers failed for good than failureBudget allows; no further server is made or"
        " changed.",
        "Change the template, or try again.",
        "kubectl argosy retry-now application/NAME",
    ),
    Reason.SERVERS_FAILED: Description(
        "Some servers failed for good, within failureBudget; the others are as asked for.",
        "Ask each why, mend the cause, then try again.",
        "kubectl argosy retry-now application/NAME",
    ),
    Reason.SERVERS_UNAVAILABLE: Description(
        "Servers at the target revision are not available.",
        "Ask each why.",
        "kubectl argosy why server/NAME",
    ),
    Reason.REMEDIATION_HELD: Description(
        "So many servers are ill at once that the cause is likely not theirs: none is replaced"
        " until most are well again.",
        "Look at the network and the nodes first; then they can be replaced all the same.",
        "kubectl argosy replace APPLICATION",
    ),
    Reason.REMEDIATED: Description("A server that stayed unhealthy is being replaced."),
    Reason.ATTEMPTS_EXHAUSTED: Description(
        "Every alternative of the server was tried as often as recovery.attempts allows: the"
        " server failed for good.",
        "The server's message says why; mend that, then try again.",
        "kubectl argosy retry-now server/NAME",
    ),
    Reason.UNHEALTHY: Description(
        "The server was ready and is not any more. If it stays so, its ServerSet replaces it.",
        "What it printed may say why.",
        "kubectl argosy logs APPLICATION --server NAME",
    ),
    Reason.UNREACHABLE: Description(
        "What the server is made of cannot be reached, so nothing is known of it.",
        "Look at the node or machine it runs on; deletion.onTimeout decides how long to wait.",
    ),
    Reason.RUNNING: Description(
        "As asked: the server runs, or the operation gives servers their turns."
    ),
    Reason.STOPPED: Description(
        "The server is stopped, as asked, or all are that are not available.",
        "Start it when it should run again.",
        "kubectl argosy start APPLICATION",
    ),
    Reason.STOPPING: Description("The server is being stopped."),
    Reason.STARTING: Description("The server is being started."),
    Reason.CREATING: Description("What the server is made of is being made."),
    Reason.CHANGING: Description(
        "The server is being changed in place, and counts as unavailable until that is complete."
    ),
    Reason.REPLACING: Description(
        "What the server was made of makes room for its new incarnation or revision."
    ),
    Reason.TERMINATING: Description("What the server was made of is on its way out."),
    Reason.BACKING_OFF: Description(
        "The last attempt failed; the next one comes after a while, at nextAttemptTime.",
        "The message says why; it can be tried at once.",
        "kubectl argosy retry-now server/NAME",
    ),
    Reason.FAILED: Description(
        "What the server was made of failed; or the operation did, as too many servers failed or"
        " not all succeeded.",
        "failures, in the status of an operation, name servers, steps and messages; a retry goes on"
        " with the unfinished ones.",
        "kubectl argosy retry operation/NAME",
    ),
    Reason.HELD: Description(
        "A person holds the server to look into it, so nothing is done about its failure.",
        "Release it when it was looked into.",
        "kubectl argosy release server/NAME",
    ),
    Reason.TEARDOWN_BLOCKED: Description(
        "What the server is made of does not go, or cannot be reached.",
        "Wait, or take it down by force; onTimeout Abandon leaves it behind, on record.",
        "kubectl argosy force server/NAME",
    ),
    Reason.ABANDONED: Description(
        "What the server was made of could not be reached, and was let go as onTimeout says.",
        "It is on record on its Fleet, and torn down when it can be reached again.",
    ),
    Reason.WAITING: Description(
        "The operation has not begun, or waits for another one.",
        "blockedBy says for whom; cancelling either ends the wait.",
        "kubectl argosy cancel operation/NAME",
    ),
    Reason.CONFLICT: Description(
        "Another operation acts on the same servers, and the two acts do not commute.",
        "Wait for the other one, or cancel it.",
        "kubectl argosy cancel operation/NAME",
    ),
    Reason.NOT_FOUND: Description(
        "What the object names does not exist.", "Create it, or name another one."
    ),
    Reason.NOTHING_TARGETED: Description(
        "The operation names a component or ordinals that its application does not have, or all"
        " servers that it names are held.",
        "Name servers that there are, or let go of those that are held.",
        "kubectl argosy status APPLICATION",
    ),
    Reason.CHECKPOINTS_FULL: Description(
        "The servers remember the steps of so many operations that may still go on or be retried"
        " that there is no room for another one's.",
        "Delete operations that need no retry any more.",
        "kubectl delete argop NAME",
    ),
    Reason.STARTED: Description("The operation has begun."),
    Reason.RETRIED: Description("A retry takes the operation up where it stopped."),
    Reason.CANCELLING: Description(
        "Acts under way are being ended, for at most cancelGraceSeconds."
    ),
    Reason.REVERTING: Description("What the operation did is being undone, the last step first."),
    Reason.COMPLETED: Description("The operation succeeded on every targeted server."),
    Reason.CANCELLED: Description(
        "The operation was cancelled; acts under way were ended.",
        "A retry goes on with the unfinished servers.",
        "kubectl argosy retry operation/NAME",
    ),
    Reason.REVERTED: Description(
        "The operation failed, and what it had done was undone.",
        "failures, in its status, say why it failed.",
    ),
    Reason.TIMED_OUT: Description(
        "The operation's turn did not come within startDeadlineSeconds, or it did not end within"
        " timeoutSeconds.",
        "A retry goes on with the unfinished servers, and deadlines start again.",
        "kubectl argosy retry operation/NAME",
    ),
    Reason.SUPERSEDED: Description(
        "A later operation asked for the same on the same servers before this one began."
    ),
    Reason.APPLICATION_DELETED: Description("The application was deleted, so the operation ended."),
    Reason.CIRCUIT_OPEN: Description(
        "Many calls to the fleet's provider failed in a row, so none is made for a while.",
        "Look at the provider; calls are tried again by themselves.",
    ),
    Reason.INVALID_SETTINGS: Description(
        "What the Fleet says of its provider does not fit that provider.",
        "The message names the field; an administrator can change the Fleet.",
        "kubectl edit argfleet NAME",
    ),
    Reason.FORBIDDEN: Description(
        "The operator lacks a permission that it needs, and asked more than once.",
        "See whether the chart's roles and bindings are all there: the RBAC page lists them.",
    ),
    Reason.TEMPLATE_REFUSED: Description(
        "The template is not one that the provider, or the API server, takes.",
        "The message says what must hold; change the template accordingly.",
        "kubectl edit argapp APPLICATION",
    ),
    Reason.NOT_SUPPORTED: Description(
        "The fleet's provider cannot do what is asked, such as a snapshot of a pod.",
        "Use another act, or a fleet whose provider can.",
    ),
    Reason.MALFORMED: Description(
        "The object is nested more than 100 levels deep, or was written past the schema, and cannot"
        " be read; what was made of it runs on, and the others go on.",
        "The message names the field; put it right, or delete the object.",
    ),
    Reason.STATUS_REFUSED: Description(
        "The API server refused the status that Argosy wrote; what else it says is of before.",
        "Upgrade the CRDs with the operator; if they are of one version, please report it.",
        "kubectl get crd applications.argosy.dev -o yaml",
    ),
    Reason.INTERNAL_ERROR: Description(
        "Planning failed for this object alone, which is a fault of Argosy's; the others go on.",
        "Please report it, with the bundle that `argosy report` writes.",
        "kubectl argosy why application/NAME",
    ),
    Reason.UNSCHEDULABLE: Description(
        "No node has room for the pod, or none may take it.",
        "The message counts the nodes by what stands in the way; add nodes, or ask for less.",
        "kubectl describe pod NAME",
    ),
    Reason.SCHEDULING_GATED: Description(
        "The pod's template has scheduling gates, and nobody has opened them yet.",
        "Whoever set them lifts them.",
        "kubectl describe pod NAME",
    ),
    **{
        reason: Description(meaning, remedy, command)
        for reasons, meaning, remedy, command in (
            (
                (Reason.CRASH_LOOP_BACK_OFF, Reason.ERROR, Reason.RUN_CONTAINER_ERROR),
                "A container ends, or does not begin; Kubernetes starts it again after a while.",
                "Its last words tell why.",
                "kubectl argosy logs APPLICATION --server NAME --previous",
            ),
            (
                (
                    Reason.ERR_IMAGE_PULL,
                    Reason.IMAGE_PULL_BACK_OFF,
                    Reason.ERR_IMAGE_NEVER_PULL,
                    Reason.IMAGE_INSPECT_ERROR,
                    Reason.INVALID_IMAGE_NAME,
                    Reason.REGISTRY_UNAVAILABLE,
                ),
                "The image cannot be had: its name, the registry, or the right to pull it.",
                "Look at the name and the pull secrets; then change the template.",
                "kubectl describe pod NAME",
            ),
            (
                (Reason.CREATE_CONTAINER_CONFIG_ERROR, Reason.CREATE_CONTAINER_ERROR),
                "The container names something that is not there: a Secret, a ConfigMap, a key.",
                "Create it, or change the template.",
                "kubectl describe pod NAME",
            ),
        )
        for reason in reasons
    },
    Reason.POST_START_HOOK_ERROR: Description(
        "The container's postStart hook failed.",
        "Its events tell how.",
        "kubectl describe pod NAME",
    ),
    Reason.NODE_LOST: Description(
        "The pod's node is gone or does not confirm that the pod has ended.",
        "Bring the node back, or delete it: its pods then go.",
        "kubectl get nodes",
    ),
    Reason.NODE_SILENT: Description(
        "The pod's node does not answer, so nothing is known of the pod.",
        "Look at the node; deletion.onTimeout decides how long a teardown waits.",
        "kubectl get nodes",
    ),
    Reason.FINALIZERS: Description(
        "The pod is held by finalizers of somebody else's.",
        "The message names them; whoever set them lifts them.",
        "kubectl get pod NAME -o yaml",
    ),
}
