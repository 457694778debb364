-- Keys of a whole batch of decisions are made in one question.

DROP FUNCTION keys.make(uuid, uuid, text, bytea);

-- The living keys of subjects for purposes: the given ones, unless there are some already. Mostly all are new. They are
-- always taken in the same order, so that two processes never wait for each other.
CREATE FUNCTION keys.make(new_ids uuid[], of_subjects uuid[], for_purposes text[], wrapped_keys bytea[])
RETURNS TABLE (key_id uuid, subject uuid, purpose text, wrapped bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    made bigint;
BEGIN
    INSERT INTO keys.keys (key_id, subject, purpose, generation, wrapped)
        SELECT n.key_id, n.subject, n.purpose, 1, n.wrapped
        FROM unnest(new_ids, of_subjects, for_purposes, wrapped_keys) AS n (key_id, subject, purpose, wrapped)
        ORDER BY n.subject, n.purpose
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made = cardinality(new_ids) THEN
        RETURN QUERY SELECT * FROM unnest(new_ids, of_subjects, for_purposes, wrapped_keys);
        RETURN;
    END IF;
    -- Some subjects had keys before. Where all of them were destroyed, the next generation begins.
    INSERT INTO keys.keys (key_id, subject, purpose, generation, wrapped)
        SELECT n.key_id, n.subject, n.purpose, max(k.generation) + 1, n.wrapped
        FROM unnest(new_ids, of_subjects, for_purposes, wrapped_keys) AS n (key_id, subject, purpose, wrapped)
        JOIN keys.keys AS k ON k.subject = n.subject AND k.purpose = n.purpose
        GROUP BY n.key_id, n.subject, n.purpose, n.wrapped
        HAVING bool_and(k.destroyed_at IS NOT NULL)
        ORDER BY n.subject, n.purpose
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT k.key_id, k.subject, k.purpose, k.wrapped
        FROM unnest(of_subjects, for_purposes) AS n (subject, purpose)
        JOIN keys.keys AS k ON k.subject = n.subject AND k.purpose = n.purpose AND k.destroyed_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION keys.make FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keys.make TO ocop_service;
