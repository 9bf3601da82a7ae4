"""ElastiCache: clusters that are real Redis servers, really deleted; and what can be changed."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from botocore import xform_name
from moto.core.responses import ActionResult, EmptyResult
from moto.elasticache.exceptions import (
    CacheClusterNotFound,
    CacheSubnetGroupNotFound,
    ElastiCacheException,
    InvalidParameterValueException,
)
from moto.elasticache.models import CacheCluster, CacheSubnetGroup
from moto.elasticache.responses import ElastiCacheResponse

from butai.localcloud.mends import replace
from butai.localcloud.redis import RedisServers
from butai.localcloud.servers import Address
from butai.localcloud.state import CloudState

_IDENTIFIER = re.compile(r"[A-Za-z](-?[A-Za-z0-9]){0,49}")  # the name of a data folder too
_DEFAULT_ENGINE_VERSION = "7.1.0"
_MODIFIABLE = (
    "AutoMinorVersionUpgrade",
    "CacheNodeType",
    "CacheParameterGroupName",
    "NotificationTopicArn",
    "PreferredMaintenanceWindow",
    "SecurityGroupIds",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
)


class ElastiCacheMends(ElastiCacheResponse):
    """moto's ElastiCache with the behaviour below."""

    servers: ClassVar[RedisServers]

    def create_cache_cluster(self) -> ActionResult:
        """Missing: nodes with an endpoint where a Redis answers; defaults; checks of the names."""
        if not _IDENTIFIER.fullmatch(self._get_param("CacheClusterId")):
            raise InvalidParameterValueException("The parameter CacheClusterId is not a valid identifier.")
        if self._get_param("Engine", "redis") not in ("redis", "valkey"):
            raise NotImplementedError("the local cloud's caches speak Redis only")
        group = self._get_param("CacheSubnetGroupName")
        if group and group not in self.elasticache_backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(group)
        asked_port = self._get_int_param("Port")
        result = super().create_cache_cluster()
        cluster = _cluster_of(result)
        try:
            address = self.servers.start(cluster.cache_cluster_id, Address.wanted(asked_port))
        except BaseException:
            del self.elasticache_backend.cache_clusters[cluster.cache_cluster_id]
            raise
        cluster.preferred_availability_zone = cluster.preferred_availability_zone or f"{self.region}a"
        _complete(cluster)
        set_endpoint(cluster, address)
        return result

    def modify_cache_cluster(self) -> ActionResult:
        """Missing: the whole action. Every change is made at once."""
        name = self._get_param("CacheClusterId")
        if (cluster := self.elasticache_backend.cache_clusters.get(name)) is None:
            raise CacheClusterNotFound(name)
        for parameter in _MODIFIABLE:
            if (value := self._get_param(parameter)) is not None:
                setattr(cluster, xform_name(parameter), value)
        cluster.engine_version = self._get_param("EngineVersion") or cluster.engine_version
        _complete(cluster)
        return ActionResult({"CacheCluster": cluster})

    def delete_cache_cluster(self) -> ActionResult:
        """Missing: the cluster goes; moto shows it as being deleted for ever."""
        result = super().delete_cache_cluster()
        cluster = _cluster_of(result)
        self.servers.delete(cluster.cache_cluster_id)
        del self.elasticache_backend.cache_clusters[cluster.cache_cluster_id]
        return result

    def modify_cache_subnet_group(self) -> ActionResult:
        """Missing: the whole action."""
        group = self._subnet_group()
        changed = CacheSubnetGroup(
            self.current_account,
            self.region,
            group.cache_subnet_group_name,
            self._get_param("CacheSubnetGroupDescription") or group.cache_subnet_group_description,
            self._get_param("SubnetIds") or group.subnet_ids,
            group.tags,
        )
        self.elasticache_backend.cache_subnet_groups[group.cache_subnet_group_name] = changed
        return ActionResult({"CacheSubnetGroup": changed})

    def delete_cache_subnet_group(self) -> ActionResult:
        """Missing: the whole action."""
        group = self._subnet_group()
        users = [c for c in self.elasticache_backend.cache_clusters.values() if _uses(c, group)]
        if users:
            message = f"Cache subnet group {group.cache_subnet_group_name} is currently in use by a cache cluster."
            raise ElastiCacheException("CacheSubnetGroupInUse", message)
        del self.elasticache_backend.cache_subnet_groups[group.cache_subnet_group_name]
        return EmptyResult()

    def create_replication_group(self) -> ActionResult:
        """Refused: moto's has an endpoint where nobody answers, loses its subnet group and is never deleted."""
        raise NotImplementedError("there are no replication groups yet; a single `aws_elasticache_cluster` works")

    def _subnet_group(self) -> CacheSubnetGroup:
        name = self._get_param("CacheSubnetGroupName")
        if (group := self.elasticache_backend.cache_subnet_groups.get(name)) is None:
            raise CacheSubnetGroupNotFound(name)
        return group


def set_endpoint(cluster: Any, address: Address) -> None:
    """Report `address` as the endpoint of the cluster's only node."""
    cluster.port = address.port
    cluster.cache_nodes = [
        {
            "CacheNodeId": "0001",
            "CacheNodeStatus": "available",
            "CacheNodeCreateTime": cluster.cache_cluster_create_time,
            "Endpoint": {"Address": address.host, "Port": address.port},
            "ParameterGroupStatus": "in-sync",
            "CustomerAvailabilityZone": cluster.preferred_availability_zone,
        }
    ]


def restore(state: CloudState, servers: RedisServers) -> None:
    """Start the servers of all known clusters, where they were if possible, and correct the endpoints where not."""
    for name, cluster in state.backend("elasticache").cache_clusters.items():
        endpoint = cluster.cache_nodes[0]["Endpoint"]
        set_endpoint(cluster, servers.start(name, Address(endpoint["Address"], endpoint["Port"])))


def _complete(cluster: Any) -> None:
    """Fill in what AWS answers and moto does not: whole version, parameter group and security groups as structures."""
    version = cluster.engine_version or _DEFAULT_ENGINE_VERSION
    cluster.engine_version = f"{version}.0" if re.fullmatch(r"\d+\.\d+", version) else version
    family = "7" if cluster.engine_version.startswith("7") else cluster.engine_version[:3]
    cluster.cache_parameter_group_name = cluster.cache_parameter_group_name or f"default.{cluster.engine}{family}"
    cluster.cache_parameter_group = {
        "CacheParameterGroupName": cluster.cache_parameter_group_name,
        "ParameterApplyStatus": "in-sync",
    }
    cluster.security_groups = [{"SecurityGroupId": group, "Status": "active"} for group in cluster.security_group_ids]


def _cluster_of(result: ActionResult) -> CacheCluster:
    assert isinstance(result.result, dict)
    cluster = result.result["CacheCluster"]
    assert isinstance(cluster, CacheCluster)
    return cluster


def _uses(cluster: CacheCluster, group: CacheSubnetGroup) -> bool:
    return cluster.cache_subnet_group_name == group.cache_subnet_group_name


def install(servers: RedisServers) -> None:
    """Put these mends in moto's place; `servers` runs the Redis servers behind the clusters."""
    ElastiCacheMends.servers = servers
    replace(ElastiCacheResponse, ElastiCacheMends)
