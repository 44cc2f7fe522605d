"""Mistakes of what builds from source: credentials, failures, and who may ask for a build."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_PROGRAMS = "tests/forge/test_programs.py"
_FAILURES = "tests/forge/test_failures.py"
_SECRET = f"{_PROGRAMS}::test_credentials_are_given_and_never_shown"

_JOBS = (
    one(
        "a Job's log has what git says, credentials included",
        "controller.forge.programs:_shown",
        "credentials.redacted(text)",
        "text",
        _SECRET,
    ),
    one(
        "users and passwords in URLs are shown",
        "controller.forge.credentials:Credentials.redacted",
        "_USERINFO.sub(f'{HIDDEN}@', text)",
        "text",
        _SECRET,
    ),
    one(
        "a branch is whatever ends like it",
        "controller.forge.source:resolve",
        "[f'refs/heads/{ref}', f'refs/tags/{ref}^{{}}', f'refs/tags/{ref}', ref]",
        "[f'refs/heads/old/{ref}', f'refs/heads/{ref}']",
        f"{_PROGRAMS}::test_a_ref_is_resolved_as_git_clone_would",
    ),
    one(
        "what a step prints is taken for a lost network",
        "controller.forge.failures:of_build",
        "_STEP.search(cause)",
        "None",
        f"{_FAILURES}::test_what_a_step_prints_cannot_make_its_failure_pass",
    ),
    one(
        "a build goes on when its Job is ended",
        "controller.forge.programs:run",
        "child.terminate()",
        "None",
        f"{_PROGRAMS}::test_a_polite_end_ends_the_child_too",
    ),
)

_RECEIVER = "tests/hooks/test_receiver.py"
_HOOKS = (
    one(
        "whoever has no secret may sign with the one of nobody",
        "controller.hooks.signatures:is_signed",
        "signed and bool(key)",
        "signed or not key",
        f"{_RECEIVER}::test_a_secret_that_could_be_guessed_is_none",
    ),
    one(
        "a signature of long ago is taken",
        "controller.hooks.signatures:_is_standard",
        "any(right) and timely",
        "any(right)",
        f"{_RECEIVER}::test_a_signature_of_another_time_is_refused",
    ),
    one(
        "bodies that are never sent to their end fill the memory",
        "controller.hooks.bodies:BodyMemory._make_room",
        "self._held > self._most",
        "False",
        f"{_RECEIVER}::test_bodies_that_fill_the_memory_make_room_for_small_ones",
    ),
    one(
        "reviews that are never sent to their end fill the memory",
        "controller.wiring.webhook:AdmissionServer.__init__",
        "bodies.BodyMemory(MOST)",
        "bodies.BodyMemory()",
        "tests/wiring/test_webhook.py::test_reviews_that_fill_the_memory_make_room_for_small_ones",
    ),
    one(
        "reviews fill the memory once they are read",
        "controller.hooks.bodies:BodyMemory._gather",
        "return bytes(parts)",
        "self._held, body.held = self._held - body.held, 0; return bytes(parts)",
        "tests/wiring/test_webhook.py::test_reviews_that_are_being_answered_count_as_well",
    ),
    one(
        "the time of a webhook is any text of digits",
        "controller.hooks.signatures:_is_standard",
        "tags.number(when)",
        "int(when)",
        f"{_RECEIVER}::test_a_time_that_is_none_is_refused",
    ),
    one(
        "any branch of the repository asks for a build",
        "controller.hooks.pushes:Push.concerns",
        "bool(self.ref) and ref in names and (place(url) in self.repositories)",
        "place(url) in self.repositories",
        f"{_RECEIVER}::test_an_unknown_repository_or_ref_asks_for_nothing",
    ),
)

MECHANISMS: tuple[Mechanism, ...] = (*_JOBS, *_HOOKS)
