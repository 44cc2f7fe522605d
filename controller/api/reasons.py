"""The reasons that more than one room gives: of every kind, of writes, of reading.

A reason that only one of them gives stands in that room's own `reasons.py`.
"""

from __future__ import annotations

from controller.reasons import ANY, Explanation, Vocabulary

# The kinds that mean something of their own by a reason that others give, too.
_SERVER, _OPERATION, _BUILD, _APPLICATION = "Server", "Operation", "Build", "Application"


class Reason(Vocabulary, section="Of more than one kind"):
    """The reasons that several kinds give, and whoever makes calls."""

    PENDING = (
        "Pending",
        "Argosy has not looked at the object yet.",
        "If it stays so, see whether the operator runs.",
        "kubectl get pods -A -l app.kubernetes.io/name=argosy",
    )
    AVAILABLE = (
        "Available",
        "Everything is as it was asked for, and available.",
    )
    PROGRESSING = (
        "Progressing",
        "Servers are being made or changed, or are coming up.",
    )
    PAUSED = (
        "Paused",
        (
            "Nothing new begins while spec.paused is true. Deletes still run, and acts under way"
            " come to their end."
        ),
        "Resume what is paused when it may go on.",
        "kubectl argosy resume application/NAME",
    )
    OBSERVED = (
        "Observed",
        (
            "The application says management: Observe, so nothing is made or changed for it outside"
            " Argosy's own kinds."
        ),
        "`plan` shows what would be done; say management: Full when that may be.",
        "kubectl edit argapp APPLICATION",
    )
    DELETING = (
        "Deleting",
        "The object is being deleted and waits for what is below it to be gone.",
        "blockedBy names what is left, and why.",
        "kubectl argosy why application/NAME",
    )
    NAMESPACE_TERMINATING = (
        "NamespaceTerminating",
        "The namespace is being deleted: nothing new can be made in it.",
    )
    UNKNOWN_FLEET = (
        "UnknownFleet",
        "The Fleet that the Application names does not exist, or its provider is not built in.",
        "Create the Fleet, or name one that there is.",
        "kubectl get argfleet",
    )
    FLEET_NOT_ALLOWED = (
        "FleetNotAllowed",
        "The Fleet does not allow applications of this namespace.",
        "An administrator can label the namespace as spec.allowedNamespaces of the Fleet asks.",
        "kubectl get argfleet NAME -o yaml",
    )
    FLEET_OPENING = (
        "FleetOpening",
        (
            "The provider of the Fleet is being opened, as when the operator starts or the Fleet"
            " has changed. Until that is done nothing is concluded about its servers."
        ),
    )
    CIRCUIT_OPEN = (
        "CircuitOpen",
        (
            "Many calls to the fleet's provider failed because it did not work, so nothing is made"
            " or changed for a while. Running servers go on running, deletes go on, and no attempt"
            " is counted. Where blockedBy names the Namespace, these are the calls for that"
            " namespace alone: its writes are not answered in time, as when a webhook is slow."
        ),
        (
            "Look at the provider, or at the webhooks of the namespace. One call is tried at the"
            " time that blockedBy names, then more."
        ),
        "kubectl get argfleet NAME -o yaml",
    )
    DOMAIN_CLOSED = (
        "DomainClosed",
        (
            "The failure domain that the server is to be in takes nothing new: it is Cordoned or"
            " Evacuating, or the fleet does not have it any more. Its set chooses another one, if"
            " one is Active."
        ),
        "Set the state of a failure domain of the fleet to Active, or add one.",
        "kubectl get argfleet NAME -o yaml",
    )
    EVICTION_ON_RECORD = (
        "EvictionOnRecord",
        (
            "A PodDisruptionBudget says that a server is being evicted, and its pod is there: it"
            " has yet to go, or its next one came up before the disruption controller had looked."
            " The server counts as down until it is known which, or that time is over."
        ),
        (
            "The wait ends by itself within two minutes. Were it to come back again and again, see"
            " whether the kube-controller-manager keeps up."
        ),
        "kubectl get poddisruptionbudgets -o yaml",
    )
    NAME_TAKEN = (
        "NameTaken",
        (
            "Something of the name that Argosy needs exists and belongs to somebody else. Argosy"
            " never takes it over; of its own, it takes up what it let go of."
        ),
        "blockedBy names the other object. Name the application or component differently.",
        "kubectl argosy why application/NAME",
    )
    OWNER_GONE = (
        "OwnerGone",
        (
            "The object of that name was left by an owner that is gone. The cluster collects it,"
            " and Argosy goes on by itself then."
        ),
        "If it stays, its finalizers may hold it.",
        "kubectl get pod NAME -o yaml",
    )
    KEPT_BY_OTHERS = (
        "KeptByOthers",
        (
            "Something that goes with what is deleted stays, as finalizers of somebody else's keep"
            " it. All else is taken down meanwhile, and after deletion.timeoutSeconds it is no"
            " longer waited for."
        ),
        "The message names them; whoever set them lifts them. Nothing else has to be deleted.",
        "kubectl get pvc NAME -o yaml",
    )
    LEFT_BEHIND = (
        "LeftBehind",
        (
            "Something of an application or component that is gone is still there, as finalizers of"
            " somebody else's keep it. The Event names both; Argosy no longer waits, as"
            " deletion.timeoutSeconds is over."
        ),
        "Whoever set the finalizers lifts them, and it goes by itself.",
        (
            "kubectl get pvc,services,poddisruptionbudgets,controllerrevisions,argbuild,jobs"
            " -l argosy.dev/application=NAME"
        ),
    )
    FAILED_CREATE = (
        "FailedCreate",
        (
            "Something could not be made; the Event says what, and why. There is one Event for each"
            " cause, not for each try."
        ),
        "status.blockedBy says what is in the way.",
        "kubectl argosy why application/NAME",
    )
    FAILED_DELETE = (
        "FailedDelete",
        "Something could not be deleted; the Event says what, and why.",
        "status.blockedBy says what is in the way.",
        "kubectl argosy why application/NAME",
    )
    NOT_STARTED = (
        "NotStarted",
        "Something that was asked for has not begun, and the cluster does not say why.",
        "Look at the object itself, and at whoever should have begun it.",
        "kubectl describe job NAME",
    )
    FAILED_UPDATE = (
        "FailedUpdate",
        "Something could not be changed; the Event says what, and why.",
        "status.blockedBy says what is in the way.",
        "kubectl argosy why application/NAME",
    )
    REFUSED = (
        "Refused",
        "The API server refused a write for good.",
        "The message says what must hold; change the Application accordingly.",
    )
    FORBIDDEN = (
        "Forbidden",
        "The operator lacks a permission that it needs, and asked more than once.",
        "See whether the chart's roles and bindings are all there: the RBAC page lists them.",
    )
    CONFLICT = (
        "Conflict",
        {
            ANY: Explanation(
                "An object changed while Argosy wrote it. Argosy reads it again, and then goes on."
            ),
            _OPERATION: Explanation(
                "Another operation acts on the same servers, and the two acts do not commute.",
                "Wait for the other operation, or cancel it.",
                "kubectl argosy cancel operation/NAME",
            ),
        },
    )
    NOT_FOUND = (
        "NotFound",
        "The object that is named does not exist.",
        "Create it, or name another one.",
    )
    UNREACHABLE = (
        "Unreachable",
        "The server's instance cannot be reached, so nothing is known of the server.",
        "Look at the node or machine it runs on; deletion.onTimeout decides how long to wait.",
    )
    MALFORMED = (
        "Malformed",
        (
            "The object is nested more than 100 levels deep, or was written past the schema, and"
            " cannot be read; what was made of it runs on, and the others go on."
        ),
        "The message names the field; put it right.",
    )
    INTERNAL_ERROR = (
        "InternalError",
        "Planning failed for this object alone, which is a fault of Argosy's; the others go on.",
        "Please report it, with the bundle that `argosy report` writes.",
        "kubectl argosy report",
    )
    STATUS_REFUSED = (
        "StatusRefused",
        "The API server refused the status that Argosy wrote; what else it says is of before.",
        "Upgrade the CRDs with the operator; if they are of one version, please report it.",
        "kubectl get crd applications.argosy.dev -o yaml",
    )
    SCALING = (
        "Scaling",
        "Servers are being added or taken away.",
    )
    ROLLING_OUT = (
        "RollingOut",
        "Servers are coming to the target revision.",
    )
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        "The rollout made no progress for progressDeadlineSeconds; no further server is touched.",
        "Change the template, or try again.",
        "kubectl argosy retry-now application/NAME",
    )
    FAILURE_BUDGET_SPENT = (
        "FailureBudgetSpent",
        (
            "More servers failed for good than failureBudget allows; no further server is made or"
            " changed."
        ),
        "Change the template, or try again.",
        "kubectl argosy retry-now application/NAME",
    )
    NOTHING_PROVEN = (
        "NothingProven",
        (
            "A rollback was due, but no earlier revision ever ran in good health, so the component"
            " halts instead."
        ),
        "Change the template, or try the same one again.",
        "kubectl argosy retry-now application/NAME",
    )
    SERVERS_FAILED = (
        "ServersFailed",
        "Some servers failed for good, within failureBudget; the others are as asked for.",
        "Ask each why, mend the cause, then try again.",
        "kubectl argosy retry-now application/NAME",
    )
    SERVERS_UNAVAILABLE = (
        "ServersUnavailable",
        "Servers at the target revision are not available.",
        "Ask each why.",
        "kubectl argosy why server/NAME",
    )
    REMEDIATION_HELD = (
        "RemediationHeld",
        (
            "So many servers are ill at once that the cause is likely not theirs: none is replaced"
            " until most are well again, or one has been ill for remediation.maxHoldSeconds."
        ),
        "Look at the network and the nodes.",
        "kubectl get nodes",
    )
    UNHEALTHY = (
        "Unhealthy",
        "The server was ready and is not any more. If it stays so, its ServerSet replaces it.",
        "The server's output may say why.",
        "kubectl argosy logs APPLICATION --server NAME",
    )
    CREATING = (
        "Creating",
        "The server's instance is being created.",
    )
    STARTING = (
        "Starting",
        "The server is being started.",
    )
    RUNNING = (
        "Running",
        {
            _SERVER: Explanation("The server runs, as asked."),
            _OPERATION: Explanation("The operation gives servers their turns."),
        },
    )
    STOPPED = (
        "Stopped",
        {
            ANY: Explanation(
                "All servers that are not available are stopped, as asked.",
                "Start them when they should run again.",
                "kubectl argosy start APPLICATION",
            ),
            _SERVER: Explanation(
                "The server is stopped, as asked.",
                "Start the server when it should run again.",
                "kubectl argosy start APPLICATION",
            ),
        },
    )
    HELD = (
        "Held",
        "A person holds the server to look into it, so nothing is done about its failure.",
        "Release it when it was looked into.",
        "kubectl argosy release server/NAME",
    )
    FAILED = (
        "Failed",
        {
            _SERVER: Explanation(
                "The server's instance failed or did not come up, and makes room for another"
                " attempt."
            ),
            _OPERATION: Explanation(
                "Too many servers failed, not all succeeded, or the request cannot be met, as the"
                " message says.",
                "failures, in the status, name servers, steps and messages; a retry goes on with"
                " the unfinished servers.",
                "kubectl argosy retry operation/NAME",
            ),
            _BUILD: Explanation(
                "The image could not be built.",
                "Read the log of the Build, and push a commit that builds.",
                "kubectl argosy logs build/NAME",
            ),
        },
    )
    WAITING = (
        "Waiting",
        {
            _OPERATION: Explanation(
                "The operation has not begun, or waits for another one.",
                "blockedBy says for whom; cancelling either ends the wait.",
                "kubectl argosy cancel operation/NAME",
            ),
            _BUILD: Explanation("The Build has not begun; blockedBy says what it waits for."),
        },
    )
    COMPLETED = (
        "Completed",
        {
            _SERVER: Explanation("All containers of the server ended, although it must go on."),
            _OPERATION: Explanation("The operation succeeded on every targeted server."),
            _BUILD: Explanation("The image was built, and the registry has it."),
            _APPLICATION: Explanation("The images of all components with a source are built."),
        },
    )
    EXEC_FAILED = (
        "ExecFailed",
        "A command ended with an exit status other than 0, or could not be started.",
        "The message has the last line that the command printed.",
        "kubectl argosy logs APPLICATION --server NAME",
    )
    CANCELLED = (
        "Cancelled",
        {
            _OPERATION: Explanation(
                "The operation was cancelled, and acts under way were ended. With onFailure Revert"
                " the message says what was undone, and what was not.",
                "A retry goes on with the unfinished servers.",
                "kubectl argosy retry operation/NAME",
            ),
            _BUILD: Explanation(
                "The Build was cancelled, and its Job was ended.",
                "Ask for another Build where the image is wanted after all.",
                "kubectl argosy build APPLICATION",
            ),
        },
    )
    SUPERSEDED = (
        "Superseded",
        {
            _OPERATION: Explanation(
                "A later operation asked for the same on the same servers before this one began."
            ),
            _BUILD: Explanation(
                "A later Build was asked for, or the component has another source by now."
            ),
        },
    )
    APPLICATION_DELETED = (
        "ApplicationDeleted",
        "The application was deleted, and this ended with it.",
    )
    TIMED_OUT = (
        "TimedOut",
        {
            _OPERATION: Explanation(
                "The operation's turn did not come within startDeadlineSeconds, or its end"
                " within timeoutSeconds.",
                "A retry goes on with the unfinished servers, and deadlines start again.",
                "kubectl argosy retry operation/NAME",
            ),
            _BUILD: Explanation(
                "A phase of the Build took longer than it may, or its Job was refused or its pod"
                " did not start for as long.",
                "Mend the cause, or give the source more time; then ask for another Build.",
                "kubectl argosy build APPLICATION",
            ),
        },
    )
    BUILD_FAILED = (
        "BuildFailed",
        (
            "The image of a component could not be built, and there is no earlier one, so the"
            " component is not made."
        ),
        "Read the log of the Build, and push a commit that builds.",
        "kubectl argosy logs build/NAME",
    )
