"""Legal days: Asia/Ho_Chi_Minh dates, Vietnam's working days, months with clamped ends, batches.

Working days come from the data package ``holidays`` (public holidays with swapped days of Vietnam).
A deadline once computed is stored in its fact, so a later data version never moves it.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

LEGAL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def legal_date(at: datetime) -> date:
    """The date in Vietnam at an instant."""
    return at.astimezone(LEGAL_ZONE).date()


@cache
def _vietnam() -> holidays.HolidayBase:
    return holidays.country_holidays("VN")


def is_working_day(day: date) -> bool:
    """Monday to Friday outside public holidays, and swapped Saturdays."""
    return bool(_vietnam().is_working_day(day))


@lru_cache(maxsize=10_000)
def add_working_days(start: date, days: int) -> date:
    """The last day of a term of ``days`` working days that begins the day after ``start``."""
    day, left = start, days
    while left > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            left -= 1
    return day


def working_days_late(due: date, day: date) -> int:
    """How many working days ``day`` lies after ``due``; 0 when in time."""
    late, cursor = 0, due
    while cursor < day:
        cursor += timedelta(days=1)
        late += is_working_day(cursor)
    return late


def add_months(start: date, months: int) -> date:
    """Same day of a later month; the 29th to 31st are clamped to the month's end (inferred)."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def term_end(start: date, value: int, unit: str) -> date:
    """End of a term of ``value`` "days" or "working-days" that begins the day after ``start``."""
    if unit == "working-days":
        return add_working_days(start, value)
    return start + timedelta(days=value)
