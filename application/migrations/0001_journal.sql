-- The journal: facts, the commands that caused them, and the unique claims they hold.
-- The service's role may read these tables and append through ocop.append(), nothing else.

CREATE SCHEMA ocop;

-- Columns as the eventsourcing library expects them; `topic` is the stored name, `state` the stored bytes.
CREATE TABLE ocop.events (
    originator_id      uuid   NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic              text   NOT NULL,
    state              bytea  NOT NULL,
    notification_id    bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX events_position ON ocop.events (notification_id);

-- One row a command: its idempotency key and what became of it (facts from_version+1 .. to_version).
CREATE TABLE ocop.commands (
    command_id   uuid        PRIMARY KEY,
    digest       bytea       NOT NULL,
    product_id   uuid        NOT NULL,
    from_version bigint      NOT NULL,
    to_version   bigint      NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);

-- Open registrations: one per producer, product name and cycle (hashed).
CREATE TABLE ocop.claims (
    key        bytea PRIMARY KEY,
    product_id uuid  NOT NULL
);

CREATE FUNCTION ocop.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.events
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();
CREATE TRIGGER commands_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.commands
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();

-- The one way to write. The advisory lock is held until commit, so positions become visible in their
-- own order and a reader who saw position n never misses a smaller one that commits later. A lock on the
-- table would do the same and also stop vacuum, analyze and index builds.
CREATE FUNCTION ocop.append(
    event_streams uuid[], event_versions bigint[], event_topics text[], event_states bytea[],
    command_ids uuid[], command_digests bytea[], command_streams uuid[], command_froms bigint[], command_tos bigint[],
    claim_keys bytea[], claim_streams uuid[], released_keys bytea[]
) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7229613, 1);
    -- A stream has no gaps: facts that follow on ones this database does not hold (it was restored to an
    -- earlier moment while a process lived on) are refused like facts that come too late.
    IF EXISTS (
        SELECT FROM (
            SELECT stream, min(version) AS first FROM unnest(event_streams, event_versions) AS e (stream, version)
            GROUP BY stream
        ) AS n
        WHERE first > 1 AND NOT EXISTS (
            SELECT FROM ocop.events AS e WHERE e.originator_id = n.stream AND e.originator_version = n.first - 1
        )
    ) THEN
        RAISE unique_violation USING MESSAGE = 'a stream would have a gap', CONSTRAINT = 'events_pkey';
    END IF;
    IF cardinality(released_keys) > 0 THEN
        DELETE FROM ocop.claims WHERE key = ANY (released_keys);
    END IF;
    IF cardinality(claim_keys) > 0 THEN
        INSERT INTO ocop.claims (key, product_id) SELECT * FROM unnest(claim_keys, claim_streams);
    END IF;
    INSERT INTO ocop.commands (command_id, digest, product_id, from_version, to_version)
        SELECT * FROM unnest(command_ids, command_digests, command_streams, command_froms, command_tos);
    RETURN QUERY
        INSERT INTO ocop.events (originator_id, originator_version, topic, state)
        SELECT stream, version, name, bytes
        FROM unnest(event_streams, event_versions, event_topics, event_states)
             WITH ORDINALITY AS e (stream, version, name, bytes, place)
        ORDER BY place
        RETURNING notification_id;
    PERFORM pg_notify('ocop_events', '');
END $$;

REVOKE ALL ON FUNCTION ocop.append FROM PUBLIC;
GRANT USAGE ON SCHEMA ocop TO ocop_service;
GRANT SELECT ON ocop.events, ocop.commands, ocop.claims TO ocop_service;
GRANT EXECUTE ON FUNCTION ocop.append TO ocop_service;

-- Read models belong to the service: it builds, rebuilds and drops them.
CREATE SCHEMA read AUTHORIZATION ocop_service;
