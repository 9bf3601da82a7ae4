"""Whether a thing whose making was interrupted came up all the same."""

from __future__ import annotations

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.ecs import look, parse_service_arn
from butai.aws.lookup import exists


def complete(session: boto3.Session, type_: str, id_: str) -> bool | None:
    """True: it is there and AWS has nothing more to do on it. None: that cannot be told.

    Types that AWS makes in one step are complete when they exist; what is missing of their settings the next apply adds.
    """
    if type_ == "aws_ecs_service":
        ref = parse_service_arn(id_)
        return all(each.steady for each in look(session, [ref])) if ref else None
    if type_ == "aws_elasticache_cluster":
        return _available(session, id_)
    return exists(session, type_, id_)


def _available(session: boto3.Session, id_: str) -> bool | None:
    try:
        found = session.client("elasticache").describe_cache_clusters(CacheClusterId=id_)["CacheClusters"]
    except (BotoCoreError, ClientError):
        return None if exists(session, "aws_elasticache_cluster", id_) is None else False
    return any(each.get("CacheClusterStatus") == "available" for each in found)
