"""As of two instants over HTTP: known a month ago, late entries, corrections, erasure, repetition to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.examples import EXAMPLES
from application.writer import Writer, utc_now
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.law.calendar import LEGAL_ZONE, legal_date
from domain.law.recompute import differences
from domain.values import Role
from tests.appointed import person_id
from tests.language import keeper
from tests.privacy import Case
from tests.service import Service
from tests.story import PRODUCER, actor, addressed, tea
from tests.test_projections import Teller

STORY = tea()
NAME = "Chè Shan tuyết Núi Biều"
ERASED = "đã xoá"
MONTH_AGO = utc_now() - timedelta(days=30)
NOTICE = {"reason": "Ghi nhầm.", "authority": "Biên bản"}


@dataclass
class Town:
    """A tea told first a month ago and then today. ``at``: position after each of its chapters' commands."""

    service: Service
    product: str
    ids: dict[str, str]
    at: dict[str, int] = field(default_factory=dict)
    entered: str = ""

    def give(self, stream: str | None, command: str, who: Any, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.service.give(stream, command, who, body)
        assert answer.status_code in (200, 201), f"{command}: {answer.text}"
        told: dict[str, Any] = answer.json()
        self.at[command] = told["position"]
        return told

    def get(self, path: str, who: Any = Role.SUPERVISOR) -> Any:
        answer = self.ask(path, who)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def ask(self, path: str, who: Any = Role.SUPERVISOR) -> httpx.Response:
        return self.service.get(path, who, **{"X-Min-Position": str(max(self.at.values()))})

    @property
    def own(self) -> str:
        return f"/v1/products/{self.product}"


def month_ago(url: str) -> Teller:
    """Who tells what was known a month ago: the service's writer, with a clock that stood then."""
    teller = Teller(url)
    teller.writer = Writer(teller.journal, law_book(), keeper(), lambda: MONTH_AGO)
    return teller


@pytest.fixture(scope="module")
def town(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    teller = month_ago(database)
    product = str(teller.tell(STORY[:2], NAME))
    teller.journal.close()
    service = Service(tmp_path_factory.mktemp("as-of"), database).start()
    told = Town(service, product, {"product": product})
    members = 0
    for command, role, body in STORY[2:]:
        members += command == "submit-score-sheet"
        who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
        kind = COMMANDS[command].stream
        answer = told.give(told.ids.get(kind), command, who, addressed(command, body, told.ids))
        told.ids[kind] = answer[f"{kind}_id"]
    yield told
    service.stop()


def positioned(path: str, position: int, **more: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in {"known": f"position:{position}", **more}.items())
    return f"{path}{'&' if '?' in path else '?'}{query}"


# ── What was known when ───────────────────────────────────────────────────────────────────────


def test_a_product_as_known_a_month_ago(town: Town) -> None:
    """Two facts were known: it stood in step 1, whatever has happened since."""
    day = legal_date(MONTH_AGO).isoformat()
    then = town.get(f"{town.own}?known={day}")
    now = town.get(town.own)

    assert (then["step"]["number"], then["version"], then["certificate"]) == (1, 2, None)
    assert (now["step"]["number"], now["certificate"]["stars"]) == (6, 3)
    assert "as_of" not in now
    ends = datetime.combine(date.fromisoformat(day), datetime.max.time(), LEGAL_ZONE)
    assert datetime.fromisoformat(then["as_of"]["known"]) == ends
    assert 2 <= then["as_of"]["position"] < min(town.at.values())
    assert then["as_of"]["effective"] == legal_date(utc_now()).isoformat()
    assert town.ask(f"{town.own}?known={(legal_date(MONTH_AGO) - timedelta(days=1)).isoformat()}").status_code == 404


def test_a_product_as_it_stood_on_a_day(town: Town) -> None:
    """Only acts up to that day have happened, however much is known."""
    then = town.get(f"{town.own}?effective=2026-04-05")

    assert (then["step"]["number"], then["phase"]["code"]) == (3, "plan-submitted")
    assert town.get(f"{town.own}?effective=2026-10-19")["certificate"] is None
    assert town.get(f"{town.own}?effective=2026-10-20")["certificate"]["stars"] == 3
    assert town.ask(f"{town.own}?effective=2026-01-14").status_code == 404


def test_an_instant_is_written_as_rfc_3339_with_its_zone(town: Town) -> None:
    """Offsets, Z and an unescaped plus are read alike, and the echo can be asked for again."""
    here = (MONTH_AGO + timedelta(days=1)).astimezone(LEGAL_ZONE)
    asked = here.isoformat(timespec="seconds")
    plain, escaped = (town.ask(f"{town.own}?known={text}") for text in (asked, asked.replace("+", "%2B")))

    assert plain.status_code == 200, plain.text
    assert plain.content == escaped.content
    again = town.ask(f"{town.own}?known={plain.json()['as_of']['known']}")
    assert again.content == plain.content


def test_trail_decisions_and_explanation_as_of(town: Town) -> None:
    """What came later is not told, and a decision explained then computes again from its document."""
    before = town.at["conclude-session"]

    assert [row["version"] for row in town.get(positioned(f"{town.own}/trail", 2))["trail"]] == [1, 2]
    assert town.get(positioned(f"{town.own}/decisions", before))["decisions"] == []
    assert town.ask(positioned(f"{town.own}/decisions/1", before)).status_code == 404
    decided = town.get(positioned(f"{town.own}/decisions", town.at["recognise"]))
    assert [d["stars"] for d in decided["decisions"]] == [3]
    document = town.get(positioned(f"{town.own}/decisions/1", town.at["recognise"]))
    assert document["as_of"]["position"] == town.at["recognise"]
    assert differences(document) == []
    assert "as_of" not in town.get(f"{town.own}/decisions/1")
    assert "as_of" not in town.get(f"{town.own}/decisions")


def test_the_list_as_of_is_filtered_by_what_was_so_then(town: Town) -> None:
    """Steps, stars, lateness and words are those of the instant."""
    before = town.at["accept-idea"]

    def names(**more: str) -> list[str]:
        return [p["name"] for p in town.get(positioned("/v1/products", before, **more))["products"]]

    assert names() == names(step="2") == names(q="che shan") == [NAME]
    assert names(step="6") + names(stars="3") + names(q="mat ong") == []
    listed = town.get(positioned("/v1/products", before))
    single = town.get(positioned(town.own, before))
    assert listed["products"] == [{name: value for name, value in single.items() if name != "as_of"}]
    assert listed["as_of"] == single["as_of"]
    assert town.get("/v1/products?effective=2026-01-14")["products"] == []


def test_certificates_as_of(town: Town) -> None:
    """None before the decision was known, none before its day."""
    concluded, recognised = town.at["conclude-session"], town.at["recognise"]

    def found(query: str) -> list[Any]:
        return [(c["status"], c["stars"]) for c in town.get(f"/v1/certificates?{query}")["certificates"]]

    assert found(f"known=position:{concluded}") == []
    assert found(f"known=position:{recognised}") == [("valid", 3)]
    assert found("effective=2026-10-19") == []
    assert found("effective=2026-10-20&valid=true") == [("valid", 3)]
    assert found("effective=2026-10-20&status=revoked") == []


# ── What comes to be known later ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cited(town: Town) -> dict[str, bytes]:
    """Answers with the position they were given at, before anything is entered late, corrected or erased."""
    known = f"known=position:{max(town.at.values())}"
    paths = [
        *(f"{town.own}{part}?{known}" for part in ("", "/trail", "/decisions", "/decisions/1")),
        f"/v1/products?{known}",
        f"/v1/certificates?{known}",
        f"/v1/persons/{person_id('province-chair')}/authority?{known}",
        f"{town.own}/compare?from_known=position:2&to_known=position:{max(town.at.values())}",
        f"{town.own}/what-if?regime=QD26-2026&{known}",
    ]
    return {path: town.ask(path).content for path in paths if town.get(path)}


@pytest.fixture(scope="module")
def later(town: Town, cited: dict[str, bytes]) -> Town:
    """A fair entered late, a correction, and a product of 2024 taken over from a register."""
    fair = {**EXAMPLES["attend-fair"], "fair": "Hội chợ vào muộn", "effective_on": "2026-10-25"}
    town.give(town.product, "attend-fair", Role.PRODUCER, fair)
    mended = {"version": 2, "now": {"title": "Tập huấn đã đính chính"}, **NOTICE}
    town.give(town.product, "correct-fact", Role.PROVINCE_OFFICER, mended)
    town.entered = town.give(None, "enter-from-register", Role.PROVINCE_OFFICER, EXAMPLES["enter-from-register"])[
        "product_id"
    ]
    return town


def test_late_entries_and_corrections_do_not_change_what_was_known(later: Town, cited: dict[str, bytes]) -> None:
    """The same URL by position gives the same bytes."""
    assert {path: later.ask(path).content for path in cited} == cited


def test_a_late_entry_is_told_on_its_day_once_known(later: Town) -> None:
    """Dated 25 October and entered afterwards: by that day it had happened, as known now."""
    told = later.get(f"{later.own}/trail?effective=2026-10-31")["trail"]

    assert "Hội chợ vào muộn" in {row["data"].get("fair") for row in told}
    assert not any(row["fact"] == "product.ecommerce-listed" for row in told)


def test_a_correction_is_told_beside_its_fact_once_known(later: Town) -> None:
    """On whatever day it is asked of; before it was known, its fact stood uncorrected."""
    effective = "effective=2026-02-03"
    mended = later.get(f"{later.own}/trail?{effective}")["trail"]
    before = later.get(positioned(f"{later.own}/trail?{effective}", later.at["correct-fact"] - 1))["trail"]

    assert mended[1]["corrected_by"] == [mended[-1]["version"]]
    assert before[1]["corrected_by"] is None


def test_a_register_is_known_from_its_entry_and_counts_from_its_day(later: Town) -> None:
    """Decided in 2024, entered today: with what is known now, it held its star in 2025."""
    path = f"/v1/products/{later.entered}"
    then = later.get(f"{path}?effective=2025-06-01")

    assert then["certificate"]["valid"] is True
    assert later.ask(f"{path}?effective=2024-11-14").status_code == 404
    assert later.ask(positioned(path, later.at["enter-from-register"] - 2, effective="2025-06-01")).status_code == 404
    (found,) = later.get("/v1/certificates?effective=2025-06-01")["certificates"]
    assert (found["status"], found["decision_number"]) == ("valid", "1205/QĐ-UBND")
    assert [p["name"] for p in later.get("/v1/products?effective=2025-06-01")["products"]] == [then["name"]]


def test_authority_as_known(later: Town, cited: dict[str, bytes]) -> None:
    """Before the appointment was entered nobody knew the person; since then it is told as it was entered."""
    path = f"/v1/persons/{person_id('province-chair')}/authority"

    assert later.ask(f"{path}?on=2025-03-03&known=position:2").status_code == 404
    plain, known = later.get(f"{path}?on=2025-03-03"), later.get(f"{path}?on=2025-03-03&known={legal_date(utc_now())}")
    assert known["as_of"]["effective"] == "2025-03-03"
    assert {name: value for name, value in known.items() if name != "as_of"} == plain
    assert plain["powers"]


def test_compare_tells_fields_facts_and_corrections(later: Town) -> None:
    """From before its recognition to now: the star, who gave it, and what was put right."""
    path = f"{later.own}/compare?from_known=position:{later.at['conclude-session']}"
    found = later.get(path)

    fields = {entry["field"]: (entry["before"], entry["after"]) for entry in found["fields"]}
    assert fields["certificate"][0] is None
    assert fields["certificate"][1]["stars"] == 3
    assert "name" not in fields
    assert found["facts"][0]["fact"] == "product.recognised"
    assert all(fact["change"] == "came" and fact["vi"] and fact["en"] and fact["person"] for fact in found["facts"])
    (mended,) = found["corrected"]
    assert (mended["version"], mended["now"]) == (2, {"title": "Tập huấn đã đính chính"})
    back = later.get(f"{later.own}/compare?from_effective=2026-11-20&to_effective=2026-10-19")
    assert {fact["change"] for fact in back["facts"]} == {"gone"}
    assert back["as_of"]["to"]["effective"] == "2026-10-19"


def test_what_if_says_what_differs_and_what_cannot_be_compared(later: Town) -> None:
    """Under its own rules nothing differs; no decision converts its sheet into one of 2023."""
    same = later.get(f"{later.own}/what-if?regime=QD26-2026")
    refused = later.ask(f"{later.own}/what-if?regime=QD148-2023")
    unscored = later.ask(f"/v1/products/{later.entered}/what-if?regime=QD26-2026")

    assert same["differences"] == []
    assert same["what_if"]["signs"]["level"] == "province"
    assert (refused.status_code, refused.json()["type"]) == (409, "/v1/problems/not-comparable")
    assert "148" in refused.json()["detail"]
    assert unscored.status_code == 409
    unknown = later.ask(f"{later.own}/what-if?regime=QD1-1999")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "regime")


# ── Doors ─────────────────────────────────────────────────────────────────────────────────────

TOMORROW = (legal_date(utc_now()) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("effective", value) for value in (TOMORROW, "2017-12-31", "x", "2026-13-01", "2026-02-30", "")),
        *(("known", value) for value in (TOMORROW, f"{TOMORROW}T00:00:00Z", "2017-12-31", "2016-01-01T00:00:00Z")),
        *(("known", value) for value in ("", "x", "2026-11-01T00:00:00", "2026-13-40", "0000-00-00", "9999-12-31")),
        *(("known", value) for value in ("position:", "position:-1", "position:x", "position:999999999999")),
        *(
            ("known", value)
            for value in ("2026-11-01T25:00:00Z", "2026-11-01T00:00:00%2B99:00", "9999-12-31T23:59:59Z")
        ),
        ("known", "%00"),
        ("known", "1" * 60),
    ],
)
def test_what_is_no_instant_is_a_problem_that_names_it(town: Town, field: str, value: str) -> None:
    """On every route, in both languages, and never an error of the service."""
    person = f"/v1/persons/{person_id('province-chair')}/authority"
    paths = [town.own, f"{town.own}/trail", f"{town.own}/decisions", "/v1/products", "/v1/certificates"]
    for path in [*paths, *([person] if field == "known" else [])]:
        answer = town.ask(f"{path}?{field}={value}")
        assert answer.status_code == 422, f"{path} {value}: {answer.text}"
        problem = answer.json()
        assert [error["field"] for error in problem["errors"]] == [field]
        assert problem["detail"]
        assert problem["detail_en"]
    answer = town.ask(f"{town.own}/compare?from_{field}={value}&to_effective=2026-06-01")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, f"from_{field}")


def test_a_comparison_needs_a_first_instant(town: Town) -> None:
    answer = town.ask(f"{town.own}/compare")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "from_known")


def test_outside_ones_area_there_is_nothing_at_any_instant(town: Town) -> None:
    """The reader's area is today's; a stranger is turned away before the instant is looked at."""
    known = f"known=position:{town.at['recognise']}"
    paths = [f"{town.own}{part}?{known}" for part in ("", "/trail", "/decisions", "/decisions/1")]
    paths += [f"{town.own}/compare?from_known=position:2", f"{town.own}/what-if?regime=QD26-2026"]
    for path in paths:
        for who in ("officer elsewhere", "another producer"):
            answer = town.ask(path, who)
            assert (answer.status_code, answer.json()["type"]) == (404, "/v1/problems/not-found"), path
        assert town.service.client.get(path).status_code == 401
    assert town.ask(f"/v1/products?{known}", "officer elsewhere").json()["products"] == []
    assert town.ask(f"/v1/certificates?{known}", "officer elsewhere").json()["certificates"] == []


# ── Erasure, last of all ──────────────────────────────────────────────────────────────────────


def test_after_an_erasure_the_same_answer_reads_the_same_but_for_what_is_gone(
    later: Town, cited: dict[str, bytes]
) -> None:
    """Only erased personal data differs, and it reads "đã xoá"."""
    path = next(path for path in cited if "/trail?" in path)
    before = later.get(path)
    case = Case(later.service, product=later.product, position=max(later.at.values()))
    case.erased(Role.PRODUCER, registration=PRODUCER)
    after = later.get(path)

    gone = list(different(before, after))
    assert gone
    assert {now for _, now in gone} == {ERASED}
    for other, content in cited.items():
        if "/trail?" not in other:
            assert later.ask(other).content == content, other


def different(before: Any, after: Any) -> Iterator[tuple[Any, Any]]:
    """The leaves that differ between two documents of one shape."""
    if isinstance(before, dict) and isinstance(after, dict):
        assert before.keys() == after.keys()
        for name in before:
            yield from different(before[name], after[name])
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            yield from different(one, other)
    elif before != after:
        yield before, after
