"""What comes next in a session: whose turn it is, and who still owes a sheet."""

from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.product.outlook import Task
from domain.session.command import scorers
from domain.session.state import Session, Stage

_NEXT: dict[Stage, str] = {
    Stage.CALLED: "open-scoring",
    Stage.SCORING: "close-scoring",
    Stage.OPENED: "conclude-session",
}
"""Stage → the secretary's next act."""


def owing(session: Session) -> frozenset[str]:
    """Members who have not handed in every sheet of the round."""
    return frozenset(
        member
        for product in session.scoring
        for member in scorers(session, product)
        if (product, member) not in session.sealed
    )


def session_tasks(session: Session, law: LawBook) -> tuple[Task, ...]:
    """Open tasks of a session; sheets are owed by the members whom ``owing`` names."""
    following = _NEXT.get(session.stage)
    if following is None:
        return ()
    if following == "open-scoring" and session.form == "meeting" and not session.attendance_taken:
        following = "record-attendance"
    commands = [following, "submit-score-sheet"] if session.stage is Stage.SCORING else [following]
    first = next(iter(session.agenda.values()))
    regime, province = law.regimes[first.regime], province_of_area(session.area)
    found = [(c, law.competence(c, province, regime, session.level)) for c in commands]
    return tuple(Task(c, who.roles, session.held_on, None, who.legal_basis, who.mark) for c, who in found if who)
