"""Taking a decision again from its explanation alone (kiểm tra lại kết quả): no rule file, no journal, no clock.

The document of a decision carries every choice, band and condition. Whoever holds it can compute the star with
this module, which looks at nothing else, and see whether the recorded one follows from it:

    python recompute.py < decision.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any

Document = Mapping[str, Any]
"""A decision's explanation as ``GET /v1/products/{id}/decisions/{n}`` gives it, JSON values only."""

Missed = tuple[str, int, int, Fraction]
"""A condition missed: criterion, stars, points needed and found."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What follows from a document's choices, bands and conditions."""

    totals: tuple[tuple[str, int], ...]
    spread: int
    average: Fraction
    band: int
    missed: tuple[Missed, ...]
    stars: int


def recompute(document: Document) -> Recomputed:
    """The star from the document's choices, bands and conditions; raises ValueError where they do not suffice."""
    if not document["sheets"]:
        raise ValueError("the document holds no score sheets")
    members = _by("member", [(sheet["member"], sheet["choices"]) for sheet in document["sheets"]])
    points = {member: _points(choices) for member, choices in members.items()}
    if len({frozenset(found) for found in points.values()}) > 1:
        raise ValueError("the members have not answered the same criteria")
    totals = {member: sum(found.values()) for member, found in points.items()}
    average = Fraction(sum(totals.values()), len(totals))
    band = max(b["stars"] for b in document["bands"] if average >= b["min"])
    found = _found(document, list(points.values()))
    missed = tuple(
        sorted(
            (condition["code"], level["stars"], condition["minimum"], found.get(condition["code"], Fraction(0)))
            for level, condition in _conditions(document)
            if condition["code"] is not None
            and level["stars"] <= band
            and found.get(condition["code"], Fraction(0)) < condition["minimum"]
        )
    )
    stars = min([band, *(held - 1 for _, held, _, _ in missed)])
    spread = max(totals.values()) - min(totals.values())
    return Recomputed(tuple(sorted(totals.items())), spread, average, band, missed, stars)


def differences(document: Document) -> list[str]:
    """What the document records otherwise than its own inputs say; empty when all follows.

    Holds every figure that is shown against the choices, and the whole document against its digest. Raises
    ValueError where the inputs do not suffice.
    """
    again, result = recompute(document), document["result"]
    found = _found(document, [_points(sheet["choices"]) for sheet in document["sheets"]])
    compared: list[tuple[str, object, object]] = [
        ("totals", tuple(sorted((s["member"], s["total"]) for s in document["sheets"])), again.totals),
        ("spread", document["spread"]["points"], again.spread),
        ("average", Fraction(result["average"]), again.average),
        ("band", result["band"], again.band),
        (
            "missed",
            tuple(sorted((g["code"], g["stars"], g["needed"], Fraction(g["found"])) for g in result["missed"])),
            again.missed,
        ),
        ("stars", result["stars"], again.stars),
    ]
    for level, condition in _conditions(document):
        where = f"{level['stars']} stars, {condition['code'] or 'average'}"
        score = again.average if condition["code"] is None else found.get(condition["code"], Fraction(0))
        compared += [
            (f"{where}: score", Fraction(condition["score"]), score),
            (f"{where}: met", condition["met"], score >= condition["minimum"]),
        ]
        if condition["code"] is None:
            least = {band["stars"]: band["min"] for band in document["bands"]}
            compared.append((f"{where}: minimum", condition["minimum"], least.get(level["stars"])))
    for level in document["checklist"]:
        passed = (sum(1 for condition in level["conditions"] if condition["met"]), len(level["conditions"]))
        compared.append((f"{level['stars']} stars: passed", (level["passed"], level["of"]), passed))
    compared += _ruled(document, again)
    compared.append(("digest", document["digest"], digest_of(document)))
    return [f"{name}: recorded {was}, recomputed {now}" for name, was, now in compared if was != now]


def digest_of(document: Document) -> str:
    """SHA-256 of all of the document but its ``digest``: JSON with sorted keys, without spaces, in UTF-8."""
    told = {key: value for key, value in document.items() if key != "digest"}
    written = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(written.encode()).hexdigest()


def _ruled(document: Document, again: Recomputed) -> list[tuple[str, object, object]]:
    """The star the authority decided on, where it named one: the council's, or what its level certifies meanwhile."""
    authority = document["authority"]
    if authority["stars"] is None:
        return []
    interim = authority["interim_stars"]
    stars = again.stars if interim is None else min(again.stars, interim)
    return [("stars decided on", authority["stars"], stars)]


def _conditions(document: Document) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return [(level, condition) for level in document["checklist"] for condition in level["conditions"]]


def _points(choices: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found = _by("criterion", [(choice["code"], choice["points"]) for choice in choices])
    if unknown := [code for code, points in found.items() if points is None]:
        raise ValueError(f"the points are not known for {', '.join(unknown)}")
    return found


def _by(what: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a {what} is there twice")
    return found


def _found(document: Document, members: Sequence[Mapping[str, int]]) -> dict[str, Fraction]:
    """Points the conditions are held against: agreed by the council, or the exact average of the members'."""
    if document["gate_test"] == "agreed":
        return {code: Fraction(points) for code, points in _points(document["agreed"]).items()}
    if document["gate_test"] != "average":
        raise ValueError(f"conditions are not tested on {document['gate_test']}")
    codes = {code for points in members for code in points}
    return {code: Fraction(sum(points.get(code, 0) for points in members), len(members)) for code in codes}


def main() -> int:
    """Compute the document on standard input again, say what follows, and whether it is what was recorded."""
    document = json.load(sys.stdin)
    try:
        again, wrong = recompute(document), differences(document)
    except (KeyError, TypeError, ValueError) as error:
        sys.stdout.write(f"Không tính lại được. Cannot be computed again: {error}\n")
        return 2
    sheets = ", ".join(f"{member} {total}" for member, total in again.totals)
    sys.stdout.write(f"{sheets}\naverage {again.average}, band {again.band}, stars {again.stars}\n")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write("KHÔNG KHỚP. It does not follow.\n" if wrong else "Khớp. It follows.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
