-- Keys moved to a store of their own (application/keys.py copies them first); and who opened whose personal data.

DO $$
BEGIN
    IF current_setting('ocop.keys_moved', true) IS DISTINCT FROM 'yes' AND EXISTS (SELECT FROM ocop.keys) THEN
        RAISE EXCEPTION 'ocop.keys holds keys: run "ocop migrate" with OCOP_KEYS_URL, which moves them';
    END IF;
END $$;
DROP FUNCTION ocop.add_key;
DROP TABLE ocop.keys;

-- One row a stream and answer: who was shown which personal fields of it. Values are never written here.
CREATE TABLE ocop.personal_reads (
    read_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    person   text   NOT NULL,
    role     text   NOT NULL,
    office   text   NOT NULL,
    route    text   NOT NULL,
    stream   uuid   NOT NULL,
    commune  text   NOT NULL,
    province text   NOT NULL,
    fields   text[] NOT NULL,
    count    int    NOT NULL CHECK (count > 0)
);
CREATE INDEX personal_reads_stream ON ocop.personal_reads (stream, read_id);

CREATE TRIGGER personal_reads_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.personal_reads
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();

CREATE FUNCTION ocop.note_personal_reads(
    by_person text, by_role text, by_office text, by_route text,
    streams uuid[], communes text[], provinces text[], fields_read text[], counts int[]
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO ocop.personal_reads (person, role, office, route, stream, commune, province, fields, count)
    SELECT by_person, by_role, by_office, by_route, stream, commune, province, string_to_array(fields, ','), count
    FROM unnest(streams, communes, provinces, fields_read, counts) AS r (stream, commune, province, fields, count);
$$;

REVOKE ALL ON FUNCTION ocop.note_personal_reads FROM PUBLIC;
GRANT SELECT ON ocop.personal_reads TO ocop_service;
GRANT EXECUTE ON FUNCTION ocop.note_personal_reads TO ocop_service;
