"""``ocop serve`` where persons with an odd UUID sign: what the tests of pages need before assignments say so."""

from functools import partial

import api.cli
from api.app import create_app

if __name__ == "__main__":
    api.cli.create_app = partial(create_app, signs=lambda person: person.int % 2 == 1)  # type: ignore[assignment]
    api.cli.cli()
