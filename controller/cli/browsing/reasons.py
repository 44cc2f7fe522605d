"""Why something is as it is, down to the leaf, with the command that helps."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Header, Static

from controller import errors
from controller.cli.browsing.page import Page, Safe, text
from controller.cli.drawing import answer
from controller.presentation import answers, control_characters, references
from controller.presentation.answers import Answer


class Why(Page):
    """The screen of an answer; it is as of when it was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Ask again"),
        Binding("y", "copy", "Copy the command"),
    ]

    def __init__(self, namespace: str, kind: str, name: str) -> None:
        super().__init__()
        self._namespace = namespace
        self._meant = references.parse([f"{kind}/{name}"])
        self._command = ""

    def compose(self) -> ComposeResult:
        """Yield what the screen consists of."""
        yield Header()
        with VerticalScroll(id="scroll"):
            yield Static(id="answer")
        yield Footer()

    def on_mount(self) -> None:
        """Ask at once."""
        self.query_one("#scroll").focus()
        self.action_again()

    def action_again(self) -> None:
        """Ask the API server."""
        self.query_one("#answer", Static).update(text(f"reading {self._meant} …"))
        self.run_worker(self._ask(), exclusive=True)

    def action_copy(self) -> None:
        """Copy the command that helps, where there is one."""
        if self._command:
            self.app.copy_to_clipboard(self._command)
            self.notify(self._command, title="Copied", markup=False)
        else:
            self.notify("There is no command that would help.", markup=False)

    async def _ask(self) -> None:
        shown = self.query_one("#answer", Static)
        try:
            found = await answers.read(self.browser.api, self._meant, self._namespace, self.now())
        except errors.ArgosyError as error:
            shown.update(text(str(error)))
            return
        self._command = control_characters.visible(_command(found))
        shown.update(Safe(answer.draw(found, self.now())))


def _command(found: Answer) -> str:
    """Return the command that helps, of whatever is nearest to the cause."""
    leaves = [each for each in answers.every(found) if not each.below]
    known = [each.command for each in (*leaves, found) if each.command]
    waits = [each.remedy for leaf in leaves for each in leaf.waits if each.remedy]
    return next(iter((*waits, *known)), "")
