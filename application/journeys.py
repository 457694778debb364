"""Products folded from their facts, the latest ones kept in memory.

Kept states are a shortcut, never the truth: the journal's version check decides. A correction tells
the whole story again, so its product is read and folded from the start.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import groupby
from uuid import UUID

from application.recorded import Recorded
from application.store import LATEST, Journal
from domain.product.facts import FactCorrected
from domain.product.state import Product, evolve, fold

EMPTY = Product()


class Journeys:
    """Product by id, at most ``size`` of them kept."""

    def __init__(self, journal: Journal, size: int = 20_000) -> None:
        self._journal, self._size = journal, size
        self._kept: OrderedDict[UUID, Product] = OrderedDict()

    def kept(self, product_id: UUID) -> Product | None:
        """The state as last seen here; another process may have moved on since."""
        product = self._kept.get(product_id)
        if product is not None:
            self._kept.move_to_end(product_id)
        return product

    def load(self, products: Iterable[UUID], up_to: int = LATEST) -> dict[UUID, Product]:
        """Fold products from the journal and keep them; one with no facts is empty."""
        wanted = list(products)
        found = dict.fromkeys(wanted, EMPTY)
        if wanted:
            for key, recorded in groupby(self._journal.streams(wanted, up_to), lambda r: r.originator_id):
                found[key] = fold(r.told for r in recorded)
        self.keep(found)
        return found

    def keep(self, products: Mapping[UUID, Product]) -> None:
        """Remember states, forgetting those not used for longest."""
        for key, product in products.items():
            if product.version:
                self._kept[key] = product
                self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def follow(self, page: Iterable[Recorded], up_to: int) -> dict[UUID, Product]:
        """Bring the products of a page of facts up to it; the states after the page, by product.

        The page holds every fact after the last one followed, in order.
        """
        touched: dict[UUID, list[Recorded]] = {}
        for recorded in page:
            touched.setdefault(recorded.originator_id, []).append(recorded)
        states: dict[UUID, Product] = {}
        reload: list[UUID] = []
        for key, recorded_facts in touched.items():
            product = self._kept.get(key) or EMPTY
            if product.version == recorded_facts[-1].originator_version:  # this page was followed before
                states[key] = product
                continue
            whole = product.version + 1 == recorded_facts[0].originator_version
            if not whole or any(isinstance(r.fact, FactCorrected) for r in recorded_facts):
                reload.append(key)
                continue
            for recorded in recorded_facts:
                product = evolve(product, recorded.told)
            states[key] = product
        self.keep(states)
        return states | self.load(reload, up_to)
