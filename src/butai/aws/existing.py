"""What exists in an account: every kind that Butai knows by its service's own calls, the rest by what has tags.

What may not be listed, or could not be, is a gap that is told: never a kind of which there is nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from butai.aws.arn import Arn, parse_arn, plain_arn
from butai.aws.billing import NOT_KNOWN, Billing
from butai.aws.billing_rules import billing
from butai.aws.clients import Clients
from butai.aws.existing_calls import Calls, Raw
from butai.aws.existing_kinds import KINDS, Kind
from butai.aws.existing_sizes import sizes
from butai.aws.lookup import code_of
from butai.aws.session import AccessError
from butai.terraform.text import plain
from butai.text import text

# As many calls are under way at a time: AWS counts the calls of an account, and its deploys make some too.
AT_ONCE = 8
TAGGED = "tagged"
"""The kind of a gap where the tagging API did not answer: tags are missing, and things that no other call lists."""
TAGGED_AT_ONCE = 100
_LONGEST = 300

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
# The tags by which AWS marks what it made for a thing of somebody's.
OWNERS = ("aws:autoscaling:groupName", "aws:secretsmanager:owningService")
# They come and go with the things that they are parts of.
PASSING = frozenset({"ec2:network-interface", "ecs:container-instance", "ecs:task", "ecs:task-set"})


@dataclass(frozen=True)
class Existing:
    """One thing in an account.

    `kind`: Terraform's type, or service and kind of thing as its ARN has them (`elasticfilesystem:file-system`) where only
    its tags told of it. `id`: by which Terraform's provider knows it. `region`: empty for what belongs to none. `created`:
    none where AWS does not tell. `by_aws`: AWS made it by itself, and it goes with what it was made for. `billing`: what is
    paid for it, prices apart.
    """

    account: str
    region: str
    kind: str
    id: str
    arn: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    created: datetime | None = None
    by_aws: bool = False
    billing: Billing = NOT_KNOWN


@dataclass(frozen=True)
class Gap:
    """A kind that could not be listed in whole in a region (empty: asked once for all), with AWS's code and words."""

    account: str
    region: str
    kind: str
    code: str
    why: str

    @property
    def denied(self) -> bool:
        """Whether we may not ask, rather than something having failed."""
        return self.code in DENIED


@dataclass(frozen=True)
class Survey:
    """What a look at an account found. `listed`: kind and region of what was listed in whole; empty region as in `Gap`."""

    account: str
    items: tuple[Existing, ...]
    gaps: tuple[Gap, ...]
    listed: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Account:
    id: str
    partition: str


@dataclass(frozen=True)
class _Answer:
    items: tuple[Existing, ...]
    gap: Gap | None
    asked: tuple[str, str]


def survey(session: boto3.Session, regions: Sequence[str], kinds: Sequence[Kind] = KINDS) -> Survey:
    """Everything in these regions (one at least), and what belongs to none. They are asked beside each other.

    Things of global services that only their tags tell of are found where `regions` has the one that AWS keeps them in
    (`us-east-1`). Raises AccessError when AWS does not say whose account it is.
    """
    clients, making = Clients(session), threading.Lock()
    account = _account(clients, regions[0])
    every = [Calls(clients, region, account.partition, making) for region in regions]
    asks = [
        partial(_of_kind, calls, kind, account) for kind in kinds for calls in (every[:1] if kind.is_global else every)
    ]
    asks += [partial(_tagged, calls, account) for calls in every]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [each.result() for each in [pool.submit(ask) for ask in asks]]
    gaps = tuple(each.gap for each in answers if each.gap)
    listed = frozenset(each.asked for each in answers if not each.gap)
    return Survey(account.id, tuple(_joined(answers)), gaps, listed)


def _account(clients: Clients, region: str) -> _Account:
    try:
        told = clients("sts", region).get_caller_identity()
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise AccessError(
            text("What exists in AWS cannot be listed."),
            why=plain(str(error), _LONGEST),
            next=text("Check the credentials of the worker's environment: `aws sts get-caller-identity`."),
        ) from error
    arn = parse_arn(told["Arn"])
    return _Account(str(told["Account"]), arn.partition if arn else "aws")


def _of_kind(calls: Calls, kind: Kind, account: _Account) -> _Answer:
    region = "" if kind.is_global else calls.region
    things = (_existing(each, kind, region, account) for each in kind.things(calls))
    return _answer(things, account, kind.type, region)


def _tagged(calls: Calls, account: _Account) -> _Answer:
    size = {"PageSize": TAGGED_AT_ONCE}
    found = calls.paged("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", PaginationConfig=size)
    return _answer((_of_tags(each, account) for each in found), account, TAGGED, calls.region)


def _answer(things: Iterable[Existing], account: _Account, kind: str, region: str) -> _Answer:
    """What comes before a failure is kept: it exists for certain."""
    found: list[Existing] = []
    gap = None
    try:
        found.extend(things)
    except ClientError as error:
        gap = Gap(account.id, region, kind, code_of(error), str(error))
    except (BotoCoreError, ResponseParserError) as error:
        # The second is botocore's own for an answer that it cannot read, and no kind of the first. It quotes all of it.
        gap = Gap(account.id, region, kind, type(error).__name__, plain(str(error), _LONGEST))
    return _Answer(tuple(found), gap, (kind, region))


def _existing(raw: Raw, kind: Kind, region: str, account: _Account) -> Existing:
    tags, id_ = _tags(raw), str(raw[kind.id])
    name = str(raw[kind.name]) if kind.name else tags.get("Name", "")
    return Existing(
        account=account.id,
        region=str(raw[kind.region]) if kind.region else region,
        kind=kind.type,
        id=id_,
        arn=plain_arn(str(raw.get(kind.arn) or _made_arn(kind, name if kind.name else id_, region, account))),
        name=name or id_,
        tags=tags,
        created=_moment(raw.get(kind.created)),
        by_aws=kind.by_aws(raw),
        billing=billing(kind.type, sizes(kind.type, raw)),
    )


def _made_arn(kind: Kind, named: str, region: str, account: _Account) -> str:
    service, _, rest = kind.arns.partition(":")
    return f"arn:{account.partition}:{service}:{region}:{account.id}:{rest}{named.removeprefix('/')}"


def _of_tags(raw: Raw, account: _Account) -> Existing:
    arn, tags = plain_arn(raw["ResourceARN"]), _tags(raw)
    told = parse_arn(arn) or Arn("", "", "", "", arn)
    id_ = told.rest.removeprefix(told.kind.rpartition(":")[2]).lstrip("/:") if ":" in told.kind else told.rest
    by_aws = any(owner in tags for owner in OWNERS)
    return Existing(account.id, told.region, told.kind, id_, arn, tags.get("Name", id_), tags, by_aws=by_aws)


def _joined(answers: Iterable[_Answer]) -> Iterator[Existing]:
    """The own calls' things with the tags that the tagging API tells, and of its things those that no own call lists.

    It goes on telling of what is deleted for a while, so that of a kind with an own call only that call is believed.
    """
    every = list(answers)
    tagged = {item.arn: item for each in every if each.asked[0] == TAGGED for item in each.items}
    for each in every:
        for item in each.items if each.asked[0] != TAGGED else ():
            told = tagged.get(item.arn)
            yield replace(item, tags={**told.tags, **item.tags}) if told else item
    yield from (each for each in tagged.values() if each.kind not in PASSING and not _has_own_call(each.arn))


def _has_own_call(arn: str) -> bool:
    """Whether a kind's own call lists what has this ARN, if it is asked."""
    told = parse_arn(arn)
    if told is None:
        return False
    named = f"{told.service}:{told.rest}"
    return any(
        # Without a kind of thing in it, an ARN is a name and no more.
        named.startswith(each) and (not each.endswith(":") or each.count(":") > 1 or told.kind == told.service)
        for each in (kind.arns for kind in KINDS)
    )


def _tags(raw: Raw) -> dict[str, str]:
    """Under whatever name and with whatever letters a service tells them."""
    told: Any = next((raw[name] for name in ("Tags", "TagList", "TagSet", "tags") if raw.get(name)), ())
    pairs = told.items() if isinstance(told, Mapping) else ((_of(each, "Key"), _of(each, "Value")) for each in told)
    return {str(key): str(value) for key, value in pairs}


def _of(tag: Raw, name: str) -> Any:
    return tag.get(name, tag.get(name.lower(), ""))


def _moment(told: Any) -> datetime | None:
    if isinstance(told, datetime):
        return told
    return datetime.fromtimestamp(told / 1000, UTC) if isinstance(told, int) else None
