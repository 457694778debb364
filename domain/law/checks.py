"""What rule files must hold to among themselves; the loader refuses the first contradiction it finds."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise

from pydantic import ValidationError

from domain.law.areas import areas
from domain.law.models import CouncilRules, Criterion, Entry, Practice, Regime, Section, Setting, Sheet, rules_within

COMMUNE = "commune"
"""The level that checks and reports; it evaluates nothing, so no regime lists it."""


LONGEST_GAP = 60
"""Seconds between decisions that may be asked for: the radar looks at them minute by minute, with the minute before."""

REASON = "suy luận:"
"""What stands before the reason of an inference, in its legal basis."""

_OF_ONE_PLACE = re.compile(r"\b(?:[Hh]ướng dẫn|[Kk]ế hoạch|[Qq]uy chế hội đồng|KH \S+) (\w)")


class BrokenRules(Exception):
    """A rule file contradicts itself; the message names the file and the place."""


def check_marks(where: str, entry: Entry) -> None:
    """A mark says what its basis says; raises BrokenRules.

    A basis that was not found needs the mark "not-found", or "inferred" with the reason after "suy luận:"; an
    office's setting is "not-found"; the guide or plan of one place ("hướng dẫn Bến Tre") is "local".
    """
    for place, rule in rules_within(entry):
        basis = rule.legal_basis.lower()
        allowed = (
            {"inferred"}
            if REASON in basis
            else {"not-found"}
            if "không tìm thấy" in basis or "thiết lập của cơ quan" in basis
            else {"local"}
            if any(first.isupper() for first in _OF_ONE_PLACE.findall(rule.legal_basis))
            else {"fact", "inferred", "local", "not-found"}
        )
        if rule.mark not in allowed:
            told = " or ".join(sorted(allowed))
            raise BrokenRules(f"{where}: {place or 'itself'}: “{rule.legal_basis}” is {told}, not {rule.mark}")


def check_sheet(sheet: Sheet, regime: Regime) -> None:
    """Sums, parts, headings, unknown criteria, best options and gates of a sheet; raises BrokenRules.

    In a sheet that is not known in full sums may fall short, but never exceed what stands above them.
    """
    if sheet.group is not None and sheet.group not in {group.maps_to or group.code for group in regime.groups}:
        raise BrokenRules(f"{sheet.id}: {regime.id} has no group {sheet.group}")
    check_marks(f"sheets/{sheet.id}.toml", sheet.model_copy(update={"library": {}}))  # which is checked by itself
    codes = Counter(place.code for part in sheet.parts for section in part.sections for place in section.criteria)
    if twice := [code for code, times in codes.items() if times > 1]:
        raise BrokenRules(f"{sheet.id} uses a code twice: {', '.join(twice)}")
    for part in sheet.parts:
        for section in part.sections:
            _check_section(sheet, section)
        _adds_up(sheet, f"part {part.code}", [s.max for s in part.sections], part.max)
    if {p.code: p.max for p in sheet.parts} != regime.rating.parts:
        raise BrokenRules(f"{sheet.id}: its parts are not those of {regime.id}")


def _check_section(sheet: Sheet, section: Section) -> None:
    for place in section.criteria:
        if place.use not in sheet.library:
            raise BrokenRules(f"{sheet.id} {place.code}: no criterion {place.use}")
    for heading in section.headings:
        under = [sheet.library[p.use].max for p in section.criteria if p.code.startswith(f"{heading.code}.")]
        _adds_up(sheet, f"heading {heading.code}", under, heading.max)
    _adds_up(sheet, f"section {section.code}", [sheet.library[p.use].max for p in section.criteria], section.max)


def _adds_up(sheet: Sheet, what: str, maxima: list[int], expected: int) -> None:
    if sum(maxima) > expected or (sheet.complete and sum(maxima) != expected):
        raise BrokenRules(f"{sheet.id} {what} does not add up to {expected}")


def check_criterion(where: str, criterion: Criterion) -> None:
    """Marks, best option and star gates of a criterion; raises BrokenRules."""
    check_marks(where, criterion)
    for variant in {o.variant for o in criterion.options} or {None}:
        options = [o for o in criterion.options if o.variant == variant]
        if max((o.points for o in options), default=-1) != criterion.max:
            raise BrokenRules(f"{where}: best option is not {criterion.max}")
        gates = sorted((o.star, o.points) for o in options if o.star)
        for (low, fewer), (high, more) in pairwise(gates):
            if low == high:
                raise BrokenRules(f"{where}: two options are the minimum for {low} stars")
            if fewer >= more:
                raise BrokenRules(f"{where}: {high} stars need no more points than {low}")


def check_regime(regime: Regime) -> None:
    """Levels, bands, parts, batches, competences and marks of a regime; raises BrokenRules."""
    check_marks(f"regimes/{regime.id}.toml", regime)
    levels = [level.code for level in regime.levels]
    certified = sorted(stars for level in regime.levels for stars in level.certifies)
    parts, total = regime.rating.parts, regime.rating.total
    best = max(band.stars for band in regime.bands)
    rising = sorted((band.min, band.stars) for band in regime.bands)
    known = {*levels, COMMUNE}
    faults = {
        "two levels have one code": len(set(levels)) != len(levels),
        "stars are certified by no level, or by two": certified
        != list(range(regime.rating.certifiable_from_stars, best + 1)),
        "only the last level passes nothing up": [level.pass_up_from is None for level in regime.levels]
        != [False] * (len(levels) - 1) + [True],
        "parts do not add up to the total": sum(parts.values()) != total,
        "bands do not rise from 0": rising[0][0] != 0 or any(a[1] >= b[1] for a, b in pairwise(rising)),
        "a batch of no level": not {batch.level for batch in regime.batches} <= set(levels),
        "a competence of no level": not {c.partition("@")[2] for c in regime.competences} <= {"", *known},
        "a list names a code twice": any(
            len({g.code for g in grounds}) != len(grounds)
            for grounds in (regime.rejections, regime.revocation.grounds, regime.forms, regime.groups)
        ),
        "it ends before it begins": regime.in_force_to is not None and regime.in_force_to < regime.in_force_from,
    }
    for fault, found in faults.items():
        if found:
            raise BrokenRules(f"regimes/{regime.id}.toml: {fault}")


def check_regimes(regimes: Mapping[str, Regime]) -> None:
    """Regimes name only regimes, levels, kinds and groups that exist; raises BrokenRules."""
    today = {group.code for group in max(regimes.values(), key=lambda r: r.in_force_from).groups}
    levels = {level.code for regime in regimes.values() for level in regime.levels}
    for regime in regimes.values():
        where = f"regimes/{regime.id}.toml"
        if unknown := [g.code for g in regime.groups if g.maps_to is not None and g.maps_to not in today]:
            raise BrokenRules(f"{where}: groups {', '.join(unknown)} map to none of today's")
        if unknown := [w.code for w in regime.data_warnings if w.level is not None and w.level not in levels]:
            raise BrokenRules(f"{where}: data warnings {', '.join(unknown)} are about no level")
        if regime.transition is None:
            continue
        if unknown := [name for name in regime.transition.regimes if name not in regimes]:
            raise BrokenRules(f"{where}: transition from unknown regimes {', '.join(unknown)}")
        kinds = Counter(kind for dossiers in regime.transition.dossiers for kind in dossiers.kinds)
        if set(kinds) != set(regime.kinds.codes) or max(kinds.values()) > 1:
            raise BrokenRules(f"{where}: transition does not treat each kind of dossier once")


def check_practice(practice: Practice, regimes: Iterable[Regime]) -> None:
    """Provinces exist and overrule only what there is to overrule; raises BrokenRules."""
    regimes = list(regimes)
    check_marks("practice.toml", practice)
    _check_radar("practice.toml", practice.settings)
    known = {*practice.competences, *(c for regime in regimes for c in regime.competences)}
    for code, own in practice.provinces.items():
        where = f"practice.toml: provinces.{code}"
        if len(code) != 2 or code not in areas():
            raise BrokenRules(f"{where}: there is no such province")
        for kind, given, base in (
            ("competences", own.competences, known),
            ("deadlines", own.deadlines, practice.deadlines),
            ("settings", own.settings, practice.settings),
            ("council", own.council, CouncilRules.model_fields),
        ):
            for name in given:
                if name not in base:
                    raise BrokenRules(f"{where}.{kind}.{name}: there is nothing of that name to overrule")
        for name, setting in own.settings.items():
            if type(setting.value) is not type(practice.settings[name].value):
                raise BrokenRules(f"{where}.settings.{name}: not of the kind that it overrules")
        _check_radar(where, own.settings)
        for regime in regimes:
            try:
                rules = CouncilRules.model_validate({**regime.council.model_dump(), **own.council})
            except ValidationError as broken:
                raise BrokenRules(f"{where}.council: {broken}") from None
            check_marks(f"{where}.council", rules)


def _check_radar(where: str, settings: Mapping[str, Setting]) -> None:
    for name in settings.keys() & {"radar_boundary_points", "radar_spread_points", "radar_member_points"}:
        try:
            Fraction(str(settings[name].value))
        except ValueError:
            raise BrokenRules(f"{where}.settings.{name}: not a number of points") from None
    seconds = settings.get("radar_decision_seconds")
    if seconds is not None and not 0 < int(str(seconds.value)) <= LONGEST_GAP:
        raise BrokenRules(f"{where}.settings.radar_decision_seconds: from 1 to {LONGEST_GAP}")
