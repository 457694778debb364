"""What comes next for a product: whose turn it is, until when and by which rule, and what is missing.

Derived from the state and the rules alone; the day's lateness is the reader's to add.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from domain.law.book import Competence, LawBook, Rule, Term
from domain.product.command import province_of
from domain.product.phases import Phase
from domain.product.state import Dossier, Product
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
    tasks = [*desk.step_tasks(), *desk.notification()]
    return Outlook(tuple(t for t in tasks if t.roles), _missing(product, law))


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


class _Desk:
    def __init__(self, product: Product, law: LawBook) -> None:
        self.product, self.law = product, law
        self.province = province_of(product)
        dossier = product.dossier
        self.regime = law.regimes[dossier.regime] if dossier else None

    def _task(self, command: str, due: date | None, rule: Rule | None = None, opens: date | None = None) -> Task:
        found = self.law.competence(command, self.province, self.regime)
        if found is None:  # a dossier not filed yet: the newest regime's competences
            newest = max(self.law.regimes.values(), key=lambda r: r.in_force_from)
            found = self.law.competence(command, self.province, newest)
        roles = found.roles if isinstance(found, Competence) else ()
        return Task(command, roles, due, opens, rule.legal_basis if rule else "", rule.mark if rule else "")

    def _term(self, command: str, term: Term) -> Task:
        return self._task(command, term.end(self.product.since), term)

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
            return self._renewal()
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
        review = regime.deadlines["commune_review"]
        if dossier.supplement_open:
            return [self._task("give-supplement", dossier.supplement_due)]
        if phase is Phase.FILED:
            registered = "commune" in dossier.registered
            command = "issue-commune-report" if registered else "register-dossier-at-commune"
            return [self._task(command, dossier.report_due, review)]
        if phase is Phase.REPORTED:
            return [self._task("propose-to-province", dossier.report_due, review)]
        if phase is Phase.PROPOSED:
            registered = "province" in dossier.registered
            command = "accept-for-batch" if registered else "register-dossier-at-province"
            return [self._term(command, regime.deadlines["province_intake"])]
        # The law says "before": the batch's last day is the day before.
        due = dossier.batch_done - timedelta(days=1) if dossier.batch_done else None
        batch: Rule = regime.renewal if dossier.kind == "re-evaluation" else regime.batches[0]
        if phase is Phase.IN_BATCH:
            return [self._task("report-advice", due, batch)]
        if phase is Phase.ADVISED:
            enough = len(dossier.sheets) >= regime.council.min_sheets.value
            commands = ["conclude-scoring", "submit-score-sheet"] if enough else ["submit-score-sheet"]
            return [self._task(command, due, batch) for command in commands]
        return [self._task(self._decision(dossier), due, batch)]

    def _decision(self, dossier: Dossier) -> str:
        rating, result, held = self.law.regimes[dossier.regime].rating, dossier.result, self.product.certificate
        if result is None or result.stars < rating.certifiable_from_stars:
            return "decline-recognition"
        if dossier.kind == "upgrade" and held is not None and result.stars < held.stars:
            return "decline-recognition"
        return "approve-result" if Fraction(result.average) >= rating.pass_up_from else "recognise"

    def _renewal(self) -> list[Task]:
        certificate = self.product.certificate
        if certificate is None or self.regime is None:
            return []
        window = self.regime.renewal
        return [
            self._task(
                "file-dossier",
                certificate.valid_to - timedelta(days=window.latest_days),
                window,
                opens=certificate.valid_to - timedelta(days=window.earliest_days),
            )
        ]

    def notification(self) -> list[Task]:
        """A decided result that nobody has been told of in writing."""
        dossier = self.product.dossier
        if dossier is None or not dossier.decided or dossier.notified or self.regime is None:
            return []
        return [self._term("notify-result", self.regime.deadlines["notify_result"])]


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
