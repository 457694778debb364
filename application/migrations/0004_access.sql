-- Who is calling: local accounts, sessions, service accounts, slowed attempts, and the log of all that.
-- No password, token, secret or code stands here in clear: hashes, and TOTP secrets sealed under the person's key.
-- The schema is the owner's, not the service role's: whoever owns a schema may drop what is in it, the log too.

CREATE SCHEMA access;
GRANT USAGE ON SCHEMA access TO ocop_service;

-- `login` is ASCII, unique whatever the case. `first_password`: made by us, must be changed at first use.
-- `totp`, `totp_pending`: the sealed secret in use, and one that waits for its first code. `totp_step`: the last
-- step of 30 s whose code was taken, so that no code is taken twice.
CREATE TABLE access.accounts (
    person         uuid        PRIMARY KEY,
    login          text        NOT NULL CHECK (login ~ '^[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}$'),
    password_hash  text        NOT NULL,
    password_at    timestamptz NOT NULL,
    first_password boolean     NOT NULL,
    totp           text,
    totp_pending   text,
    totp_step      bigint,
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz,
    last_login_at  timestamptz
);
CREATE UNIQUE INDEX accounts_login ON access.accounts (lower(login COLLATE "C"));

-- `key`: SHA-256 of the token. `proved_at`: the last full authentication. `first_password`: only good for changing it.
-- `person` need not have an account: sessions are also opened by OpenID login.
CREATE TABLE access.sessions (
    key            bytea       PRIMARY KEY CHECK (length(key) = 32),
    person         uuid        NOT NULL,
    proof          text        NOT NULL CHECK (proof IN ('password', 'totp', 'openid')),
    first_password boolean     NOT NULL DEFAULT false,
    opened_at      timestamptz NOT NULL,
    seen_at        timestamptz NOT NULL,
    proved_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL
);
CREATE INDEX sessions_person ON access.sessions (person);

CREATE TABLE access.clients (
    client        text        PRIMARY KEY,
    person        uuid        NOT NULL,
    scopes        text[]      NOT NULL CHECK (cardinality(scopes) > 0),
    registered_at timestamptz NOT NULL,
    closed_at     timestamptz
);

-- A secret has 256 random bits, so a plain hash is as good as a slow one. `ends_at` null: until it is rotated.
CREATE TABLE access.client_secrets (
    key     bytea       PRIMARY KEY CHECK (length(key) = 32),
    client  text        NOT NULL REFERENCES access.clients,
    made_at timestamptz NOT NULL,
    ends_at timestamptz
);
CREATE INDEX client_secrets_client ON access.client_secrets (client);

CREATE TABLE access.client_tokens (
    key        bytea       PRIMARY KEY CHECK (length(key) = 32),
    client     text        NOT NULL REFERENCES access.clients,
    scopes     text[]      NOT NULL,
    ends_at    timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX client_tokens_client ON access.client_tokens (client);

-- Failures by key within a window. `key`: keyed digest of a login as typed or of an address, so that what somebody
-- typed in the wrong field is not kept. `until`: no further attempt before; `ends_at`: the window's end.
CREATE TABLE access.attempts (
    key      bytea       PRIMARY KEY,
    failures integer     NOT NULL,
    until    timestamptz NOT NULL,
    ends_at  timestamptz NOT NULL
);

-- What happened at the door. `login` is kept only when an account of that name exists.
CREATE TABLE access.log (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    what    text        NOT NULL,
    person  uuid,
    login   text,
    client  text,
    address text
);
CREATE INDEX log_person ON access.log (person, id);

CREATE TRIGGER log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access.log
    FOR EACH STATEMENT EXECUTE FUNCTION ocop.refuse_change();

GRANT SELECT, INSERT, UPDATE, DELETE ON
    access.accounts, access.sessions, access.clients, access.client_secrets, access.client_tokens, access.attempts
    TO ocop_service;
GRANT SELECT, INSERT ON access.log TO ocop_service;
