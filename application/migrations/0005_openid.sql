-- OpenID Connect login: whose identity at a provider is which person, and logins that have been begun.
-- What is written here is no fact of the journal: it says how somebody proves who they are, not what they may do.

CREATE SCHEMA IF NOT EXISTS access;
GRANT USAGE ON SCHEMA access TO ocop_service;

-- One identity of a provider is one person, and a person has one identity at a provider.
CREATE TABLE access.identities (
    issuer    text        NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    subject   text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    person    uuid        NOT NULL,
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, person)
);

-- A login between leaving for the provider and coming back. State and browser are kept as SHA-256; the PKCE
-- verifier is not kept at all: it is derived from what only the browser holds.
CREATE TABLE access.openid_logins (
    state      bytea       PRIMARY KEY CHECK (length(state) = 32),
    browser    bytea       NOT NULL CHECK (length(browser) = 32),
    nonce      text        NOT NULL,
    next_path  text        NOT NULL,
    max_age    integer,
    started_at timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX openid_logins_ends_at ON access.openid_logins (ends_at);

GRANT SELECT, INSERT, DELETE ON access.identities TO ocop_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON access.openid_logins TO ocop_service;
