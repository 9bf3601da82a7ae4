-- Who has given us their number: the log of calls shows a name.
CREATE TABLE customers (
  number text PRIMARY KEY,
  name text NOT NULL
);
