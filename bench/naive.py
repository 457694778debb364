"""The measuring stick below: what the libraries' first pages suggest.

Plain ``def`` endpoints with a pydantic body, the eventsourcing library's own Aggregate and
``Application.save`` on its own PostgreSQL recorder, nothing of ours but the bodies. It stores the same
facts with the same content; it checks no token, no right, no rule and no idempotency key.
"""

from datetime import date
from typing import Any
from uuid import UUID

import uvicorn
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict

from application.settings import Settings
from bench.bodies import (
    ACTOR,
    BESIDE,
    COMMUNE,
    EndorseIdea,
    HandOverIdeaForm,
    IdentifyProduct,
    RecordGuidance,
    SubmitIdea,
)


class Product(Aggregate):
    """A product whose facts are the library's events."""

    @event("Identified")
    def __init__(self, data: dict[str, Any], envelope: dict[str, Any]) -> None:
        self.phase, self.name, self.commune = "identified", data["product_name"], envelope["commune"]

    @event("GuidanceGiven")
    def give_guidance(self, data: dict[str, Any], envelope: dict[str, Any]) -> None:
        """Guidance was given."""
        self.guided = True

    @event("IdeaFormHandedOver")
    def hand_over(self, data: dict[str, Any], envelope: dict[str, Any]) -> None:
        """The form was handed over."""
        self.phase = "form-handed-over"

    @event("IdeaSubmitted")
    def submit_idea(self, data: dict[str, Any], envelope: dict[str, Any]) -> None:
        """The idea was submitted."""
        self.phase, self.name, self.producer = "idea-submitted", data["product_name"], data["producer"]

    @event("IdeaEndorsed")
    def endorse_idea(self, data: dict[str, Any], envelope: dict[str, Any]) -> None:
        """The idea was endorsed."""
        self.phase = "idea-endorsed"


def envelope() -> dict[str, Any]:
    """Who, when and where, as our facts carry it; the library adds its own time."""
    return {
        "fact_version": 1,
        "effective_on": date.today().isoformat(),  # noqa: DTZ011
        "actor": ACTOR,
        "paper": None,
        "source": {"kind": "native", "scan_sha256": None, "note": None},
        "commune": COMMUNE,
    }


class Products(Application[UUID]):
    """The library's application, as it comes."""

    def open(self, body: IdentifyProduct) -> Product:
        """A new aggregate."""
        product = Product(body.model_dump(mode="json", exclude=BESIDE), envelope())
        self.save(product)
        return product

    def follow(self, product_id: UUID, act: str, body: Any) -> Product:
        """Load, change, save."""
        product: Product = self.repository.get(product_id)
        getattr(product, act)(body.model_dump(mode="json", exclude=BESIDE), envelope())
        self.save(product)
        return product


def create_app(url: str) -> FastAPI:
    """The endpoints over one empty database."""
    parts = conninfo_to_dict(url)
    products = Products(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port") or "5432"),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": str(parts.get("password") or ""),
        }
    )
    app = FastAPI()

    def answer(product: Product) -> dict[str, Any]:
        return {"product_id": product.id, "version": product.version}

    @app.get("/health/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/products", status_code=201)
    def identify(body: IdentifyProduct) -> dict[str, Any]:
        return answer(products.open(body))

    @app.post("/v1/products/{product_id}/commands/record-guidance")
    def guidance(product_id: UUID, body: RecordGuidance) -> dict[str, Any]:
        return answer(products.follow(product_id, "give_guidance", body))

    @app.post("/v1/products/{product_id}/commands/hand-over-idea-form")
    def form(product_id: UUID, body: HandOverIdeaForm) -> dict[str, Any]:
        return answer(products.follow(product_id, "hand_over", body))

    @app.post("/v1/products/{product_id}/commands/submit-idea")
    def idea(product_id: UUID, body: SubmitIdea) -> dict[str, Any]:
        return answer(products.follow(product_id, "submit_idea", body))

    @app.post("/v1/products/{product_id}/commands/endorse-idea")
    def endorsement(product_id: UUID, body: EndorseIdea) -> dict[str, Any]:
        return answer(products.follow(product_id, "endorse_idea", body))

    return app


def serve(app: FastAPI, port: int) -> None:
    """The same HTTP server as ours, with the same settings."""
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


if __name__ == "__main__":
    settings = Settings.from_environment()
    serve(create_app(settings.database_url or ""), settings.port)
