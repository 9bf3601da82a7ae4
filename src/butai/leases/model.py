"""Pools, and which value of a pool comes next. Pure: who holds what is passed in.

A value is text everywhere ("110", "10.40.16.0/20", "qa-1.ivr.localhost", "050-5530-0111"): the blueprint decides how
it reaches a variable. The lowest free value is lent, so the same state of things gives the same answer.

Where a value must be unique (`scope`):

* a range or a list belongs to one pool of one blueprint;
* a subdomain is unique over all blueprints by its full host name, because there is one name space;
* a CIDR block overlaps no other lent block of any blueprint, because networks of two blueprints may be connected
  (peering, VPN, one transit gateway), and an overlap is found out only then.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from butai.errors import RefusedError, WrongUseError
from butai.text import joined, text

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

HOLDERS_SHOWN = 5


class PoolExhaustedError(RefusedError):
    """Nothing of the pool is free: nothing was created, nothing was taken."""

    code = "pool-exhausted"


def _network(block: str) -> str:
    try:
        wide = ipaddress.ip_network(block, strict=False)
    except ValueError as error:
        raise ValueError(
            text("`{block}` is not a network in CIDR notation, such as 10.32.0.0/12", block=block)
        ) from error
    if "/" not in block or ipaddress.ip_interface(block).ip != wide.network_address:
        raise ValueError(
            text(
                "`{block}` is an address inside a network, not a network: did you mean `{wide}`?",
                block=block,
                wide=wide,
            )
        )
    return str(wide)


Cidr = Annotated[str, AfterValidator(_network)]
LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
Domain = Annotated[str, StringConstraints(pattern=rf"^{LABEL}(\.{LABEL})*$", max_length=200)]
Label = Annotated[str, StringConstraints(pattern=rf"^{LABEL}$", max_length=40)]
Thing = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _all_different(values: list[str]) -> list[str]:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(text("`{twice}` stands in the list twice", twice=twice))
    return values


Things = Annotated[list[Thing], Field(min_length=1, max_length=10_000), AfterValidator(_all_different)]


class _Pool(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)


class Range(_Pool):
    """Whole numbers `from`, `from + step`, ... up to and with `to` (listener priorities, ports)."""

    from_: int = Field(validation_alias="from", serialization_alias="from", ge=0, le=1_000_000_000)
    to: int = Field(ge=0, le=1_000_000_000)
    step: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _goes_up(self) -> Range:
        if self.to < self.from_:
            raise ValueError(text("`to` ({to}) lies before `from` ({from_})", to=self.to, from_=self.from_))
        return self

    @property
    def numbers(self) -> range:
        """Every number of the pool."""
        return range(self.from_, self.to + 1, self.step)


class CidrPool(_Pool):
    """Blocks of `prefix` length out of `supernet`, without those that touch a block in `exclude`."""

    supernet: Cidr
    prefix: int = Field(ge=0, le=128)
    exclude: list[Cidr] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _fits(self) -> CidrPool:
        supernet = self.network
        if not supernet.prefixlen <= self.prefix <= supernet.max_prefixlen:
            raise ValueError(
                text(
                    "`prefix` must lie between {shortest} and {longest}",
                    shortest=supernet.prefixlen,
                    longest=supernet.max_prefixlen,
                )
            )
        for block in self.exclude:
            if ipaddress.ip_network(block).version != supernet.version:
                raise ValueError(
                    text(
                        "`exclude` holds {block}, which is of another IP version than {supernet}",
                        block=block,
                        supernet=supernet,
                    )
                )
        return self

    @property
    def network(self) -> IpNetwork:
        """The supernet as an object."""
        return ipaddress.ip_network(self.supernet)

    @property
    def block_size(self) -> int:
        """Addresses in one block."""
        return 1 << (self.network.max_prefixlen - self.prefix)


class ListPool(_Pool):
    """Things that exist only outside AWS: test phone numbers, OAuth clients, webhook addresses."""

    values: Things


class Subdomain(_Pool):
    """One host name per environment: `<environment>.<domain>`, or `<environment>-<suffix>.<domain>`."""

    domain: Domain
    suffix: Label | None = None

    def host(self, environment_name: str) -> str:
        """The environment's host name."""
        return f"{environment_name}{f'-{self.suffix}' if self.suffix else ''}.{self.domain}"


Pool = Range | CidrPool | ListPool | Subdomain

HOSTS, NETWORKS = "hosts", "networks"


def scope(pool: Pool, blueprint: str, pool_name: str) -> str:
    """The name space in which a value of this pool is unique (never equal for two kinds: names hold no slash)."""
    if isinstance(pool, Subdomain):
        return HOSTS
    return NETWORKS if isinstance(pool, CidrPool) else f"{blueprint}/{pool_name}"


def pick(pool: Pool, taken: Mapping[str, str], environment_name: str, *, pool_name: str) -> str:
    """The lowest free value of the pool.

    `taken` maps every value lent in the pool's scope to its holder ("ivr/qa-1"). Values in it that the pool no longer
    holds (its declaration was changed) count only where they are still in the way.
    Raises PoolExhaustedError with the count and the holders.
    """
    value = next(_free(pool, taken, environment_name), None)
    if value is None:
        raise _exhausted(pool, taken, environment_name, pool_name)
    return value


def refuse_lent(pool: Pool, value: str, taken: Mapping[str, str], *, pool_name: str) -> None:
    """Refuse a value that somebody says an environment has already, where it is in the way of another one's."""
    holder = taken.get(value)
    if isinstance(pool, CidrPool):
        holder = next((who for block, who in taken.items() if _overlap(block, network_of(value, pool_name))), None)
    if holder:
        raise RefusedError(
            text("`{value}` of the pool `{pool}` is lent to {holder}.", value=value, pool=pool_name, holder=holder),
            next=text("Two environments cannot have it: say what this one really has."),
            where=f"leases.{pool_name}",
            code="lease-taken",
        )


def network_of(value: str, pool_name: str) -> str:
    """The network that was said. Raises WrongUseError where it is none."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise WrongUseError(
            text("`{value}` is no network.", value=value),
            why=str(error),
            where=f"leases.{pool_name}",
            code="bad-lease",
        ) from error


def _free(pool: Pool, taken: Mapping[str, str], environment_name: str) -> Iterator[str]:
    if isinstance(pool, CidrPool):
        return _free_blocks(pool, [*taken, *pool.exclude])
    return (value for value in _values(pool, environment_name) if value not in taken)


def _values(pool: Range | ListPool | Subdomain, environment_name: str) -> Iterable[str]:
    if isinstance(pool, Range):
        return map(str, pool.numbers)
    return pool.values if isinstance(pool, ListPool) else [pool.host(environment_name)]


def _free_blocks(pool: CidrPool, blocked: Iterable[str]) -> Iterator[str]:
    kind = type(pool.network)
    for start, count in _gaps(pool, blocked):
        for number in range(count):
            yield str(kind((start + number * pool.block_size, pool.prefix)))


def _gaps(pool: CidrPool, blocked: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where whole blocks are free, from the lowest up: first address and number of blocks.

    Goes from one blocked interval to the next, because trying every block of a large supernet would take minutes.
    """
    network, size = pool.network, pool.block_size
    start = int(network.network_address)
    end = start + network.num_addresses
    for first, last in [*_intervals(blocked, network), (end, end)]:
        yield start, max(0, min(first, end) - start) // size
        # On to the first block behind the interval, on the block size's own grid.
        start = max(start, -(-(last + 1) // size) * size)


def _intervals(blocks: Iterable[str], network: IpNetwork) -> list[tuple[int, int]]:
    parsed = (ipaddress.ip_network(block) for block in blocks)
    return sorted(
        (int(block.network_address), int(block.broadcast_address))
        for block in parsed
        if block.version == network.version
    )


def capacity(pool: Pool) -> int | None:
    """How many values the pool can lend in all; None where there is no such number (host names)."""
    if isinstance(pool, Range):
        return len(pool.numbers)
    if isinstance(pool, ListPool):
        return len(pool.values)
    return None if isinstance(pool, Subdomain) else sum(count for _, count in _gaps(pool, pool.exclude))


def _exhausted(pool: Pool, taken: Mapping[str, str], environment_name: str, pool_name: str) -> PoolExhaustedError:
    if isinstance(pool, Subdomain):
        host = pool.host(environment_name)
        return PoolExhaustedError(
            text("The host name `{host}` is already lent to {holder}.", host=host, holder=taken[host]),
            next=text("Give the environment another name."),
            where=f"leases.{pool_name}",
            code="host-name-taken",
        )
    held = _in_the_way(pool, taken)
    return PoolExhaustedError(
        text("The pool `{pool}` has nothing left: {total} in all, none free.", pool=pool_name, total=capacity(pool)),
        why=text("Held: {holders}.", holders=_holders(held)),
        next=text("Destroy an environment that nobody needs any more, or widen the pool in butai.yaml."),
        where=f"leases.{pool_name}",
    )


def _in_the_way(pool: Range | CidrPool | ListPool, taken: Mapping[str, str]) -> dict[str, str]:
    if isinstance(pool, CidrPool):
        return {block: who for block, who in taken.items() if _overlap(block, pool.supernet)}
    values = set(_values(pool, ""))
    return {value: who for value, who in taken.items() if value in values}


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def _holders(held: Mapping[str, str]) -> str:
    if not held:
        return text("none, the pool itself is empty")
    few = list(held.items())[:HOLDERS_SHOWN]
    shown = joined(", ", (text("{value} by {who}", value=value, who=who) for value, who in few))
    more = len(held) - len(few)
    return text("{names} and {more} more", names=shown, more=more) if more else shown
