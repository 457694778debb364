-- Time stamps (dấu thời gian, RFC 3161) of the log: what authorities elsewhere answered, as it came, one a day and
-- authority. Stamped are the bytes of the checkpoint's note as it stands in ocop.checkpoints, in UTF-8.

CREATE TABLE ocop.timestamps (
    day         date        NOT NULL, -- in Vietnam, whose last checkpoint it is of
    authority   text        NOT NULL, -- its host
    tree_size   bigint      NOT NULL REFERENCES ocop.checkpoints,
    response    bytea       NOT NULL CHECK (octet_length(response) <= 65536),
    stated_at   timestamptz NOT NULL, -- the time in it
    verified    boolean     NOT NULL, -- whether its signature was held against root certificates when it came
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, authority)
);

CREATE TRIGGER timestamps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ocop.timestamps
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();

GRANT SELECT, INSERT ON ocop.timestamps TO ocop_service;
