"""Boards (bảng điều hành): what each dashboard counts, in words and as rows to count.

A board chooses rows and says of each which part of the board it is counted in. So a number is a count over those rows,
and its drill-through is those rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, LiteralString


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of number of a board.

    ``each``: products are counted, or rows. ``amount``: what is told of the amounts in them, and in which ``unit``.
    """

    vi: str
    en: str
    each: Literal["product", "row"] = "product"
    amount: Literal["", "sum", "max"] = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. ``by``: ways to break it down, the first one unless asked otherwise; "" is not at all.

    ``filters``: parameters it takes. ``rows``: query of the rows it counts, out of {seen}, what the reader may see.
    ``first``: which of a product's rows stands for it. ``year``: the year of a row. ``today_only``: told of
    what waits now, so there is no as-of.
    """

    vi: str
    en: str
    definition_vi: str
    definition_en: str
    by: tuple[str, ...]
    filters: frozenset[str]
    parts: Mapping[str, Part]
    rows: LiteralString
    first: LiteralString = "begins DESC, position DESC, number DESC"
    year: LiteralString = "extract(year FROM begins)::int::text"
    today_only: bool = False


AREAS = ("province", "commune", "unit")
_TIME = frozenset({"effective", "known", "map", "area", "group"})

STARS = Board(
    vi="Sản phẩm đang có giấy chứng nhận còn hiệu lực",
    en="Products with a certificate in force",
    definition_vi="Sản phẩm có giấy chứng nhận còn hiệu lực trong ngày; mỗi sản phẩm tính một lần, theo giấy mới nhất."
    " Năm là năm công nhận. Giấy thiếu ngày không tính ở đây: xem bảng expiring.",
    definition_en="Products with a certificate in force that day; each once, by its latest certificate. The year is"
    " that of recognition. Certificates without a day are not counted here: see the board expiring.",
    by=("stars", "group", *AREAS, "level", "producer", "year"),
    filters=_TIME | {"stars"},
    parts={"certified": Part("Còn hiệu lực", "In force")},
    rows="""
        SELECT DISTINCT ON (product_id) *, 'certified' AS part FROM {seen} AS m
        WHERE what = 'certified' AND begins <= %(day)s AND (ends IS NULL OR ends > %(day)s)
        ORDER BY product_id, begins DESC, position DESC, number DESC
    """,
    year="subject",
)

FUNNEL = Board(
    vi="Sản phẩm của một chu trình qua các bước",
    en="Products of a cycle, step by step",
    definition_vi="Trong các sản phẩm được xác định tiềm năng của chu trình (năm): đã đăng ký ý tưởng, đã nộp hồ sơ,"
    " đã được công nhận, đang xúc tiến (có mặt trên sàn, hội chợ, chuỗi bán lẻ, điểm bán, hoặc có doanh thu)"
    " đến hết ngày.",
    definition_en="Of the products identified in the cycle (year): those that registered an idea, filed a dossier, were"
    " rated, and are promoted (listed online, at a fair, in a chain or shop, or with revenue) by the end of the day.",
    by=("", "group", *AREAS, "producer"),
    filters=_TIME | {"cycle"},
    parts={
        "identified": Part("Đã xác định", "Identified"),
        "registered": Part("Đã đăng ký ý tưởng", "Idea registered"),
        "filed": Part("Đã nộp hồ sơ", "Dossier filed"),
        "rated": Part("Đã được công nhận", "Rated"),
        "promotion": Part("Đang xúc tiến", "In promotion"),
    },
    # A product's group is decided after it was identified: all its rows are told of the last one known.
    rows="""
        SELECT m.product_id, m.position, m.number, m.version, m.what, m.begins, m.ends, m.area, m.province, m.stars,
            m.level, m.kind, m.subject, m.amount, m.illustrative,
            first_value(m.group_code) OVER (PARTITION BY m.product_id ORDER BY m.group_code IS NULL, m.position DESC)
                AS group_code,
            CASE WHEN m.what IN ('identified', 'registered', 'filed', 'rated') THEN m.what ELSE 'promotion' END AS part
        FROM {seen} AS m
        WHERE m.what IN ('identified', 'registered', 'filed', 'rated', 'listed', 'fair', 'chain', 'shop', 'revenue')
            AND m.cycle = %(cycle)s AND m.begins <= %(day)s AND (m.ends IS NULL OR m.ends > %(day)s)
            AND m.product_id IN (
                SELECT product_id FROM {seen} AS i
                WHERE what = 'identified' AND cycle = %(cycle)s AND begins <= %(day)s
            )
    """,
)

EXPIRING = Board(
    vi="Giấy chứng nhận sắp hết hạn, đã hết hạn, thiếu ngày",
    en="Certificates that expire, have expired, or lack a day",
    definition_vi="Theo giấy mới nhất của mỗi sản phẩm: còn hiệu lực và còn không quá {closes} ngày (đã qua cửa sổ"
    " nộp hồ sơ đánh giá lại), còn trên {closes} đến {opens} ngày (trong cửa sổ), còn trên {opens} ngày;"
    " đã hết hạn mà chưa được công nhận lại (giấy bị thu hồi, tạm đình chỉ không tính, trừ khi đã hết hạn);"
    " giấy theo sổ mà thiếu ngày.",
    definition_en="By the latest certificate of each product: in force with at most {closes} days left (the window for"
    " re-evaluation is over), more than {closes} and up to {opens} (within it), more than {opens}; expired and not"
    " rated again (revoked and suspended ones do not count unless they ran out); taken from a register without a day.",
    by=("", "stars", "group", *AREAS, "level"),
    filters=_TIME | {"stars"},
    parts={
        "closing": Part("Còn không quá {closes} ngày", "At most {closes} days left"),
        "window": Part("Còn trên {closes} đến {opens} ngày", "More than {closes} and up to {opens} days left"),
        "beyond": Part("Còn trên {opens} ngày", "More than {opens} days left"),
        "expired": Part("Đã hết hạn, chưa công nhận lại", "Expired and not rated again"),
        "date-missing": Part("Thiếu ngày", "Date missing"),
    },
    rows="""
        SELECT t.*, CASE
            WHEN t.ends <= %(day)s THEN 'expired'
            WHEN t.what = 'undated' THEN 'date-missing'
            WHEN t.ends - 1 - %(day)s <= %(closes)s THEN 'closing'
            WHEN t.ends - 1 - %(day)s <= %(opens)s THEN 'window'
            ELSE 'beyond' END AS part
        FROM (
            SELECT DISTINCT ON (product_id) * FROM {seen} AS m
            WHERE what IN ('certified', 'undated') AND begins <= %(day)s
            ORDER BY product_id, (what = 'certified' AND ends > %(day)s) DESC, begins DESC, position DESC, number DESC
        ) AS t LEFT JOIN (
            SELECT product_id, max(begins) AS ran_out FROM {seen} AS e
            WHERE what = 'expired' AND begins <= %(day)s GROUP BY product_id
        ) AS x USING (product_id)
        WHERE t.ends IS NULL OR t.ends > %(day)s OR t.kind IS NULL OR x.ran_out >= t.ends
    """,
    year="subject",
)

PROMOTION = Board(
    vi="Xúc tiến thương mại và doanh thu",
    en="Promotion and revenue",
    definition_vi="Sản phẩm đang có trên sàn thương mại điện tử, đã vào chuỗi bán lẻ, điểm bán, đã dự hội chợ;"
    " hợp đồng đã ký và báo cáo doanh thu, với số tiền (đồng). Năm là năm của việc; doanh thu: năm của kỳ báo cáo.",
    definition_en="Products listed online now, in retail chains, in shops, and that were at fairs; contracts signed and"
    " reports of revenue, with their amounts in VND. The year is that of the act; of revenue, of the period.",
    by=("", "channel", "year", "group", *AREAS, "producer"),
    filters=_TIME | {"year"},
    parts={
        "listed": Part("Trên sàn thương mại điện tử", "Listed online"),
        "chain": Part("Trong chuỗi bán lẻ", "In retail chains"),
        "shop": Part("Tại điểm bán", "In shops"),
        "fair": Part("Đã dự hội chợ", "At fairs"),
        "contract": Part("Hợp đồng", "Contracts", each="row", amount="sum", unit="VND"),
        "revenue": Part("Báo cáo doanh thu", "Reports of revenue", each="row", amount="sum", unit="VND"),
    },
    rows="""
        SELECT *, what AS part FROM {seen} AS m
        WHERE what IN ('listed', 'chain', 'shop', 'fair', 'contract', 'revenue')
            AND begins <= %(day)s AND (ends IS NULL OR ends > %(day)s)
    """,
)

LATENESS = Board(
    vi="Việc đang chờ và việc quá hạn",
    en="What waits, and what is late",
    definition_vi="Sản phẩm và phiên họp có việc đang chờ cơ quan, vai trò: quá hạn (số ngày trễ lớn nhất)"
    " hoặc chưa quá hạn (số ngày lớn nhất kể từ khi ở trạng thái này)."
    " Chỉ tính được cho hôm nay, không hỏi được cho ngày khác.",
    definition_en="Products and sessions with something that waits for an office or role: late (with the most days"
    " late), or not late (with the most days since they came to where they stand)."
    " Told of today only, not of another day.",
    by=("office", "role", "task", "group", "province", "commune"),
    filters=frozenset({"area", "group"}),
    parts={
        "late": Part("Quá hạn", "Late", amount="max", unit="ngày"),
        "waiting": Part("Chưa quá hạn", "Not late", amount="max", unit="ngày"),
    },
    rows="""
        SELECT w.product_id, 0::bigint AS position, 0 AS number, s.version, w.stream AS what, w.due AS begins,
            NULL::date AS ends, w.area, w.province, s.product_group AS group_code, s.stars, NULL::text AS level,
            w.command AS kind, role AS subject, coalesce(s.illustrative, false) AS illustrative,
            (CASE WHEN w.due < %(day)s THEN %(day)s - w.due ELSE %(day)s - s.since END)::bigint AS amount,
            CASE WHEN w.due < %(day)s THEN 'late' ELSE 'waiting' END AS part
        FROM {seen} AS w CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '|' FROM w.roles), '|')) AS role
        LEFT JOIN read.status AS s ON s.product_id = w.product_id
        WHERE w.opens_on IS NULL OR w.opens_on <= %(day)s
    """,
    first="amount DESC NULLS LAST, kind, subject",
    today_only=True,
)

BOARDS: dict[str, Board] = {
    "stars": STARS,
    "funnel": FUNNEL,
    "expiring": EXPIRING,
    "promotion": PROMOTION,
    "lateness": LATENESS,
}
