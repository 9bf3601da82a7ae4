"""What the team's code declares, what its states hold and what exists in its accounts, put side by side."""
