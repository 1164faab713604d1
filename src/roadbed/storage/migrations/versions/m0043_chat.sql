-- Which person asks by an account of a chat program. `account` has the account of the organization before it.
CREATE TABLE chat_account (
    kind      text NOT NULL,
    account   text NOT NULL,
    person    text NOT NULL REFERENCES person (name),
    linked_by text NOT NULL,
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (kind, account)
);

-- Signed requests of the last minutes: each is answered once.
CREATE TABLE chat_request (
    id          text PRIMARY KEY,
    received_at timestamptz NOT NULL
);
CREATE INDEX chat_request_received ON chat_request (received_at);

-- An answer that is to be sent later, to an address that the chat program gave. The row is removed before its
-- answer is sent, so it is sent once at most.
CREATE TABLE chat_reply (
    task_id  text PRIMARY KEY,
    use_case text NOT NULL REFERENCES use_case (name),
    person   text NOT NULL REFERENCES person (name),
    kind     text NOT NULL,
    address  text NOT NULL,
    private  boolean NOT NULL,
    due_at   timestamptz NOT NULL,
    until    timestamptz NOT NULL
);
CREATE INDEX chat_reply_due ON chat_reply (due_at);
