-- Append what was decided on other streams too: they are only looked at, so no version of theirs is written,
-- and nothing else would show that one moved on between the decision and the append.

CREATE FUNCTION ocop.append_seeing(
    seen_streams uuid[], seen_versions bigint[],
    event_streams uuid[], event_versions bigint[], event_topics text[], event_states bytea[],
    command_ids uuid[], command_digests bytea[], command_streams uuid[], command_froms bigint[], command_tos bigint[],
    claim_keys bytea[], claim_streams uuid[], released_keys bytea[]
) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7229613, 1);
    IF EXISTS (
        SELECT FROM unnest(seen_streams, seen_versions) AS s (stream, version)
        WHERE s.version IS DISTINCT FROM (
            SELECT coalesce(max(e.originator_version), 0) FROM ocop.events AS e WHERE e.originator_id = s.stream
        )
    ) THEN
        RAISE unique_violation USING MESSAGE = 'a stream decided on has moved on', CONSTRAINT = 'events_pkey';
    END IF;
    RETURN QUERY SELECT * FROM ocop.append(
        event_streams, event_versions, event_topics, event_states,
        command_ids, command_digests, command_streams, command_froms, command_tos,
        claim_keys, claim_streams, released_keys
    );
END $$;

REVOKE ALL ON FUNCTION ocop.append_seeing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ocop.append_seeing TO ocop_service;
