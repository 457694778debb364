"""People whose roles change mid-case, delegations, two tabs, approvals at once: duties stay apart, whatever happens.

An independent reading of the history is the judge: it knows neither the table nor the states that decisions look at.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from functools import cache
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from api.examples import EXAMPLES
from application.handle import Order
from application.recorded import Recorded
from domain.book.state import book_id
from domain.person import facts as p
from domain.product.facts import Producer
from domain.product.state import Product
from domain.refusals import Refusal
from domain.values import Actor, Role
from tests.appointed import person_id
from tests.language import given
from tests.scenario import without_day
from tests.staff import ADMIN, COMMUNE, PROVINCE, World
from tests.story import PRODUCER as REGISTRATION
from tests.story import tea, until

SOAK = bool(os.environ.get("OCOP_SOAK"))
RUNS, WEEKS, ACTS = (1_700, 10, 60) if SOAK else (40, 10, 60)

# Two of them scored the tea in its story, so that who scored is among those who might sign.
PEOPLE = ("An", "Bình", "Chi", "Dũng", "council-member-1", "council-member-2", "HTX 1")
OFFICIALS = PEOPLE[:-1]
ROLES = {
    "commune-officer": COMMUNE,
    "commune-chair": COMMUNE,
    "province-officer": PROVINCE,
    "province-chair": PROVINCE,
    "advisory-team": PROVINCE,
    "administrator": PROVINCE,
    "inspector": PROVINCE,
}
HANDS = {
    # What the history tells of whose hand it was: matter and duty by stored name, written out once more.
    "idea-submitted": ("idea", "submit"),
    "idea-returned": ("idea", "review"),
    "idea-endorsed": ("idea", "review"),
    "idea-accepted": ("idea", "approve"),
    "idea-rejected": ("idea", "approve"),
    "plan-submitted": ("plan", "submit"),
    "plan-returned": ("plan", "review"),
    "plan-accepted": ("plan", "approve"),
    "dossier-filed": ("dossier", "submit"),
    "dossier-registered": ("dossier", "review"),
    "supplement-requested": ("dossier", "review"),
    "supplement-given": ("dossier", "submit"),
    "commune-report-issued": ("dossier", "review"),
    "accepted-for-batch": ("dossier", "review"),
    "advisory-reported": ("dossier", "review"),
    "recognised": ("dossier", "approve"),
    "not-recognised": ("dossier", "approve"),
}
BEGINS = {"idea-submitted", "plan-submitted", "dossier-filed"}
APART = {("submit", "review"), ("review", "approve"), ("submit", "approve"), ("score", "approve")}
STATIONS = ("submit-idea", "endorse-idea", "submit-plan", "complete-implementation", "file-dossier")
TOO_FEW = "concluded with two stars"
STATIONS += ("issue-commune-report", "forward-dossier", "accept-for-batch", "conclude-session", TOO_FEW)
COMMANDS = ("submit-idea", "return-idea", "endorse-idea", "accept-idea", "reject-idea", "submit-plan", "return-plan")
COMMANDS += ("accept-plan", "file-dossier", "register-dossier", "request-supplement", "give-supplement")
COMMANDS += ("issue-commune-report", "forward-dossier", "accept-for-batch", "report-advice", "decline-recognition")
COMMANDS += ("recognise",)
OWN_WILL = ("submit-idea", "submit-plan", "file-dossier", "give-supplement")
PAPER = {"number": "3/PĐN", "signed_on": "2026-11-20", "signer": "Chủ thể"}
SERVED = {"on_behalf_of": {"role": "producer", "producer": REGISTRATION, "paper": PAPER}}

seen: Counter[str] = Counter()
"""What happened over all runs: facts by name, refusals by rule."""


@cache
def standing_at(station: str) -> tuple[Product, dict[str, Any]]:
    story = tea(level=2) if station == TOO_FEW else tea()
    product = given(until("conclude-session" if station == TOO_FEW else station, story)).product
    assert isinstance(product.producer, Producer)
    bodies = {name: without_day(EXAMPLES[name]) for name in COMMANDS}
    bodies["report-advice"] = without_day(next(body for name, _, body in tea() if name == "report-advice"))
    bodies["request-supplement"] = {**bodies["request-supplement"], "due": None}
    return product, bodies


class Separation(RuleBasedStateMachine):
    """One commune, one province, seven persons, some products at every station."""

    def __init__(self) -> None:
        super().__init__()
        roles = ("commune-officer", "commune-chair", "province-officer", "province-chair", "province-chair")
        held = [*zip(OFFICIALS[:5], roles, strict=True), ("council-member-2", "commune-officer")]
        self.world = World().appointed(
            ADMIN,
            Actor(person="HTX 1", office="HTX 1", role=Role.PRODUCER, area=COMMUNE, producer=REGISTRATION),
            *(Actor(person=name, office="UBND", role=Role(role), area=ROLES[role]) for name, role in held),
        )
        self.products: list[UUID] = []
        self.checked: dict[UUID, int] = defaultdict(int)
        self.hands: dict[tuple[UUID, str], list[tuple[str, frozenset[str]]]] = defaultdict(list)

    # ── What people do ──────────────────────────────────────────────────────────────────────────

    def attempt(self, order: Order) -> bool:
        """Decide and tell, or be refused; whether it went through."""
        try:
            done = self.world.decide(order)
        except Refusal as refusal:
            seen[refusal.rule or refusal.code] += 1
            return False
        self.world.append(done.recorded)
        return True

    def admin(self, command: str, stream: UUID, **body: Any) -> bool:
        return self.attempt(self.world.order(self.world.powers(ADMIN.person), command, stream, **body))

    def order(self, who: str, acting: int, command: str, product: UUID) -> Order | None:
        """The person gives the command in one of the roles it holds, or in any of them."""
        powers = self.world.powers(who)
        if not powers:
            return None
        own = [actor for actor in powers if actor.delegator is None]
        actors = own if acting < 3 and own else [powers[acting % len(powers)]]
        body: dict[str, Any] = dict(standing_at(STATIONS[0])[1][command])
        if actors[0].role is not Role.PRODUCER and command in OWN_WILL:
            body |= SERVED
        if acting % 3 == 1:
            signer = PEOPLE[acting % len(PEOPLE)] if acting > 2 else "Ai Đó"
            paper = {"number": "8/BB", "signed_on": "2026-11-20", "signer": signer}
            body |= {"source": {"kind": "paper", "scan_sha256": "a" * 64}, "paper": paper}
        if acting == 5:
            body |= {"source": {"kind": "register"}}
        if command != "recognise":
            return self.world.order(actors, command, product, **body)
        chair = next((a for a in actors if a.role is Role.PROVINCE_CHAIR), actors[0])
        stream = book_id("province", chair.area, self.world.today.year)
        return self.world.order([chair], command, stream, **{**body, "products": [str(product)]})

    def assigned(self, who: str, role: str) -> None:
        office = uuid4()
        body = {"title": "Cơ quan", "level": "province", "area": ROLES[role], "decision_number": "1/QĐ"}
        self.admin("establish-office", office, **body)
        term = {"first": self.world.today.isoformat()}
        given_by = {"decision_number": "2/QĐ", "signer": "Chủ tịch", "term": term}
        self.admin("assign-role", person_id(who), role=role, office=str(office), area=ROLES[role], **given_by)

    def relieved(self, who: str, which: int) -> None:
        held = self.world.person(who).held_on(self.world.today)
        if held:
            body = {"ends_on": self.world.today.isoformat(), "decision_number": "3/QĐ", "reason": "Thôi."}
            self.admin("end-assignment", person_id(who), assignment=held[which % len(held)].id, **body)

    def delegated(self, who: str, to: str, which: int) -> None:
        powers = self.world.powers(who)
        if powers:
            actor = powers[which % len(powers)]
            term = {"first": self.world.today.isoformat(), "last": "2026-12-31"}
            body = {"assignment": actor.assignment, "delegate": person_id(to), "term": term, "document": "4/GUQ"}
            self.attempt(self.world.order([actor], "delegate", person_id(who), **body))

    def undelegated(self, who: str, which: int) -> None:
        given_out = list(self.world.person(who).given.values())
        powers = self.world.powers(who)
        if given_out and powers:
            d = given_out[which % len(given_out)]
            body = {"delegation": d.id, "delegate": d.other, "ends_on": self.world.today, "document": "5/UBND"}
            self.attempt(self.world.order(powers[:1], "end-delegation", person_id(who), **body))

    def another_product(self, station: str) -> None:
        product = uuid4()
        self.world.states[product] = standing_at(station)[0]
        self.products = [*self.products, product][-3:]

    def acts(self, does: tuple[str, int, str], which: int) -> None:
        if self.products and (order := self.order(*does, self.products[which % len(self.products)])) is not None:
            self.attempt(order)

    def at_once(self, one: tuple[str, int, str], other: tuple[str, int, str], which: int, relieved: bool) -> None:
        """Two tabs, or two persons: both decided on the same states, perhaps with a role taken away in between.

        The append finds that what the second was decided on has moved on; so it is decided again.
        """
        if not self.products:
            return
        product = self.products[which % len(self.products)]
        orders = [order for order in (self.order(*one, product), self.order(*other, product)) if order is not None]
        decided = []
        for order in orders:
            try:
                done = self.world.decide(order)
            except Refusal as refusal:
                seen[refusal.rule or refusal.code] += 1
            else:
                touched = {order.stream_id, product, *order.persons}
                decided.append((order, done, {key: self.world.version(key) for key in touched}))
        if relieved:
            self.relieved(one[0], 0)
        for order, done, versions in decided:
            if all(self.world.version(key) == version for key, version in versions.items()):
                self.world.append(done.recorded)
            else:
                seen["decided again"] += 1
                self.attempt(order)

    def days_pass(self, days: int) -> None:
        if self.world.today.isoformat() < "2026-12-20":
            self.world.pass_days(days)

    # ── The judge ───────────────────────────────────────────────────────────────────────────────

    @rule(seed=st.integers(0, 2**32 - 1))
    def a_busy_week(self, seed: int) -> None:
        """Many acts of many people; mostly by somebody who could."""
        draw = Random(seed)
        for _ in range(ACTS):
            self.something(draw)
            self.duties_are_apart()

    def something(self, draw: Random) -> None:
        seen["acts"] += 1
        which, kind = draw.randrange(3), draw.random()
        if not self.products or kind < 0.05:
            self.another_product(draw.choice(STATIONS))
        elif kind < 0.10:
            self.assigned(draw.choice(OFFICIALS), draw.choice(sorted(ROLES)))
        elif kind < 0.15:
            self.relieved(draw.choice(OFFICIALS), draw.randrange(10))
        elif kind < 0.20:
            self.delegated(draw.choice(OFFICIALS), draw.choice(PEOPLE), draw.randrange(10))
        elif kind < 0.22:
            self.undelegated(draw.choice(OFFICIALS), draw.randrange(10))
        elif kind < 0.23:
            self.days_pass(1)
        elif kind < 0.40:
            self.at_once(self.does(draw, which), self.does(draw, which), which, draw.random() < 0.3)
        else:
            self.acts(self.does(draw, which), which)

    def does(self, draw: Random, which: int) -> tuple[str, int, str]:
        """A person, one of his roles, a command: mostly one possible where the product stands, by who is competent."""
        phase, law = self.world.states[self.products[which % len(self.products)]].phase, self.world.law
        fitting = [c for c in COMMANDS if phase in law.authority.command(c).states]
        command = draw.choice(fitting if fitting and draw.random() < 0.9 else COMMANDS)
        able = [n for n in PEOPLE if {a.role for a in self.world.powers(n)} & law.competent_ever[command]]
        return draw.choice(able if able and draw.random() < 0.8 else PEOPLE), draw.randrange(6), command

    @invariant()
    def duties_are_apart(self) -> None:
        for stream in self.products:
            told = self.world.told.get(stream, [])
            for recorded in told[self.checked[stream] :]:
                self.judge(stream, recorded)
            self.checked[stream] = len(told)

    def judge(self, stream: UUID, recorded: Recorded) -> None:
        name = recorded.fact.stored_name.removeprefix("product.")
        seen[name] += 1
        actor = recorded.envelope.actor
        self.held(recorded, actor)
        if name not in HANDS:
            return
        matter, duty = HANDS[name]
        persons = frozenset({actor.person, actor.delegator.person} if actor.delegator else {actor.person})
        if recorded.envelope.source.kind == "paper":
            assert recorded.envelope.paper is not None
            persons |= {recorded.envelope.paper.signer or ""}
        before = [] if name in BEGINS else self.hands[stream, matter]
        if name == "recognised":
            scorers = {sheet.member for o in self.world.states[stream].dossier.opened for sheet in o.sheets}
            before = [*before, ("score", frozenset(scorers))]
        for earlier, whose in before:
            assert (earlier, duty) not in APART or not whose & persons, f"{persons}: {earlier}, {duty} of {matter}"
        self.hands[stream, matter] = [*before, (duty, persons)]

    def held(self, recorded: Recorded, actor: Actor) -> None:
        """The role was held when the fact was recorded, by the history of persons alone."""
        assert actor.id is not None
        holder = actor.delegator.id if actor.delegator else actor.id
        day = recorded.envelope.effective_on
        assigned = {r.fact.assignment: r.fact for r in self.world.told[holder] if isinstance(r.fact, p.RoleAssigned)}[
            actor.assignment
        ]
        assert assigned.role is actor.role
        assert assigned.term.first <= day
        roles = {a.role for a in self.world.person(actor.person).held_on(day)}
        assert not roles & {Role.ADMINISTRATOR, Role.INSPECTOR} or self.changed_since(actor, recorded), roles
        if actor.delegator is not None:
            mine = [r.fact for r in self.world.told[actor.id] if isinstance(r.fact, p.DelegationReceived)]
            assert any(d.delegation == actor.delegator.delegation and d.term.first <= day for d in mine)

    def changed_since(self, actor: Actor, recorded: Recorded) -> bool:
        """Whether the roles were given after the act, within the same step."""
        assert actor.id is not None
        newest = self.world.told[actor.id][-1]
        return newest.envelope.recorded_at >= recorded.envelope.recorded_at


def test_no_separation_is_ever_violated(capsys: pytest.CaptureFixture[str]) -> None:
    seen.clear()
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run = settings(max_examples=RUNS, stateful_step_count=WEEKS, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(Separation, settings=run)  # type: ignore[no-untyped-call]

    with capsys.disabled():
        told = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
        print(f"\nseparation: {seen['acts']} acts; {told}")
    # A machine that never gets anywhere proves nothing: every hand was had, every separation met.
    table = World().law.authority
    elsewhere = {"minutes-by-who-changed-a-score", "own-access", "access-by-who-granted"}  # sessions, and routes
    denies = {deny.id for deny in (*table.denies, *table.holders)} - elsewhere
    assert not [what for what in (*HANDS, *denies, "decided again") if not seen[what]]
