"""The measuring stick above: FastAPI and PostgreSQL with nothing in between.

``async def`` endpoints with the same pydantic bodies, each one plain INSERT of a row of the same size
through an async pool. No history is read, nothing is decided, no order is kept.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from application.settings import Settings
from bench.bodies import EndorseIdea, HandOverIdeaForm, IdentifyProduct, RecordGuidance, SubmitIdea, row_bytes
from bench.naive import serve

TABLE = """
CREATE TABLE IF NOT EXISTS facts (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id uuid NOT NULL, name text NOT NULL,
    state bytea NOT NULL
)
"""
INSERT = "INSERT INTO facts (product_id, name, state) VALUES (%b, %b, %b)"


def create_app(url: str) -> FastAPI:
    """The endpoints over one empty database."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url, min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)
        await pool.open(wait=True)
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan)

    async def store(product_id: UUID, name: str, body: BaseModel) -> dict[str, Any]:
        async with pool.connection() as connection:
            await connection.execute(INSERT, (product_id, name, row_bytes(body)))
        return {"product_id": product_id}

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/products", status_code=201)
    async def identify(body: IdentifyProduct) -> dict[str, Any]:
        return await store(uuid4(), "product.identified", body)

    @app.post("/v1/products/{product_id}/commands/record-guidance")
    async def guidance(product_id: UUID, body: RecordGuidance) -> dict[str, Any]:
        return await store(product_id, "product.guidance-given", body)

    @app.post("/v1/products/{product_id}/commands/hand-over-idea-form")
    async def form(product_id: UUID, body: HandOverIdeaForm) -> dict[str, Any]:
        return await store(product_id, "product.idea-form-handed-over", body)

    @app.post("/v1/products/{product_id}/commands/submit-idea")
    async def idea(product_id: UUID, body: SubmitIdea) -> dict[str, Any]:
        return await store(product_id, "product.idea-submitted", body)

    @app.post("/v1/products/{product_id}/commands/endorse-idea")
    async def endorsement(product_id: UUID, body: EndorseIdea) -> dict[str, Any]:
        return await store(product_id, "product.idea-endorsed", body)

    return app


if __name__ == "__main__":
    settings = Settings.from_environment()
    serve(create_app(settings.database_url or ""), settings.port)
