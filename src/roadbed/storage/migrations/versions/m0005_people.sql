CREATE TABLE person (
    name         text PRIMARY KEY CHECK (name <> ''),
    display      text NOT NULL DEFAULT '',
    email        text,
    password     text,  -- argon2id in its own notation; null: no sign-in by password
    admin        boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text NOT NULL,
    disabled_at  timestamptz
);
CREATE UNIQUE INDEX person_email ON person (lower(email));

-- Who a person is at an identity provider. The subject never changes; names and addresses do.
CREATE TABLE identity (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    person     text NOT NULL REFERENCES person (name),
    linked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);

-- Roles given to people beside those that a folder's pod declares.
CREATE TABLE membership (
    use_case    text NOT NULL,
    person      text NOT NULL REFERENCES person (name),
    role        text NOT NULL CHECK (role IN ('domain_lead', 'engineer', 'data_specialist',
                                              'risk_partner', 'reviewer', 'viewer')),
    granted_by  text NOT NULL,
    granted_at  timestamptz NOT NULL DEFAULT now(),
    revoked_by  text,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX membership_in_force ON membership (person, use_case, role)
WHERE revoked_at IS NULL;
CREATE INDEX membership_of_use_case ON membership (use_case) WHERE revoked_at IS NULL;

-- Every role that is held now: what the folder declares, and what was granted.
CREATE VIEW role_held AS
SELECT use_case.name AS use_case, pod.value AS person, pod.key AS role, true AS declared
FROM use_case, jsonb_each_text(use_case.declaration -> 'pod') AS pod
WHERE pod.key IN ('domain_lead', 'engineer', 'data_specialist', 'risk_partner')
UNION ALL
SELECT use_case, person, role, false FROM membership WHERE revoked_at IS NULL;

-- Until now whoever held a token could do everything. So each of them becomes an administrator: they
-- keep seeing and halting everything, and can give roles, also to themselves. What only the pod does
-- from now on (review, approve, resume, sign) they do with a role.
INSERT INTO person (name, admin, created_by)
SELECT DISTINCT person, true, 'roadbed' FROM token;

ALTER TABLE token
    ADD COLUMN name          text NOT NULL DEFAULT '',  -- what it is for; of a session, its browser
    ADD COLUMN scopes        text[],  -- null: whatever the person may, but managing people
    ADD COLUMN use_cases     text[],  -- null: in all use cases
    ADD COLUMN created_by    text,
    ADD COLUMN opened_by     text CHECK (opened_by IN ('link', 'password', 'oidc')),
    ADD COLUMN last_used_at  timestamptz,
    ADD FOREIGN KEY (person) REFERENCES person (name);
CREATE INDEX token_of_person ON token (person, kind);

-- Sign-ins at an identity provider that have begun. Each can come back once, to the same browser.
CREATE TABLE sign_in (
    state       text PRIMARY KEY,  -- hashes, as of every secret
    browser     text NOT NULL,
    nonce       text NOT NULL,
    verifier    text NOT NULL,
    expires_at  timestamptz NOT NULL
);
