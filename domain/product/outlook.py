"""What comes next for a product: whose turn it is, until when and by which rule, and what is missing.

Derived from the state and the rules alone; the day's lateness is the reader's to add.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from domain.law.book import LawBook
from domain.law.models import Competence, Regime, Rule, Term
from domain.product.command import province_of
from domain.product.phases import Phase
from domain.product.state import Dossier, Product
from domain.product.steps.rating import AT_A_LEVEL, COMMUNE, passes_up, renewed_above
from domain.product.steps.result import goes_up, keeps_better, lost_meanwhile
from domain.values import Role


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: the command, the roles that may do it, from and until when, by which rule."""

    command: str
    roles: tuple[Role, ...]
    due: date | None = None
    opens_on: date | None = None
    legal_basis: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Open tasks, the most pressing first, and what is still missing (codes or items as asked for)."""

    tasks: tuple[Task, ...]
    missing: tuple[str, ...]


def outlook(product: Product, law: LawBook) -> Outlook:
    """Tasks and missing items of a product where it stands now."""
    desk = _Desk(product, law)
    if desk.out_of_order():
        return Outlook((), _missing(product, law))
    tasks = {t.command: t for t in [*desk.step_tasks(), *desk.from_a_level_gone(), *desk.notification()]}
    return Outlook(tuple(t for t in tasks.values() if t.roles), _missing(product, law))


_REVIEWS: dict[Phase, tuple[str, str]] = {
    Phase.IDENTIFIED: ("hand-over-idea-form", "hand_over_form"),
    Phase.FORM_HANDED_OVER: ("submit-idea", "idea_form"),
    Phase.IDEA_SUBMITTED: ("endorse-idea", "idea_review"),
    Phase.IDEA_ENDORSED: ("accept-idea", "idea_review"),
    Phase.IDEA_RETURNED: ("submit-idea", "idea_completion"),
    Phase.IDEA_ACCEPTED: ("submit-plan", "plan_form"),
    Phase.PLAN_SUBMITTED: ("accept-plan", "plan_review"),
    Phase.PLAN_RETURNED: ("submit-plan", "plan_completion"),
    Phase.IMPLEMENTED: ("file-dossier", "dossier_filing"),
}
"""Phase → the command awaited and the office's term for it."""


def _before_the_council(dossier: Dossier) -> str:
    """What an advised dossier waits for: a session, its sheets, or the session's conclusion."""
    if dossier.session is None:
        return "call-session"
    return "conclude-session" if dossier.opened else "submit-score-sheet"


class _Desk:
    def __init__(self, product: Product, law: LawBook) -> None:
        self.product, self.law = product, law
        self.province = province_of(product)
        dossier = product.dossier
        self.regime = law.regimes[dossier.regime] if dossier else None

    def _task(self, command: str, due: date | None, rule: Rule | None = None, opens: date | None = None) -> Task:
        level = self.product.dossier.level if self.product.dossier else None
        found = self.law.competence(command, self.province, self.regime, level)
        if found is None:  # a dossier not filed yet: the newest regime's competences
            found = self.law.competence(command, self.province, self._newest(), level)
        roles = found.roles if isinstance(found, Competence) else ()
        return Task(command, roles, due, opens, rule.legal_basis if rule else "", rule.mark if rule else "")

    def _term(self, command: str, term: Term) -> Task:
        return self._task(command, term.end(self.product.since), term)

    def out_of_order(self) -> bool:
        """Whether a dossier was worked on that, by the day asked of, had been sent to no level: nobody's turn.

        Only as of a day in the past, where acts were entered with days in another order.
        """
        p = self.product
        if p.dossier is None or self.regime is None or self.regime.knows(p.dossier.level):
            return False
        at_the_commune = p.dossier.decided or p.phase in (Phase.FILED, Phase.REPORTED)
        return p.dossier.result is not None or not at_the_commune

    def step_tasks(self) -> list[Task]:
        """What the phase itself waits for."""
        p = self.product
        if p.phase in _REVIEWS:
            command, name = _REVIEWS[p.phase]
            return [self._term(command, self.law.practice.deadline(name, self.province))]
        if p.phase is Phase.IMPLEMENTING:
            return self._implementation()
        if p.phase is Phase.DOSSIER_WITHDRAWN:
            return [self._task("file-dossier", None)]
        if p.phase is Phase.RECOGNISED:
            return [*self._sending_on(), *self._renewal()]
        if p.phase is Phase.RESULT_APPROVED:
            return [self._task("forward-dossier", None)]
        if p.phase is Phase.SENT_BACK and p.dossier:
            return [self._task(self._decision(p.dossier), None)]
        return self._rating(p.dossier) if p.dossier and not p.dossier.decided else []

    def _implementation(self) -> list[Task]:
        p = self.product
        left = sorted((m.due, code) for code, m in p.milestones.items() if code not in p.reached)
        if left:
            return [self._task("reach-milestone", left[0][0])]
        last = max((m.due for m in p.milestones.values()), default=None)
        return [self._task("complete-implementation", last)]

    def _rating(self, dossier: Dossier) -> list[Task]:
        regime, phase = self.law.regimes[dossier.regime], self.product.phase
        review = regime.deadlines.get("commune_review")
        if dossier.supplement_open:
            return [self._task("give-supplement", dossier.supplement_due)]
        if phase is Phase.FILED:
            registered = dossier.level in dossier.registered
            command = "issue-commune-report" if registered else "register-dossier"
            return [self._task(command, dossier.report_due, review)]
        if phase is Phase.REPORTED:
            return [self._task("forward-dossier", dossier.report_due, review)]
        if phase is Phase.PROPOSED:
            registered = dossier.level in dossier.registered
            command = "accept-for-batch" if registered else "register-dossier"
            intake = regime.deadlines.get(f"{dossier.level}_intake")
            return [self._term(command, intake) if intake else self._task(command, None)]
        # The law says "before": the batch's last day is the day before.
        due = dossier.batch_done - timedelta(days=1) if dossier.batch_done else None
        rule = self._clock(dossier)
        if phase is Phase.IN_BATCH:
            return [self._task("report-advice", due, rule)]
        if phase is Phase.ADVISED:
            if renewed_above(self.product, regime):
                return [self._task("forward-dossier", due, rule)]
            return [self._task(_before_the_council(dossier), due, rule)]
        return [self._task(self._decision(dossier), due, rule)]

    def _clock(self, dossier: Dossier) -> Rule | None:
        """The rule behind the day by which the level is done: renewals have their own."""
        regime = self.law.regimes[dossier.regime]
        if dossier.kind == "re-evaluation":
            return regime.renewal
        return next((b for b in regime.batches if b.level == dossier.level), None)

    def _decision(self, dossier: Dossier) -> str:
        regime, result = self.law.regimes[dossier.regime], dossier.result
        level = regime.level(dossier.level)
        if result is None or result.stars < regime.rating.certifiable_from_stars:
            return "decline-recognition"
        if keeps_better(self.product, regime, result.stars) or lost_meanwhile(self.product):
            return "decline-recognition"
        if goes_up(self.product, regime, level) and level.interim_stars is None:
            return "approve-results"
        return "recognise" if level.interim_stars or result.stars in level.certifies else "send-back-result"

    def from_a_level_gone(self) -> list[Task]:
        """What still lies at a level that an amendment did away with is for the commune to send on, from that day."""
        p = self.product
        if p.dossier is None or self.regime is None or p.phase not in AT_A_LEVEL:
            return []
        amended = self.law.succeeding(self.regime, date.max)
        if amended.knows(p.dossier.level):
            return []
        found = self.law.competence("forward-dossier", self.province, amended, COMMUNE)
        roles, since = found.roles if found else (), amended.in_force_from
        return [Task("forward-dossier", roles, None, since, amended.legal_basis, amended.mark)]

    def _sending_on(self) -> list[Task]:
        """A level that certifies before it passes up still owes the level above the dossier."""
        dossier = self.product.dossier
        if dossier is None or dossier.result is None or self.regime is None:
            return []
        level = self.regime.level(dossier.level)
        return [self._task("forward-dossier", None)] if level.interim_stars and passes_up(level, dossier) else []

    def _renewal(self) -> list[Task]:
        certificate = self.product.certificate
        if certificate is None or certificate.valid_to is None:
            return []
        window = self._newest().renewal
        if window.latest_days is None or window.earliest_days is None:
            return []
        return [
            self._task(
                "file-dossier",
                certificate.valid_to - timedelta(days=window.latest_days),
                window,
                opens=certificate.valid_to - timedelta(days=window.earliest_days),
            )
        ]

    def _newest(self) -> Regime:
        """The rules a renewal will come under, as far as is known today."""
        return next(iter(self.law.regimes.values()))

    def notification(self) -> list[Task]:
        """A decided result that nobody has been told of in writing."""
        dossier = self.product.dossier
        if dossier is None or not dossier.decided or dossier.notified or self.regime is None:
            return []
        term = self.regime.deadlines.get("notify_result")
        return [self._term("notify-result", term) if term else self._task("notify-result", None)]


def _missing(product: Product, law: LawBook) -> tuple[str, ...]:
    if product.missing:
        return product.missing
    if product.phase in (Phase.IMPLEMENTING, Phase.IMPLEMENTED):
        expected = law.practice.setting("expected_evidence", province_of(product))
        present = {e.kind for e in product.evidence.values()}
        papers = [f"evidence:{kind}" for kind in expected if kind not in present]
        pledges = [f"commitment:{c}" for c in ("food-safety", "environment") if c not in product.commitments]
        steps = [f"milestone:{code}" for code in product.milestones if code not in product.reached]
        return (*papers, *pledges, *steps)
    return ()
