-- What whoever calls back should know.
ALTER TABLE calls ADD COLUMN note text;
