"""Git as a child process: repositories' mirrors, what they hold, and where they lie."""
