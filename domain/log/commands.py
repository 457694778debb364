"""Commands on the log: given by the service's own command line, where both keys are at hand."""

from typing import Any, ClassVar

from domain.command import Command, Context, Standing
from domain.log.facts import KeyChanged, VerifierKey
from domain.log.state import Log
from domain.proof.note import Key
from domain.refusals import Invalid, WrongOrder
from domain.stream import Fact
from domain.values import Step


class ChangeLogKey(Command):
    """Change the log's signing key (thay khóa ký của nhật ký)."""

    stream: ClassVar[str] = "log"
    step: ClassVar[Step | None] = None
    name = "change-log-key"
    opens = True
    vi = "Thay khóa ký của nhật ký"
    en = "Change the log's signing key"

    before: VerifierKey
    now: VerifierKey

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By practice alone; the log is the whole service's."""
        return Standing(None, None, "VN", "")

    def decide(self, state: Log, ctx: Context) -> list[Fact]:
        """From the key that signs to one of the same log that never signed; nothing where that was done."""
        if state.keys[-2:] == (self.before, self.now):
            return []
        if state.keys and state.keys[-1] != self.before:
            raise WrongOrder(
                "Khóa đang ký không phải khóa này: đã được thay trước đó.",
                "This is not the key that signs: it was changed before.",
                field="before",
            )
        if self.now in (self.before, *state.keys) or Key.parse(self.before).name != Key.parse(self.now).name:
            raise Invalid(
                "Khóa mới phải chưa từng ký và mang tên của cùng nhật ký.",
                "The new key must be one that never signed, and bear the name of the same log.",
                field="now",
            )
        return [KeyChanged(before=self.before, now=self.now)]


COMMANDS: tuple[type[Command], ...] = (ChangeLogKey,)
