"""The sentences of the five plans that have a figure or a day: number by number, and what it is in the plan as data.

Paragraphs are counted in the texts at hand, empty lines left out. ``IDLE``: numbers that set nothing.
"""

from pathlib import Path

SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
Figures = dict[int, tuple[tuple[str, str], ...]]

FIGURES: dict[str, Figures] = {
    "phu-tho-2019": {
        4: (("18/7/2019", "programme.issued_on"), ("3262", "programme.decision_number"), ("2020", "deadlines.by-2020")),
        5: (("2020", "deadlines.by-2020"), ("2025", "deadlines.outlook-2025")),
        6: (
            ("2020", "deadlines.by-2020 targets.products"),
            ("50", "targets.products"),
            ("5", "targets.five-stars-province"),
            ("5", "targets.five-stars-province"),
            ("1", "targets.five-stars-nation"),
            ("5", "targets.five-stars-nation"),
            ("50", "targets.organisations"),
        ),
        7: (("06", "tasks.cycle"),),
        8: (
            ("23", "priorities.key-products"),
            ("27", "targets.potential-products"),
            ("2020", "targets.potential-products"),
        ),
        9: (("3", "priorities.promotion"),),
    },
    "da-bac-2023": {
        5: (
            ("2018", "programme.legal_bases"),
            ("2020", "programme.legal_bases"),
            ("2030", "programme.legal_bases"),
            ("2023", "deadlines.year"),
            ("2", "priorities.potential priorities.existing"),
            ("30/9/2023", "deadlines.rating"),
        ),
        8: (("06", "targets.standardised priorities.existing"),),
        9: (
            ("2023", "deadlines.year"),
            ("2023", "deadlines.year"),
            ("2023", "deadlines.year"),
            ("2023", "deadlines.contest"),
        ),
    },
    "binh-thuan-2023": {
        1: (("2023", "targets.new-products"), ("20", "targets.new-products"), ("3", "targets.new-products")),
        3: (("7/7", "programme.issued_on"), ("2023", "programme.first")),
        4: (
            ("2", "targets.classes"),
            ("20", "targets.new-products"),
            ("3", "targets.new-products"),
            ("2", "targets.points-of-sale"),
        ),
        7: (("2021", "tasks.promotion programme.legal_bases"), ("2025", "tasks.promotion programme.legal_bases")),
        9: (
            ("3", "deadlines.district-rating"),
            ("70", "tasks.pass-up"),
            ("4", "tasks.pass-up"),
            ("31/10/2023", "deadlines.district-rating"),
            ("4", "deadlines.province-rating"),
            ("4", "deadlines.province-rating"),
            ("31/12/2023", "deadlines.province-rating"),
        ),
        19: (("2023", "targets.new-products"), ("20", "targets.new-products"), ("3", "targets.new-products")),
    },
    "quang-nam-2022": {
        1: (("2134", "programme.decision_number"), ("2022", "programme.first")),
        2: (("2134", "programme.decision_number"),),
        3: (("08/04/2022", "programme.issued_on"),),
        4: (("08/04/2022", "programme.issued_on"),),
        15: (("2134", "programme.decision_number"),),
        16: (("08", "programme.issued_on"), ("4", "programme.issued_on"), ("2022", "programme.issued_on")),
        18: (("2022", "programme.first"),),
        19: (
            ("07/2021", "programme.legal_bases"),
            ("13/01/2021", "programme.legal_bases"),
            ("2021", "programme.legal_bases"),
            ("2025", "programme.legal_bases"),
            ("524", "programme.legal_bases"),
            ("25/02/2021", "programme.legal_bases"),
            ("07/2021", "programme.legal_bases"),
            ("13/01/2021", "programme.legal_bases"),
            ("485", "programme.legal_bases"),
            ("21/01/2022", "programme.legal_bases"),
            ("2022", "programme.first"),
            ("2022", "programme.first"),
        ),
        21: (
            ("07/2021", "programme.legal_bases"),
            ("13/01/2021", "programme.legal_bases"),
            ("2021", "programme.legal_bases"),
            ("2025", "programme.legal_bases"),
        ),
        22: (("2022", "deadlines.year"),),
        29: (
            ("100", "targets.apparatus"),
            ("100", "targets.officials-trained targets.new-producers-trained"),
            ("2022", "targets.new-producers-trained"),
        ),
        30: (
            ("268", "targets.products-supported"),
            ("2022", "targets.reached-three-stars"),
            ("70", "targets.reached-three-stars"),
            ("2022", "targets.reached-three-stars"),
            ("3", "targets.reached-three-stars"),
            ("2022", "targets.reached-three-stars"),
        ),
        31: (("10", "targets.organisations"),),
        32: (("100", "targets.food-safety targets.packaging targets.quality"),),
        33: (
            ("2022", "targets.points-of-sale"),
            ("18", "targets.points-of-sale targets.apparatus"),
            ("01", "targets.points-of-sale"),
            ("01", "targets.revenue targets.profit"),
            ("3", "targets.revenue targets.profit"),
            ("1,5", "targets.revenue targets.profit"),
        ),
        34: (("02", "targets.fairs"), ("2022", "targets.conference"), ("2023", "targets.conference")),
        37: (("2022", "deadlines.year"),),
        39: (("01", "targets.workshop"),),
    },
    "dak-nong-2022": {
        4: (
            ("653", "programme.decision_number"),
            ("11/11/2022", "programme.issued_on"),
            ("2021", "programme.first"),
            ("2025", "programme.last"),
        ),
        6: (
            ("2025", "targets.new-products targets.total-products"),
            ("30", "targets.new-products"),
            ("3", "targets.new-products"),
            ("80", "targets.total-products"),
            ("10", "targets.four-five-stars"),
            ("4", "targets.four-five-stars"),
            ("5", "targets.four-five-stars"),
        ),
        7: (("01", "targets.classes-knowledge"), ("01", "targets.classes-officials")),
        8: (("2", "targets.classes-producers"),),
        9: (("2023", "targets.monitoring"),),
        10: (("02", "targets.clips"), ("03", "targets.articles")),
        12: (("100", "targets.online"),),
        13: (("2025", "targets.points-of-sale"), ("01", "targets.points-of-sale")),
        14: (("5", "targets.revenue-growth"), ("10", "targets.revenue-growth")),
        15: (("06", "tasks.solutions"),),
    },
}

IDLE: dict[str, dict[int, tuple[str, ...]]] = {
    "phu-tho-2019": {2: ("23/10/2019", "09:06"), 3: ("394",)},  # when it was put online, how often it was read
    "da-bac-2023": {4: ("14/06/2023", "17:06")},
    "binh-thuan-2023": {
        2: ("07/07/2023", "18:47"),
        5: ("4496318135515", "9", "5385", "72314172", "3", "1", "88", "7910", "1"),  # names of pictures
        8: ("4496316624933", "1", "7088", "75", "79617", "652", "21", "711300", "39"),
        14: ("22/3",),  # another article
        15: ("0",),
    },
    "quang-nam-2022": {
        21: ("1",),  # numbers of sections
        22: ("2",),
        24: ("1",),
        28: ("2",),
        36: ("1",),
        46: ("4",),  # the site's own
        47: ("0318679464", "15", "32"),
    },
    "dak-nong-2022": {1: ("15",), 3: ("15/11/2022", "16:32", "14983")},
}
