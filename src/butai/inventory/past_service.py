"""What can be asked of the history of the inventory's repositories."""

from __future__ import annotations

from butai.history.model import DAY_S
from butai.inventory.past import Past
from butai.inventory.past_views import RepositoryPast, ThingPast, repository_past, thing_past
from butai.inventory.service import Inventory


class Pasts:
    """Histories of the repositories, which are read beside what somebody waits for."""

    def __init__(self, inventory: Inventory, past: Past) -> None:
        self._inventory, self._past = inventory, past
        # What was counted last for each repository, with the day: figures are counted in days.
        self._told: dict[str, tuple[int, RepositoryPast]] = {}

    def of(self, name: str, *, wait: bool = False) -> RepositoryPast:
        """A repository's; said to be read while it is. `wait`: until it is read. Raises NotFoundError."""
        repository, read = self._inventory.mirror(name), self._inventory.read(name)
        figures = self._past.figures(repository, read.commit, read.graph, wait=wait)
        if figures is None:
            reading = not self._past.is_over(repository, read.commit)
            return RepositoryPast(repository=name, commit=read.commit, reading=reading)
        day, told = self._told.get(name, (0, None))
        if told is None or told.commit != read.commit or day != figures.now // DAY_S:
            told = repository_past(name, read.commit, read.graph, figures)
            self._told[name] = figures.now // DAY_S, told
        return told

    def of_node(self, name: str, id_: str, commit: str = "", *, wait: bool = False) -> ThingPast | None:
        """A node's at the newest commit; none where it is not known, or not yet. `wait`: until it is read."""
        repository, read = self._inventory.mirror(name), self._inventory.read(name)
        if commit and commit != read.commit:
            return None
        figures = self._past.figures(repository, read.commit, read.graph, wait=wait)
        return thing_past(id_, figures.block(id_)) if figures and id_ in figures.history.blocks else None
