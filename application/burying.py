"""Burying again (hủy lại khóa): what the journal says was destroyed lives in no key store, also in a restored one."""

from collections import defaultdict
from dataclasses import replace
from uuid import UUID

from application.keys import Key, KeyStore
from application.store import Journal
from domain.subject.facts import ErasureRequested, KeysDestroyed


def bury_recorded(journal: Journal, store: KeyStore) -> int:
    """Destroy every key again that a stored fact says was destroyed; how many that changed.

    A backup of the key store may be older than the destruction (the key lives in it) or than the key (it knows
    none: a tombstone is set, or its fields would read as broken instead of erased). Reads the journal once through.
    """
    subjects = {
        r.originator_id: r.fact.subject or r.originator_id
        for r in journal.named(ErasureRequested.stored_name)
        if isinstance(r.fact, ErasureRequested)
    }
    gone = [
        (r, r.fact, key)
        for r in journal.named(KeysDestroyed.stored_name)
        if isinstance(r.fact, KeysDestroyed)
        for key in r.fact.keys
    ]
    known = {key.key_id: key for key in store.find([key.key for _, _, key in gone])}
    whose = {subjects.get(r.originator_id, r.originator_id) for r, _, _ in gone}
    newest: dict[tuple[UUID, str], int] = defaultdict(int)
    for held in store.of_subjects(sorted(whose)):
        newest[held.subject, held.purpose] = max(newest[held.subject, held.purpose], held.generation)
    buried = []
    for r, fact, key in gone:
        at, subject = r.envelope.recorded_at, subjects.get(r.originator_id, r.originator_id)
        why = f"retention:{key.key}" if fact.decision is None else f"request:{r.originator_id}:{fact.decision}"
        found = known.get(key.key)
        if found is None:
            newest[subject, key.purpose] += 1
            found = Key(key.key, subject, key.purpose, newest[subject, key.purpose], b"", at)
        if found.wrapped is not None:
            buried.append(replace(found, wrapped=None, destroyed_at=at, why=why))
    return store.bury(buried) if buried else 0
