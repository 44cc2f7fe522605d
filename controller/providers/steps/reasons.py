"""The reasons of steps that are the same everywhere: requests, Jobs, Secrets."""

from __future__ import annotations

from controller.reasons import Vocabulary


class StepReason(Vocabulary, section="Of the steps of operations"):
    """How a step went."""

    SECRET_MISSING = (
        "SecretMissing",
        "A Secret that a step names, or its key, does not exist or is no single line of text.",
        "Create the Secret, or name another one in the step.",
        "kubectl get secrets",
    )
    URL_REFUSED = (
        "UrlRefused",
        "The URL of a step leads where steps may not go.",
        "The message says which part; name another URL, or have the chart's values allow it.",
    )
    HEADER_REFUSED = (
        "HeaderRefused",
        "A step sets a header that it may not set, or one that cannot be sent.",
        "The message names the header; change the step.",
    )
    HTTP_FAILED = (
        "HttpFailed",
        "A request was answered with a status that its step does not expect, or with nothing.",
        "The message has the status; look at the service that was asked.",
    )
    HTTP_CROWDED = (
        "HttpCrowded",
        (
            "A request was not sent, as the requests of other steps that get no answer have all"
            " places, or half of them from its own namespace. It costs no attempt, and Argosy tries"
            " again."
        ),
    )
    HTTP_UNREACHABLE = (
        "HttpUnreachable",
        "No connection could be made to what a step asks.",
        "Look at the service that was asked; the step is tried again.",
    )
    ANSWER_LOST = (
        "AnswerLost",
        "A request was sent and its answer was lost, so its result is not known.",
        "onUnknown of the step says what becomes of it; the request carries an Idempotency-Key.",
    )
    JOB_FAILED = (
        "JobFailed",
        "The Job of a step failed.",
        "The output of the Job's pods tells why.",
        "kubectl get jobs -l argosy.dev/server=NAME",
    )
    JOB_TIMEOUT = (
        "JobTimeout",
        (
            "The Job of a step did not end within timeoutSeconds of the step, so its result is not"
            " known."
        ),
        "Give the step more time, or look at the Job.",
        "kubectl get jobs -l argosy.dev/server=NAME",
    )
    SERVICE_ACCOUNT_MISSING = (
        "ServiceAccountMissing",
        "The ServiceAccount that the template names does not exist yet.",
        "Create it; the default one of a new namespace comes by itself.",
        "kubectl get serviceaccounts",
    )
