"""Mistakes about Builds: which commit, how often, whose image, and what a failure leaves."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_BUILDS = "tests/simulation/test_builds.py"
_FIRE = "tests/simulation/test_builds_under_fire.py"
_PARTS = "tests/kinds/build/test_build_parts.py"
_REFUSED = "tests/simulation/test_refused_jobs.py"
_INTERRUPTED = "tests/simulation/test_builds_interrupted.py"

MECHANISMS: tuple[Mechanism, ...] = (
    one(
        "a retry of a Build begins where the first attempt did",
        "controller.kinds.build.phases:again",
        "job_name(build, phase.name, attempt)",
        "phase.job",
        f"{_FIRE}::test_a_failure_that_may_pass_is_tried_again_with_the_same_commit",
    ),
    one(
        "a Build looks for its commit although one is named",
        "controller.kinds.build.phases:first",
        "BUILD if build.spec.commit else RESOLVE",
        "RESOLVE",
        f"{_FIRE}::test_a_request_names_a_commit_and_a_component",
    ),
    one(
        "a compile error is tried again",
        "controller.kinds.build.results:_failure",
        "ErrorClass.TRANSIENT if word.class_ == ErrorClass.TRANSIENT else ErrorClass.TERMINAL",
        "ErrorClass.TRANSIENT",
        f"{_BUILDS}::test_a_failed_build_leaves_what_runs",
    ),
    one(
        "an image is used whether or not its test has passed",
        "controller.kinds.build.phases:after",
        "TEST if phase == BUILD and build.spec.source.test is not None else ''",
        "''",
        f"{_BUILDS}::test_a_failing_test_leaves_what_runs",
    ),
    one(
        "a Build that waits keeps its turn when a later one is asked for",
        "controller.kinds.build.run_policies:overtaken_by",
        "not of(snapshot).makes_way_for_later",
        "True",
        f"{_BUILDS}::test_of_three_pushes_the_first_and_the_third_are_built",
    ),
    one(
        "an image of another source is used",
        "controller.planning.builds:good",
        "has_succeeded(each) and source_key(each.spec.source) == key",
        "has_succeeded(each)",
        f"{_PARTS}::test_the_highest_number_counts_and_not_the_latest_end",
    ),
    one(
        "a rollback is left when the same commit is built again",
        "controller.kinds.application.builds:_in_use",
        "stored is not None and rejection.read(stored) is not None",
        "False",
        f"{_FIRE}::test_a_rollback_holds_until_another_commit_is_built",
    ),
    one(
        "the image that is in use is forgotten with its Build",
        "controller.kinds.application.builds:_standing",
        "kept.built_from == bare.key and kept.image",
        "False",
        f"{_FIRE}::test_without_its_builds_a_component_changes_all_the_same",
    ),
    one(
        "a Job of a Build that was cancelled runs on",
        "controller.kinds.build.planner:_ending",
        "_runs(snapshot, each) and each.metadata.deletion_timestamp is None",
        "False",
        f"{_FIRE}::test_a_cancelled_build_ends_with_its_job",
    ),
    one(
        "a container that its Job ended is taken at its word",
        "controller.kinds.build.results:_early_word",
        "each.metadata.deletion_timestamp is None",
        "True",
        f"{_PARTS}::test_a_container_that_was_made_to_end_has_said_nothing",
    ),
    one(
        "a Build waits for its Job although the container has ended",
        "controller.kinds.build.results:read",
        "_early(job, pods, phase, now)",
        "None",
        f"{_BUILDS}::test_the_end_of_a_container_is_the_end_of_its_phase",
    ),
    one(
        "what people wrote is expanded by Kubernetes",
        "controller.kinds.build.jobs:_option",
        "f'--{name}={value}'.replace('$(', '$$(')",
        "f'--{name}={value}'",
        f"{_PARTS}::test_what_people_wrote_is_one_argument_and_stays_as_it_is",
    ),
    one(
        "a part of a repository's name is enough",
        "controller.planning.builders:Builder.allows",
        "wanted[:len(each)] == each",
        "repository.startswith('/'.join(each))",
        f"{_FIRE}::test_repositories_that_are_not_allowed_get_no_build",
    ),
    one(
        "a Build does not say who refuses its Job",
        "controller.kinds.build.planner:_make",
        "_told(snapshot, phase, refused=refused)",
        "_told(snapshot, phase)",
        f"{_REFUSED}::test_a_job_that_is_refused_is_told_and_asked_for_until_it_is_taken",
    ),
    one(
        "a Build whose Job is refused waits for ever",
        "controller.kinds.build.phases:time_left",
        "clock.parse(began) + seconds(build, phase.name) - now",
        "clock.parse(began) + 1000000000.0 - now",
        f"{_REFUSED}::test_the_time_of_a_phase_is_over_although_its_job_was_never_made",
    ),
    one(
        "a second attempt whose Job is refused has no time of its own",
        "controller.kinds.build.phases:time_left",
        "failed.time if failed is not None else phase.start_time",
        "phase.start_time",
        f"{_REFUSED}::test_the_time_of_a_phase_is_over_although_its_job_was_never_made",
    ),
    one(
        "an API server that is away counts as one that refuses",
        "controller.kinds.build.starts:refused",
        "(each for each in creates if each.event)",
        "creates",
        f"{_REFUSED}::test_an_api_server_that_is_away_refuses_nothing",
    ),
    one(
        "polls go by the clock of the API server",
        "controller.kinds.application.builds:_looked_at",
        "status.start_time or status.completion_time or build.metadata.creation_timestamp",
        "build.metadata.creation_timestamp",
        f"{_INTERRUPTED}::test_polls_are_as_far_apart_whatever_the_clock_of_the_api_server_says",
    ),
    one(
        "a Build that has ended does not say who keeps its Job",
        "controller.kinds.build.planner:_rest",
        "summary.with_obstacles(snapshot)",
        "snapshot.build.status",
        f"{_REFUSED}::test_a_job_that_may_not_be_ended_is_told_by_the_build_that_has_ended",
    ),
)
