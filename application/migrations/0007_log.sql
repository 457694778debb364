-- The log (nhật ký có chứng minh): a Merkle tree over the stored bytes of every fact, as in RFC 9162.
-- A fact gets its leaf index in the append's own transaction, without gaps, in the order of positions: no fact without
-- its leaf. Hashes, tiles and signed checkpoints follow (application/proof/).

ALTER TABLE ocop.events ADD COLUMN leaf_index bigint;
ALTER TABLE ocop.events DISABLE TRIGGER events_append_only;
UPDATE ocop.events AS e SET leaf_index = n.leaf_index
    FROM (SELECT notification_id, row_number() OVER (ORDER BY notification_id) - 1 AS leaf_index FROM ocop.events) AS n
    WHERE e.notification_id = n.notification_id;
ALTER TABLE ocop.events ENABLE TRIGGER events_append_only;
ALTER TABLE ocop.events ALTER COLUMN leaf_index SET NOT NULL;
CREATE UNIQUE INDEX events_leaf ON ocop.events (leaf_index);

-- Complete tiles (C2SP tlog-tiles): 256 hashes of leaves, or the roots of 256 tiles of the level below.
CREATE TABLE ocop.tiles (
    level      int    NOT NULL CHECK (level >= 0),
    tile_index bigint NOT NULL CHECK (tile_index >= 0),
    hashes     bytea  NOT NULL CHECK (octet_length(hashes) = 8192),
    root       bytea  NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, tile_index)
);
ALTER TABLE ocop.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

-- Signed checkpoints: notes as they are published.
CREATE TABLE ocop.checkpoints (
    tree_size bigint      PRIMARY KEY,
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    note      text        NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now()
);

-- What witnesses put under them, a line each.
CREATE TABLE ocop.cosignatures (
    tree_size bigint      NOT NULL REFERENCES ocop.checkpoints,
    witness   text        NOT NULL,
    line      text        NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tree_size, witness)
);

CREATE TRIGGER tiles_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.tiles
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();
CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();
CREATE TRIGGER cosignatures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();

CREATE OR REPLACE FUNCTION ocop.append(
    event_streams uuid[], event_versions bigint[], event_topics text[], event_states bytea[],
    command_ids uuid[], command_digests bytea[], command_streams uuid[], command_froms bigint[], command_tos bigint[],
    claim_keys bytea[], claim_streams uuid[], released_keys bytea[]
) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    leaves bigint;
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
    SELECT coalesce(max(leaf_index), -1) + 1 INTO leaves FROM ocop.events;
    RETURN QUERY
        INSERT INTO ocop.events (originator_id, originator_version, topic, state, leaf_index)
        SELECT stream, version, name, bytes, leaves + place - 1
        FROM unnest(event_streams, event_versions, event_topics, event_states)
             WITH ORDINALITY AS e (stream, version, name, bytes, place)
        ORDER BY place
        RETURNING notification_id;
    PERFORM pg_notify('ocop_events', '');
END $$;

GRANT SELECT ON ocop.tiles, ocop.checkpoints, ocop.cosignatures TO ocop_service;
GRANT INSERT ON ocop.tiles, ocop.checkpoints, ocop.cosignatures TO ocop_service;
