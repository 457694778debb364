-- The key store: a database of its own, with a backup life of its own (30 days at most). Each key is wrapped by the
-- service's master key, which is in no database. Destroying a key empties it and leaves the row: the same key is
-- never made again, and a subject that comes back gets the next generation.
-- An emptied row's old bytes lie in dead tuples until vacuum and in this database's own log until it is recycled.

CREATE SCHEMA keys;

CREATE TABLE keys.keys (
    key_id       uuid        PRIMARY KEY,
    subject      uuid        NOT NULL,
    purpose      text        NOT NULL,
    generation   int         NOT NULL CHECK (generation > 0),
    wrapped      bytea,
    made_at      timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    why          text,
    UNIQUE (subject, purpose, generation),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    CHECK ((why IS NULL) = (destroyed_at IS NULL))
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE UNIQUE INDEX keys_alive ON keys.keys (subject, purpose) WHERE destroyed_at IS NULL;

CREATE FUNCTION keys.guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.destroyed_at IS NULL AND NEW.wrapped IS NULL AND NEW.destroyed_at IS NOT NULL
        AND (NEW.key_id, NEW.subject, NEW.purpose, NEW.generation, NEW.made_at)
          = (OLD.key_id, OLD.subject, OLD.purpose, OLD.generation, OLD.made_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a key is made and destroyed, nothing else: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keys_guard BEFORE UPDATE OR DELETE ON keys.keys FOR EACH ROW EXECUTE FUNCTION keys.guard();
CREATE TRIGGER keys_stay BEFORE TRUNCATE ON keys.keys FOR EACH STATEMENT EXECUTE FUNCTION keys.guard();

-- The subject's living key for a purpose: the given one, unless there is one already.
CREATE FUNCTION keys.make(new_id uuid, of_subject uuid, for_purpose text, wrapped_key bytea)
RETURNS SETOF keys.keys LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO keys.keys (key_id, subject, purpose, generation, wrapped)
        SELECT new_id, of_subject, for_purpose, coalesce(max(k.generation), 0) + 1, wrapped_key
        FROM keys.keys AS k WHERE k.subject = of_subject AND k.purpose = for_purpose
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT * FROM keys.keys AS k
        WHERE k.subject = of_subject AND k.purpose = for_purpose AND k.destroyed_at IS NULL;
END $$;

-- Destroys a subject's living keys of some purposes, once a reason: asked again, it names those destroyed then.
CREATE FUNCTION keys.destroy(of_subject uuid, for_purposes text[], reason text)
RETURNS SETOF keys.keys LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7229620, hashtext(of_subject::text));
    IF NOT EXISTS (SELECT FROM keys.keys AS k WHERE k.subject = of_subject AND k.why = reason) THEN
        UPDATE keys.keys AS k SET wrapped = NULL, destroyed_at = now(), why = reason
            WHERE k.subject = of_subject AND k.purpose = ANY (for_purposes) AND k.destroyed_at IS NULL;
    END IF;
    RETURN QUERY SELECT * FROM keys.keys AS k
        WHERE k.subject = of_subject AND k.why = reason ORDER BY k.purpose, k.generation;
END $$;

-- After a restore of this store: what was destroyed stays destroyed, also keys that the backup did not know yet.
CREATE FUNCTION keys.bury(ids uuid[], subjects uuid[], purposes text[], generations int[],
                          made timestamptz[], destroyed timestamptz[], reasons text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    emptied bigint;
    added bigint;
BEGIN
    UPDATE keys.keys AS k SET wrapped = NULL, destroyed_at = b.destroyed_at, why = b.why
        FROM unnest(ids, destroyed, reasons) AS b (key_id, destroyed_at, why)
        WHERE k.key_id = b.key_id AND k.destroyed_at IS NULL;
    GET DIAGNOSTICS emptied = ROW_COUNT;
    INSERT INTO keys.keys (key_id, subject, purpose, generation, made_at, destroyed_at, why)
        SELECT * FROM unnest(ids, subjects, purposes, generations, made, destroyed, reasons) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN emptied + added;
END $$;

REVOKE ALL ON FUNCTION keys.make, keys.destroy, keys.bury FROM PUBLIC;
GRANT USAGE ON SCHEMA keys TO ocop_service;
GRANT SELECT ON keys.keys TO ocop_service;
GRANT EXECUTE ON FUNCTION keys.make, keys.destroy, keys.bury TO ocop_service;
