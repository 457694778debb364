"""The law as data: regimes, sheets, calendar and areas, each rule beside its legal basis."""
