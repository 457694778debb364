"""All read models of the service, in one list."""

from domain.law.book import LawBook
from projections.books import Books
from projections.certificates import Certificates
from projections.councils import Councils
from projections.engine import ReadModel
from projections.erasures import Erasures
from projections.marks import Marks
from projections.moments import Moments
from projections.personal import Personal
from projections.persons import Persons
from projections.programmes import Programmes
from projections.radar import Radar
from projections.sessions import Sessions
from projections.status import Status
from projections.trail import Trail
from projections.worklist import Worklist


def read_models(law: LawBook) -> list[ReadModel]:
    """Every read model; a new one is added here and built by itself at the next start."""
    return [
        Status(law),
        Moments(law),
        Marks(),
        Trail(),
        Certificates(law),
        Worklist(law),
        Councils(),
        Sessions(),
        Books(),
        Persons(),
        Programmes(),
        Personal(),
        Erasures(law),
        Radar(law),
    ]
