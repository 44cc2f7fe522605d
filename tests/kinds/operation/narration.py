"""A whole operation as prose: what a bystander would write down while it is played on a stage."""

from __future__ import annotations

from tests.kinds.golden_files import hold
from tests.kinds.operation.stage import Stage


class Narrator:
    """Writes down whatever changes on a stage, with the seconds since the story began."""

    def __init__(self, stage: Stage, title: str) -> None:
        self.lines = [title, ""]
        self._stage = stage
        self._before: dict[str, str] = {}
        self._began = stage.now
        self._look()
        stage.watchers.append(lambda _: self._look())

    def say(self, text: str) -> None:
        """Write down what a person does."""
        self.lines.append(f"{self._stage.now - self._began:6.1f}s  {text}")

    def _look(self) -> None:
        now = {**self._operations(), **self._servers()}
        for subject, what in now.items():
            if self._before.get(subject) != what:
                self.say(f"{subject}: {what}")
        for subject in sorted(self._before.keys() - now.keys()):
            self.say(f"{subject}: gone")
        self._before = now

    def _operations(self) -> dict[str, str]:
        told = {}
        for name in self._stage.operations:
            status = self._stage.status(name)
            progress = f" {status.progress}" if status.progress else ""
            behind = "".join(f", behind {each.object}" for each in status.blocked_by)
            told[f"operation {name}"] = f"{self._stage.reason(name)}{progress}{behind}"
        return told

    def _servers(self) -> dict[str, str]:
        told = {}
        for name, server in self._stage.servers.items():
            words = [f"incarnation {server.spec.incarnation}", server.spec.power.lower()]
            words.append("down" if name in self._stage.down() else "up")
            task, result = server.spec.task, server.status.task
            if task is not None:
                known = result is not None and result.id == task.id
                state = result.state if known and result is not None else "Pending"
                words.append(f"{task.operation}'s {task.step} {state.lower()}")
            told[name] = ", ".join(words)
        return told


def check(narrator: Narrator, name: str) -> None:
    """Hold the story to the one on record."""
    hold(name, "\n".join(narrator.lines) + "\n")
