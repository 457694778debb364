"""What follows the journal, as a process of its own: ``python -m projections.following PARENT``.

The projector, and beside it the log's signer and what goes to its witnesses and time-stamping authorities. It serves
no HTTP, follows the journal at OCOP_DATABASE_URL and ends by itself when the process PARENT, its service, is gone.
"""

import application.at_start  # noqa: F401

# isort: split
import gc
import os
import signal
import sys
import threading

from application.logs import configure_logs
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import LogSigner
from application.proof.timestamps import Stamping, authorities_of, roots_of
from application.proof.witnesses import Cosigning, witnesses_of
from application.settings import Settings
from application.store import Journal
from domain.law.book import law_book
from projections.catalogue import read_models
from projections.engine import Projector

LOOK_EVERY = 0.5
"""Seconds between two looks at whether the service still lives."""


def follow(url: str, settings: Settings, starter: int) -> None:
    """Run all of it until a signal, or until ``starter`` is no longer the parent of this process."""
    gc.enable()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def watch() -> None:
        while not stop.wait(LOOK_EVERY):
            if os.getppid() != starter:
                stop.set()

    threading.Thread(target=watch, daemon=True).start()
    signer = LogSigner(url, LogKey.of(settings), Memory(settings.log_memory))
    signing = threading.Thread(target=signer.run, args=(stop,), name="signer")
    signing.start()
    for witness in witnesses_of(settings):  # nobody waits for these: a witness may be slow
        threading.Thread(target=Cosigning(url, witness).run, args=(stop,), daemon=True).start()
    if authorities := authorities_of(settings):  # the same
        stamping = Stamping(url, authorities, roots_of(settings))
        threading.Thread(target=stamping.run, args=(stop,), daemon=True).start()
    Projector(url, Journal(url), read_models(law_book())).run(stop)
    signing.join()


if __name__ == "__main__":
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    follow(settings.database_url or "", settings, int(sys.argv[1]))
