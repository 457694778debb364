-- Keys of sealed content, each wrapped by the service's master key, which is not in the database.
-- The service's role may read them and add one a subject; none is ever replaced.

CREATE TABLE ocop.keys (
    subject  uuid        PRIMARY KEY,
    wrapped  bytea       NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION ocop.add_key(of_subject uuid, wrapped_key bytea) RETURNS bytea LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept bytea;
BEGIN
    INSERT INTO ocop.keys (subject, wrapped) VALUES (of_subject, wrapped_key) ON CONFLICT (subject) DO NOTHING;
    SELECT wrapped INTO kept FROM ocop.keys WHERE subject = of_subject;
    RETURN kept;
END $$;

REVOKE ALL ON FUNCTION ocop.add_key FROM PUBLIC;
GRANT SELECT ON ocop.keys TO ocop_service;
GRANT EXECUTE ON FUNCTION ocop.add_key TO ocop_service;
