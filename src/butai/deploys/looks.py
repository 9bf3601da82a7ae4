"""Looks at AWS beside each other. Each is begun once, and what they say is told in the order in which it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.lookup import code_of
from butai.text import Text, text

# What a look looks at: a kind of thing, and which one.
Key = tuple[str, Hashable]
# Gives what is wrong. Raises what botocore raises.
Look = Callable[[], list[Text]]


@dataclass(frozen=True)
class Said:
    """What looks say: what is wrong, and what could not be looked at."""

    problems: list[Text] = field(default_factory=list)
    unseen: list[Text] = field(default_factory=list)


class Looks:
    """Looks in the threads of a pool, known by their keys. For one thread, which begins and asks."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._begun: dict[Key, Future[Said]] = {}

    def begin(self, looks: Mapping[Key, Look]) -> list[Key]:
        """Begin those that were not begun before; the keys of all of them."""
        for key, look in looks.items():
            if key not in self._begun:
                self._begun[key] = self._pool.submit(_safely, look)
        return list(looks)

    def wait_for(self, keys: Iterable[Key]) -> None:
        """Until these are over, whatever they say."""
        wait([self._begun[key] for key in keys])

    def said(self, keys: Iterable[Key]) -> Said:
        """What these say, one after the other."""
        all_ = [self._begun[key].result() for key in keys]
        return Said([each for one in all_ for each in one.problems], [each for one in all_ for each in one.unseen])


def _safely(look: Look) -> Said:
    """A look that is not allowed says nothing about what it looks at: that is told, and no problem."""
    try:
        return Said(look())
    except ClientError as error:
        what = error.operation_name, code_of(error)
        return Said(unseen=[text("{call} was refused ({code}): not looked at.", call=what[0], code=what[1])])
    except BotoCoreError as error:
        return Said([text("AWS cannot be asked: {reason}", reason=str(error))])
