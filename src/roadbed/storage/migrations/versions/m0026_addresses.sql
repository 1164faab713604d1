-- Where each process that serves people listens, and on which machine: for links that commands print.
ALTER TABLE process ADD COLUMN machine text, ADD COLUMN address text;
