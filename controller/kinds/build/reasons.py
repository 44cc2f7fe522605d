"""The reasons that Builds alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class BuildReason(Vocabulary, section="Of Builds"):
    """The reasons that a Build gives."""

    RESOLVING = (
        "Resolving",
        "The commit that the source's ref names is being found; it is found once for each Build.",
    )
    BUILDING = (
        "Building",
        "The image is being built and pushed.",
    )
    TESTING = (
        "Testing",
        "The test of the component's source runs in the built image.",
    )
    UNCHANGED = (
        "Unchanged",
        "The commit is that of the latest image, so nothing was built.",
    )
    TEST_FAILED = (
        "TestFailed",
        "The test failed in the built image, so the image is not used; running servers stay.",
        "Read the log of the test, and push a commit that passes.",
        "kubectl argosy logs build/NAME",
    )
    SOURCE_UNAVAILABLE = (
        "SourceUnavailable",
        (
            "The commit could not be read: the repository did not answer, refused the credentials,"
            " or has no such ref."
        ),
        "Mend the source or its Secret, and ask for another Build.",
        "kubectl argosy build APPLICATION",
    )
    PUSH_REFUSED = (
        "PushRefused",
        "The image was built, and the registry did not take it.",
        "Mend the Secret that source.pushSecretRef names, and ask for another Build.",
        "kubectl argosy build APPLICATION",
    )
    REPOSITORY_NOT_ALLOWED = (
        "RepositoryNotAllowed",
        "The administrator allows no images of this namespace in the source's repository.",
        "Name a repository that the chart value build.allowedRepositories has.",
        "kubectl edit argapp APPLICATION",
    )
    NOT_SET_UP = (
        "BuildsNotSetUp",
        "The operator was given no daemon for the namespace, or no image of the program that asks.",
        "An administrator can set the chart values build.image, build.address and build.daemons.",
    )
    NO_SOURCE = (
        "NoSource",
        "The application does not exist, or has no such component with a source.",
        "Apply the application with a source, or delete the Build.",
        "kubectl argosy status APPLICATION",
    )
    NOT_TAKEN_UP = (
        "NotTakenUp",
        (
            "The application has not taken the Build up: somebody else controls the Build, or its"
            " number is ahead of the component's next one."
        ),
        "Delete it, and ask the application for a Build.",
        "kubectl argosy build APPLICATION",
    )
    WAITING_FOR_BUILD = (
        "WaitingForBuild",
        "An earlier Build of the component must end first, as source.runPolicy has it.",
        "Cancel the earlier one, or choose another policy.",
        "kubectl argosy cancel build/NAME",
    )
