"""What exists in an account against what the known states hold. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from butai.aws.existing import Existing, Survey
from butai.terraform.state_index import StateInstance

# Types under which the provider keeps what another type's calls list.
SAME = {
    "aws_alb": "aws_lb",
    "aws_alb_listener": "aws_lb_listener",
    "aws_alb_listener_rule": "aws_lb_listener_rule",
    "aws_alb_target_group": "aws_lb_target_group",
    "aws_default_route_table": "aws_route_table",
    "aws_default_security_group": "aws_security_group",
    "aws_default_subnet": "aws_subnet",
    "aws_default_vpc": "aws_vpc",
    "aws_kms_external_key": "aws_kms_key",
    "aws_kms_replica_key": "aws_kms_key",
}


@dataclass(frozen=True)
class Known:
    """One instance in a state that Butai knows; `state` is the state's name."""

    state: str
    instance: StateInstance


@dataclass(frozen=True)
class Item:
    """A thing, and who knows it (more than one state: they will fight over it)."""

    existing: Existing
    known: tuple[Known, ...]

    @property
    def kind(self) -> str:
        """Terraform's type, where a state or an own call tells it."""
        named = self.existing.kind.startswith("aws_") or not self.known
        return self.existing.kind if named else self.known[0].instance.type


@dataclass(frozen=True)
class Share:
    """How many things states know, and how many none does."""

    managed: int
    unmanaged: int

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 is all of them; none where there is nothing."""
        every = self.managed + self.unmanaged
        return 100 * self.managed // every if every else None


@dataclass(frozen=True)
class Coverage:
    """How much of what exists is known to states. What AWS made by itself counts only where a state has taken it over.

    `gone`: what states hold and does not exist any more. Only what was looked for in whole is told so: of another account,
    a region that was not asked or a kind with a gap nothing is known. `by_region` has what belongs to no region under "".
    """

    managed: tuple[Item, ...]
    unmanaged: tuple[Item, ...]
    by_aws: tuple[Item, ...]
    gone: tuple[Known, ...]

    @property
    def total(self) -> Share:
        """Of all together."""
        return Share(len(self.managed), len(self.unmanaged))

    @property
    def by_kind(self) -> dict[str, Share]:
        """By Terraform's type, or the kind of thing that an ARN names."""
        return self._by(lambda item: item.kind)

    @property
    def by_region(self) -> dict[str, Share]:
        """By region."""
        return self._by(lambda item: item.existing.region)

    def _by(self, of: Callable[[Item], str]) -> dict[str, Share]:
        managed, unmanaged = ([of(each) for each in items] for items in (self.managed, self.unmanaged))
        return {each: Share(managed.count(each), unmanaged.count(each)) for each in sorted({*managed, *unmanaged})}


def coverage(surveys: Sequence[Survey], states: Mapping[str, Iterable[StateInstance]]) -> Coverage:
    """Put them side by side. `surveys`: one of each account; `states`: by name."""
    index = _Index(each for survey in surveys for each in survey.items)
    known: dict[Existing, list[Known]] = defaultdict(list)
    gone = []
    for one in _managed(states):
        found = index.of(one.instance)
        if len(found) == 1:
            known[found[0]].append(one)
        elif not found and any(_would_be_listed(one.instance, survey) for survey in surveys):
            gone.append(one)
    items = [Item(each, tuple(known.get(each, ()))) for each in index.items]
    return Coverage(
        managed=tuple(each for each in items if each.known),
        unmanaged=tuple(each for each in items if not each.known and not each.existing.by_aws),
        by_aws=tuple(each for each in items if not each.known and each.existing.by_aws),
        gone=tuple(gone),
    )


class _Index:
    """Things by ARN, and by type and id."""

    def __init__(self, items: Iterable[Existing]) -> None:
        self.items = list(items)
        self._by_arn = {each.arn: each for each in self.items}
        self._by_id: dict[tuple[str, str], list[Existing]] = defaultdict(list)
        for each in self.items:
            self._by_id[each.kind, each.id].append(each)

    def of(self, instance: StateInstance) -> list[Existing]:
        """What the instance is; more than one where the state does not tell enough to choose.

        The id is asked too where the ARN leads nowhere: a task definition's names another revision than the newest.
        """
        if instance.arn in self._by_arn:
            return [self._by_arn[instance.arn]]
        same_id = self._by_id[_type(instance), instance.id] if instance.id else []
        return [each for each in same_id if _may_be(each, instance)]


def _may_be(each: Existing, instance: StateInstance) -> bool:
    """Whether account and region agree, as far as the state tells them."""
    return instance.account in ("", each.account) and (not each.region or instance.region in ("", each.region))


def _would_be_listed(instance: StateInstance, survey: Survey) -> bool:
    here = instance.account == survey.account
    return here and any((_type(instance), region) in survey.listed for region in (instance.region, ""))


def _managed(states: Mapping[str, Iterable[StateInstance]]) -> Iterator[Known]:
    for state, instances in states.items():
        yield from (Known(state, each) for each in instances if each.mode == "managed")


def _type(instance: StateInstance) -> str:
    return SAME.get(instance.type, instance.type)
