"""Explained decisions: why did this product get this star, who decided, under which rules?

For inspectors who trust nothing: told from the product's own facts at the moment it is asked, with every
choice of every member, so that ``domain.law.recompute`` can compute the star from the document alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from application.recorded import Recorded
from domain.decide import COMMANDS
from domain.law.areas import area_name, province_of_area
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.law.models import MARK_NAMES, Competence, Level, Regime, Sheet
from domain.law.recompute import digest_of
from domain.law.scoring import band_of, checklist, spread
from domain.product import certificate_facts as c
from domain.product import rating_facts as r
from domain.product.facts import EvidenceObtained, FactCorrected
from domain.product.state import corrected
from domain.refusals import NoRegime
from domain.values import ROLE_NAMES
from projections.sentences import sentence
from projections.words import CONFLICT, average, day

DECISIONS: dict[type[Any], str] = {
    r.ProductRecognised: "recognise",
    r.ProductNotRecognised: "decline-recognition",
    r.ResultApproved: "approve-results",
    r.ResultSentBack: "send-back-result",
    c.RecognitionRecorded: "record-recognition",
}
"""Facts that decide a dossier, or say how it was decided in the past, and the command each comes from."""


@dataclass
class Gathered:
    """What was on the table when a decision was taken. ``rounds``: the facts that opened each round's sheets."""

    filed: Recorded | None = None
    reports: list[Recorded] = field(default_factory=list)
    advice: Recorded | None = None
    rounds: list[list[Recorded]] = field(default_factory=list)
    discussions: list[Recorded] = field(default_factory=list)
    concluded: Recorded | None = None
    entered: Recorded | None = None
    evidence: dict[str, EvidenceObtained] = field(default_factory=dict)
    corrected_by: dict[int, list[int]] = field(default_factory=dict)

    def begin(self) -> None:
        """A level begins to evaluate anew."""
        self.advice = self.concluded = None
        self.rounds, self.discussions = [], []

    def open_sheet(self, recorded: Recorded, number: int) -> None:
        """A sheet in the open, one fact each: it belongs to the round it names."""
        last = self.rounds[-1] if self.rounds else []
        if last and isinstance(last[0].fact, r.ScoreSheetSubmitted) and last[0].fact.round == number:
            self.rounds = [*self.rounds[:-1], [*last, recorded]]
        else:
            self.rounds = [*self.rounds, [recorded]]


def decisions_of(stream: Iterable[Recorded]) -> list[tuple[Recorded, Gathered]]:
    """The decisions on a product in order, each with what it rests on; facts as corrected since."""
    return [(recorded, on) for recorded, on in _gathering(stream) if type(recorded.fact) in DECISIONS]


def last_scoring(stream: Iterable[Recorded]) -> Gathered | None:
    """What was on the table when a council last concluded a scoring."""
    concluded = [on for recorded, on in _gathering(stream) if isinstance(recorded.fact, r.ScoringConcluded)]
    return concluded[-1] if concluded else None


def _gathering(stream: Iterable[Recorded]) -> Iterator[tuple[Recorded, Gathered]]:
    """Each fact as corrected since, with what is on the table after it."""
    facts = list(stream)
    corrections: dict[int, list[Recorded]] = {}
    for recorded in facts:
        if isinstance(recorded.fact, FactCorrected):
            corrections.setdefault(recorded.fact.corrected_version, []).append(recorded)
    corrected_by = {version: [x.originator_version for x in found] for version, found in corrections.items()}
    now = Gathered(corrected_by=corrected_by)
    for stored in facts:
        recorded = _mended(stored, corrections.get(stored.originator_version, ()))
        _gather(now, recorded)
        yield recorded, replace(now, evidence=dict(now.evidence))


def _gather(now: Gathered, recorded: Recorded) -> None:
    match recorded.fact:
        case EvidenceObtained() as fact:
            now.evidence[fact.sha256] = fact
        case c.EnteredFromRegister():
            now.entered = recorded
        case r.DossierFiled():
            now.begin()
            now.filed, now.reports = recorded, []
        case r.CommuneReportIssued():
            now.reports = [*now.reports, recorded]
        case r.DossierForwarded() | r.ProposedToProvince() | r.EvaluationReopened():
            now.begin()
        case r.AdvisoryReported():
            now.advice = recorded
        case r.TakenOffAgenda():  # another session scores from the beginning
            now.rounds, now.discussions = [], []
        case r.SheetsOpened():
            now.rounds = [*now.rounds, [recorded]]
        case r.ScoreSheetSubmitted() as fact:
            now.open_sheet(recorded, fact.round)
        case r.RescoringOrdered():
            now.discussions = [*now.discussions, recorded]
        case r.ScoringConcluded():
            now.concluded = recorded
        case _:
            pass


def _mended(recorded: Recorded, corrections: Sequence[Recorded]) -> Recorded:
    if not corrections:
        return recorded
    now: dict[str, Any] = {}
    for correction in corrections:
        assert isinstance(correction.fact, FactCorrected)
        now |= correction.fact.now
    fact: Any = recorded.fact
    return replace(recorded, envelope=recorded.envelope.model_copy(update={"data": corrected(fact, now)}))


def explain(product: str, number: int, decision: Recorded, on: Gathered, law: LawBook) -> dict[str, Any]:
    """The document of the ``number``-th decision: JSON values only, every key always there."""
    vi, en = sentence(decision)
    document: dict[str, Any] = {
        "product_id": str(decision.originator_id),
        "product": product,
        "number": number,
        "decision": decision.fact.stored_name,
        "sentence": vi,
        "sentence_en": en,
        "authority": _authority(decision, on, law),
        "facts": _inputs(decision, on),
        "warnings": [w.model_dump() for w in getattr(decision.fact, "warnings", ()) if isinstance(w, r.DataWarning)],
        "evidence": _evidence(on),
        **_unscored(decision, law),
    }
    past = isinstance(decision.fact, c.RecognitionRecorded)
    if on.concluded is not None and on.rounds and not past:
        document |= _scoring(on, law)
    return {**document, "digest": digest_of(document)}


# ── Who decided ───────────────────────────────────────────────────────────────────────────────


def _authority(decision: Recorded, on: Gathered, law: LawBook) -> dict[str, Any]:
    e, fact = decision.envelope, decision.fact
    code = fact.from_level if isinstance(fact, r.ResultSentBack) else getattr(fact, "level", None)
    regime = law.regimes.get(getattr(fact, "regime", None) or "")
    level = next((x for x in regime.levels if x.code == code), None) if regime else None
    given = fact.authority if isinstance(fact, c.RecognitionRecorded) else None
    area = (fact.authority if isinstance(fact, r.ProductRecognised) else "") or e.actor.area
    told = {
        "level": code,
        "name": given or (level.authority_vi if level else None),
        "name_en": given or (level.authority_en if level else None),
        "area": None if isinstance(fact, c.RecognitionRecorded) else {"code": area, "name": area_name(area)},
        "legal_basis": level.legal_basis if level else None,
        "mark": level.mark if level else None,
        "certifies": list(level.certifies) if level else [],
        "interim_stars": level.interim_stars if level else None,
        "competence": _competence(decision, on, regime, code, law),
        "decision_number": getattr(fact, "decision_number", None),
        "signer": getattr(fact, "signer", None),
        "stars": getattr(fact, "stars", None),
        "person": e.actor.person,
        "role": _role(e.actor.role),
        "office": e.actor.office,
        "paper": e.paper.model_dump(mode="json") if e.paper else None,
        "source": e.source.model_dump(mode="json"),
        "effective_on": e.effective_on.isoformat(),
        "recorded_at": e.recorded_at.isoformat(),
    }
    return {**told, **_signed(decision, told, level)}


def _role(role: Any) -> dict[str, str]:
    return {"code": role.value, "vi": ROLE_NAMES[role][0], "en": ROLE_NAMES[role][1]}


def _competence(
    decision: Recorded, on: Gathered, regime: Regime | None, level: str | None, law: LawBook
) -> dict[str, Any] | None:
    """The rule that lets the role act: of the dossier's regime, or of the day a decision of the past was entered."""
    e, fact = decision.envelope, decision.fact
    name, province = DECISIONS[type(fact)], province_of_area(e.commune)
    if isinstance(fact, r.ProductRecognised | r.ResultApproved):
        province = province_of_area(e.actor.area)
    if isinstance(fact, c.RecognitionRecorded):
        level = None
        if on.entered is not None and on.entered.envelope.command_id == e.command_id:
            name = "enter-from-register"
        try:
            regime = law.regime_on(legal_date(e.recorded_at))
        except NoRegime:
            regime = None
    rule = law.competence(name, province, regime, level)
    return None if rule is None else _rule(name, rule, regime)


def _rule(name: str, rule: Competence, regime: Regime | None) -> dict[str, Any]:
    # A regime's file names its own articles alone: beside a decision they need the decree's name.
    decree = f"{regime.decision}, " if regime is not None and rule.legal_basis.startswith("Đ") else ""
    return {
        "command": name,
        "vi": COMMANDS[name].vi,
        "en": COMMANDS[name].en,
        "roles": [_role(role) for role in rule.roles],
        "legal_basis": decree + rule.legal_basis,
        "mark": rule.mark,
    }


def _signed(decision: Recorded, told: Mapping[str, Any], level: Level | None) -> dict[str, str]:
    """Who signed, for which authority, and on which basis, in one sentence."""
    fact, on_day = decision.fact, decision.envelope.effective_on
    rule = told["competence"]
    basis, basis_en = (f"{rule['legal_basis']} ({mark})" for mark in MARK_NAMES[rule["mark"]]) if rule else ("—", "—")
    number, who, office = told["decision_number"], told["person"], told["office"]
    if isinstance(fact, c.RecognitionRecorded):
        when, when_en = (day(fact.decided_on), str(fact.decided_on)) if fact.decided_on else (str(fact.year),) * 2
        return {
            "vi": f"Theo sổ, văn bản đã có: {told['name'] or 'không rõ cơ quan'}, quyết định {number} ({when});"
            f" {who}, {office}, ghi nhận theo {basis}.",
            "en": f"As a register or paper has it: {told['name_en'] or 'authority not known'}, decision {number}"
            f" ({when_en}); entered by {who}, {office}, under {basis_en}.",
        }
    name, name_en = (level.authority_vi, level.authority_en) if level else (told["level"],) * 2
    place = told["area"]["name"]
    if number is None:
        return {
            "vi": f"{name} ({place}): {who}, {told['role']['vi']}, quyết định ngày {day(on_day)} theo {basis}.",
            "en": f"{name_en} ({place}): {who}, {told['role']['en']}, decided on {on_day} under {basis_en}.",
        }
    return {
        "vi": f"{name} ({place}): {told['signer']} ký quyết định {number} ngày {day(on_day)} theo {basis}.",
        "en": f"{name_en} ({place}): {told['signer']} signed decision {number} on {on_day} under {basis_en}.",
    }


# ── What it rests on ──────────────────────────────────────────────────────────────────────────


def _inputs(decision: Recorded, on: Gathered) -> list[dict[str, Any]]:
    """Every fact the decision rests on, by its version in the product's trail."""
    scoring = [on.advice, *(x for opened in on.rounds for x in opened), *on.discussions, on.concluded]
    past = isinstance(decision.fact, c.RecognitionRecorded)
    used = [on.entered, decision] if past else [on.filed, *on.reports, *scoring, decision]
    facts = sorted((u for u in used if u is not None), key=lambda u: u.originator_version)
    return [
        {
            "version": f.originator_version,
            "position": f.position,
            "fact": f.fact.stored_name,
            "corrected_by": on.corrected_by.get(f.originator_version, []),
        }
        for f in facts
    ]


def _evidence(on: Gathered) -> list[dict[str, Any]]:
    filed = on.filed.fact if on.filed else None
    named = filed.evidence if isinstance(filed, r.DossierFiled) else ()
    known = [(sha256, on.evidence.get(sha256)) for sha256 in named]
    return [
        {
            "sha256": sha256,
            "kind": paper.kind if paper else None,
            "number": paper.number if paper else None,
            "issuer": paper.issuer if paper else None,
            "issued_on": paper.issued_on.isoformat() if paper else None,
        }
        for sha256, paper in known
    ]


# ── How it was scored ─────────────────────────────────────────────────────────────────────────


def _rules(regime: Regime, sheet: Sheet | None, then: str, now: str) -> dict[str, Any]:
    return {
        "regime": regime.id,
        "decision": regime.decision,
        "legal_basis": regime.legal_basis,
        "sheet": sheet.id if sheet else None,
        "sheet_name": sheet.vi if sheet else None,
        "sheet_name_en": sheet.en if sheet else None,
        "sheet_complete": sheet.complete if sheet else None,
        "sheet_note": sheet.note_vi if sheet else "",
        "sheet_note_en": sheet.note_en if sheet else "",
        "hash": then,
        "hash_loaded": now,
        "unchanged": then == now,
    }


def _unscored(decision: Recorded, law: LawBook) -> dict[str, Any]:
    """What is said of the scoring where no score sheets, or not their rules, are known."""
    fact: Any = decision.fact
    regime = law.regimes.get(fact.regime or "")
    past = isinstance(fact, c.RecognitionRecorded)
    return {
        "rules": _rules(regime, None, fact.rules_hash, law.regime_hash(regime.id)) if regime and past else None,
        "bands": [],
        "council": None,
        "attendance": None,
        "conflicts": [],
        "procedure": None,
        "sheets": [],
        "earlier_rounds": [],
        "spread": None,
        "gate_test": None,
        "agreed": [],
        "checklist": [],
        "result": None,
        "vi": "Không có phiếu điểm trong hệ thống.",
        "en": "No score sheets are known here.",
    }


def _scoring(on: Gathered, law: LawBook) -> dict[str, Any]:
    assert on.concluded is not None
    concluded = on.concluded.fact
    assert isinstance(concluded, r.ScoringConcluded)
    regime, sheet = law.regimes.get(concluded.regime), law.sheets.get(concluded.sheet)
    if regime is None or sheet is None:
        missing = f"{concluded.regime} {concluded.sheet}"
        return {"vi": f"Chưa nạp quy định {missing}.", "en": f"The rules {missing} are not loaded."}
    *earlier, newest = on.rounds
    members = members_of(newest)
    found = _tested(sheet, concluded, members)
    limit = _limit(newest)
    return {
        "rules": _rules(regime, sheet, concluded.rules_hash, law.rules_hash(regime.id, sheet.id)),
        "bands": [{"stars": b.stars, "min": b.min, "article": b.legal_basis} for b in regime.bands],
        **_council(newest),
        "sheets": [_sheet(sheet, m) for m in members],
        "earlier_rounds": [_round(sheet, opened, on.discussions) for opened in earlier],
        "spread": {"points": int(spread(total for _, total in concluded.totals)), **limit},
        "gate_test": concluded.gate_test,
        "agreed": _choices(sheet, concluded.agreed),
        "checklist": _checklist(regime, sheet, Fraction(concluded.average), found),
        "result": {
            "average": concluded.average,
            "shown": average(concluded.average, ","),
            "band": concluded.band,
            "stars": concluded.stars,
            "missed": [g.model_dump() for g in concluded.missed],
            "minutes_number": concluded.minutes_number,
        },
        **_words(concluded, regime, sheet),
    }


def members_of(opened: Sequence[Recorded]) -> Sequence[Any]:
    """The sheets of a round: opened together, or handed in openly before councils had sessions."""
    first = opened[0].fact
    return first.sheets if isinstance(first, r.SheetsOpened) else [recorded.fact for recorded in opened]


def _council(opened: Sequence[Recorded]) -> dict[str, Any]:
    fact = opened[0].fact
    if not isinstance(fact, r.SheetsOpened):
        return {}
    return {
        "council": {
            "id": str(fact.council),
            "number": fact.council_number,
            "session": str(fact.session),
            "form": fact.form,
            "held_on": fact.held_on.isoformat(),
            "round": fact.round,
        },
        "attendance": {
            "voting": list(fact.voting),
            "present": list(fact.present),
            "quorum": fact.quorum,
            "chair_present": fact.chair_present,
        },
        "conflicts": [
            {**x.model_dump(), "vi": CONFLICT[x.ground][0], "en": CONFLICT[x.ground][1]} for x in fact.conflicts
        ],
        "procedure": fact.procedure.model_dump(mode="json"),
    }


def _limit(opened: Sequence[Recorded]) -> dict[str, Any]:
    fact = opened[0].fact
    if not isinstance(fact, r.SheetsOpened):
        return {"limit": None, "basis": None}
    return {"limit": fact.procedure.max_spread, "basis": fact.procedure.basis.get("max_spread")}


def _sheet(sheet: Sheet, member: Any) -> dict[str, Any]:
    return {
        "member": member.member,
        "capacity": getattr(member, "capacity", None),
        "total": member.total,
        "comment": member.comment,
        "sealed": getattr(member, "sealed", None),
        "choices": _choices(sheet, member.choices),
    }


def _round(sheet: Sheet, opened: Sequence[Recorded], discussions: Sequence[Recorded]) -> dict[str, Any]:
    first = opened[0].fact
    assert isinstance(first, r.SheetsOpened | r.ScoreSheetSubmitted)
    said = [d.fact for d in discussions if isinstance(d.fact, r.RescoringOrdered) and d.fact.round == first.round + 1]
    return {
        "round": first.round,
        "sheets": [_sheet(sheet, m) for m in members_of(opened)],
        "discussion": said[0].discussion if said else None,
        "spread": said[0].spread if said else None,
    }


def _points(sheet: Sheet, choice: r.Choice) -> int | None:
    """Points of a choice; None where the rules as loaded do not know it."""
    criterion = sheet.leaves.get(choice.code)
    if criterion is None or (choice.option is not None and choice.option >= len(criterion.options)):
        return None
    return 0 if choice.option is None else criterion.options[choice.option].points


def _choices(sheet: Sheet, choices: Iterable[r.Choice]) -> list[dict[str, Any]]:
    shown = []
    for choice in choices:
        points, criterion = _points(sheet, choice), sheet.leaves.get(choice.code)
        chosen = (
            criterion.options[choice.option] if criterion and choice.option is not None and points is not None else None
        )
        shown.append(
            {
                "code": choice.code,
                "criterion": criterion.vi if criterion else None,
                "criterion_en": criterion.en if criterion else None,
                "option": choice.option,
                "label": chosen.vi if chosen else None,
                "points": points,
                "max": criterion.max if criterion else None,
            }
        )
    return shown


def _tested(sheet: Sheet, concluded: r.ScoringConcluded, members: Sequence[Any]) -> dict[str, Fraction]:
    """Points the gates are held against: agreed by the council, or the exact average of the members'."""
    if concluded.gate_test == "agreed":
        return {choice.code: Fraction(_points(sheet, choice) or 0) for choice in concluded.agreed}
    sums: dict[str, int] = {}
    for choice in (choice for member in members for choice in member.choices):
        sums[choice.code] = sums.get(choice.code, 0) + (_points(sheet, choice) or 0)
    return {code: Fraction(points, len(members)) for code, points in sums.items()}


def _checklist(regime: Regime, sheet: Sheet, mean: Fraction, found: Mapping[str, Fraction]) -> list[dict[str, Any]]:
    """Every condition of every certifiable star: its score, the minimum, met or not, and the article."""
    gates, lines = checklist(sheet, found), []
    for band in sorted(regime.bands, key=lambda b: b.stars):
        if band.stars < regime.rating.certifiable_from_stars:
            continue
        total = {
            "code": None,
            "condition": "Tổng điểm trung bình",
            "condition_en": "Average total",
            "score": str(mean),
            "minimum": band.min,
            "met": mean >= band.min,
            "article": band.legal_basis,
        }
        own = [
            {
                "code": gate.code,
                "condition": sheet.leaves[gate.code].vi,
                "condition_en": sheet.leaves[gate.code].en,
                "score": str(gate.found),
                "minimum": gate.needed,
                "met": gate.met,
                "article": f"{sheet.legal_basis}, {gate.code}",
            }
            for gate in gates
            if gate.stars == band.stars
        ]
        conditions: list[dict[str, Any]] = [total, *own]
        passed = sum(1 for condition in conditions if condition["met"])
        lines.append({"stars": band.stars, "passed": passed, "of": len(conditions), "conditions": conditions})
    return lines


def _words(concluded: r.ScoringConcluded, regime: Regime, sheet: Sheet) -> dict[str, str]:
    band = band_of(regime, Fraction(concluded.average))
    vi = (
        f"{len(concluded.totals)} phiếu, điểm trung bình {average(concluded.average, ',')}, khung {band} sao"
        f" ({regime.decision}, {sheet.id}). "
    )
    en = (
        f"{len(concluded.totals)} sheets, average {average(concluded.average, '.')}, band of {band} stars"
        f" ({regime.decision}, {sheet.id}). "
    )
    if concluded.missed:
        gates_vi = "; ".join(
            f"{_named(sheet, g.code, 0)} ({g.code}): có {g.found}, {g.stars} sao cần {g.needed}"
            for g in concluded.missed
        )
        gates_en = "; ".join(
            f"{_named(sheet, g.code, 1)} ({g.code}): {g.found} found, {g.stars} stars need {g.needed}"
            for g in concluded.missed
        )
        vi += f"Điều kiện tối thiểu chưa đạt: {gates_vi}. "
        en += f"Conditions missed: {gates_en}. "
    elif sheet.complete:
        vi, en = vi + "Đạt mọi điều kiện tối thiểu. ", en + "Every minimum condition is met. "
    else:
        vi, en = vi + "Chưa có điều kiện tối thiểu để kiểm tra. ", en + "Minimum conditions are not known. "
    return {"vi": f"{vi}Kết quả: {concluded.stars} sao.", "en": f"{en}Result: {concluded.stars} stars."}


def _named(sheet: Sheet, code: str, language: int) -> str:
    criterion = sheet.leaves.get(code)
    return (criterion.vi, criterion.en)[language] if criterion else code
