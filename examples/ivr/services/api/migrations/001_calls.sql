-- A call is a document: what it holds changes with the menu, and nobody searches in it.
CREATE TABLE calls (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1001) PRIMARY KEY,
  call jsonb NOT NULL
);
