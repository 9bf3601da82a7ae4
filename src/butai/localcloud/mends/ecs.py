"""ECS: services whose deployments and counts are true, and fields that moto forgets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException, TaskDefinitionNotFoundException
from moto.ecs.models import Cluster, Service, TaskDefinition
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api._internal import mock_random

from butai.localcloud import ledger
from butai.localcloud.mends import replace

# Request parameters that moto drops at creation, with what AWS answers when they are not given (None: nothing).
_FORGOTTEN: dict[str, Any] = {
    "availabilityZoneRebalancing": "DISABLED",
    "capacityProviderStrategy": None,
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "placementConstraints": [],
    "placementStrategy": [],
}
_DEPLOYMENT_DEFAULTS: dict[str, Any] = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
}
# A change of one of these starts new tasks, by AWS's documentation of UpdateService.
_NEEDS_NEW_TASKS = (
    "task_definition",
    "network_configuration",
    "load_balancers",
    "service_registries",
    "platform_version",
)


class EcsMends(EC2ContainerServiceResponse):
    """moto's ECS with the behaviour below."""

    def create_service(self) -> ActionResult:
        """Missing: several fields; refusing a name in use; a first deployment that waits for real tasks."""
        self._refuse_taken_name(self._get_param("serviceName"))
        result = super().create_service()
        service = _service_of(result)
        for name, default in _FORGOTTEN.items():
            setattr(service, xform_name(name), self._get_param(name, default))
        service.created_at = datetime.now(UTC)
        service.network_configuration = service.network_configuration or None  # the provider dies of an empty one
        service.deployment_configuration = self._deployment_configuration(_DEPLOYMENT_DEFAULTS)
        service.running_count = service.pending_count = 0
        service.deployments = []
        _begin_deployment(service)
        return result

    def update_service(self) -> ActionResult:
        """Missing: a new deployment when tasks must be new; a changed desired count is called running at once."""
        service = self._service()
        if service.status != "ACTIVE":
            raise ECSException("ServiceNotActiveException", "Service was not ACTIVE.")
        before = [getattr(service, name) for name in _NEEDS_NEW_TASKS]
        counts = service.running_count, service.pending_count
        configuration = self._deployment_configuration(service.deployment_configuration)
        forced = self.params.pop("forceNewDeployment", False)  # moto would rename the deployment that is running
        result = super().update_service()
        service.running_count, service.pending_count = counts
        service.task_definition = self._task_definition(service.task_definition).arn
        service.deployment_configuration = configuration
        for name in _FORGOTTEN.keys() & self.params.keys():  # moto keeps them under names that are not read again
            setattr(service, xform_name(name), self._get_param(name))
        if forced or before != [getattr(service, name) for name in _NEEDS_NEW_TASKS]:
            _begin_deployment(service)
        elif service.deployments:
            service.deployments[0]["desiredCount"] = service.desired_count
        return result

    def delete_service(self) -> ActionResult:
        """Missing: DRAINING, until no task is left."""
        result = super().delete_service()
        service = _service_of(result)
        service.status = "DRAINING"
        service.desired_count = 0
        for deployment in service.deployments:
            deployment["desiredCount"] = 0
        return result

    def list_services(self) -> ActionResult:
        """Missing: deleted services are not listed."""
        result = super().list_services()
        gone = {service.arn for service in self.ecs_backend.services.values() if service.status == "INACTIVE"}
        assert isinstance(result.result, dict)
        return ActionResult({"serviceArns": [arn for arn in result.result["serviceArns"] if arn not in gone]})

    def create_cluster(self) -> ActionResult:
        """Missing: creating an active cluster again answers that cluster; moto empties its settings."""
        known = self.ecs_backend.clusters.get(self._get_param("clusterName") or "default")
        if known is not None and known.status == "ACTIVE":
            return ActionResult({"cluster": known})
        return super().create_cluster()

    def describe_clusters(self) -> ActionResult:
        """Missing: counts that follow from the services; moto loses count when services change."""
        for cluster in self.ecs_backend.clusters.values():
            self._count(cluster)
        return super().describe_clusters()

    def list_clusters(self) -> ActionResult:
        """Missing: deleted clusters are not listed."""
        active = [cluster.arn for cluster in self.ecs_backend.clusters.values() if cluster.status == "ACTIVE"]
        return ActionResult({"clusterArns": active})

    def delete_cluster(self) -> ActionResult:
        """Missing: a cluster with services is not deleted."""
        cluster = self.ecs_backend._get_cluster(self._get_param("cluster"))
        if any(service.status != "INACTIVE" for service in self._services_of(cluster)):
            message = "The Cluster cannot be deleted while Services are active."
            raise ECSException("ClusterContainsServicesException", message)
        return super().delete_cluster()

    def register_task_definition(self) -> ActionResult:
        """Missing: the time of registration."""
        result = super().register_task_definition()
        assert isinstance(result.result, dict)
        result.result["taskDefinition"].registered_at = datetime.now(UTC)
        return result

    def describe_task_definition(self) -> ActionResult:
        """Missing: a family alone means its newest ACTIVE revision; moto answers deregistered ones too."""
        self.params["taskDefinition"] = self._task_definition(self._get_param("taskDefinition")).arn
        return super().describe_task_definition()

    def list_tasks(self) -> ActionResult:
        """Missing: the filter by service; only running tasks unless asked otherwise."""
        self.params.setdefault("desiredStatus", "RUNNING")
        result = super().list_tasks()
        if (name := self._get_param("serviceName")) is None:
            return result
        cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
        group = f"service:{name.rpartition('/')[2]}"
        assert isinstance(result.result, dict)
        tasks = self.ecs_backend.tasks.get(cluster.name, {})
        arns = [arn for arn in result.result["taskArns"] if arn in tasks and tasks[arn].group == group]
        return ActionResult({"taskArns": arns})

    def run_task(self) -> ActionResult:
        """Missing: a task that really runs; moto calls it running at once, and for ever. The same token is the same task."""
        backend: Any = self.ecs_backend
        cluster = backend._get_cluster(self._get_param("cluster", "default"))
        definition = self._task_definition(self._get_param("taskDefinition"))
        token = self._get_param("clientToken")
        known = [
            task
            for task in backend.tasks.get(cluster.name, {}).values()
            if token and getattr(task, "client_token", None) == token
        ]
        given = {
            "launch_type": self._get_param("launchType") or "FARGATE",
            "overrides": self._get_param("overrides"),
            "started_by": self._get_param("startedBy") or "",
            "tags": self._get_param("tags"),
        }
        group = self._get_param("group") or f"family:{definition.family}"
        if not known:
            count = self._get_int_param("count", 1) or 1
            known = [ledger.enter_task(backend, cluster, definition, group, **given) for _ in range(count)]
            for task in known:
                task.client_token = token
        return ActionResult({"tasks": known, "failures": []})

    def stop_task(self) -> ActionResult:
        """Missing: a task ends in its own time, and an unknown task is an error of AWS's kind, not a crash."""
        cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
        wanted = self._get_param("task").rpartition("/")[2]
        for arn, task in self.ecs_backend.tasks.get(cluster.name, {}).items():
            if arn.rpartition("/")[2] == wanted:
                task.desired_status = "STOPPED"
                task.stopped_reason = self._get_param("reason") or "Task stopped by user"
                return ActionResult({"task": task})
        raise InvalidParameterException("The referenced task was not found.")

    def _refuse_taken_name(self, name: str) -> None:
        cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
        status = next((service.status for service in self._services_of(cluster) if service.name == name), "INACTIVE")
        if status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        if status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")

    def _deployment_configuration(self, known: dict[str, Any]) -> dict[str, Any]:
        return known | (self._get_param("deploymentConfiguration") or {})

    def _service(self) -> Any:
        name = self._get_param("service").rpartition("/")[2]
        return self.ecs_backend._get_service(self._get_param("cluster", "default"), name)

    def _services_of(self, cluster: Cluster) -> list[Service]:
        return [service for service in self.ecs_backend.services.values() if service.cluster_name == cluster.name]

    def _count(self, cluster: Cluster) -> None:
        services = self._services_of(cluster)
        cluster.active_services_count = sum(service.status == "ACTIVE" for service in services)
        cluster.running_tasks_count = sum(service.running_count for service in services)
        cluster.pending_tasks_count = sum(service.pending_count for service in services)

    def _task_definition(self, name: str | None) -> TaskDefinition:
        if not name:
            raise TaskDefinitionNotFoundException
        if ":" in name.rpartition("/")[2]:
            return self.ecs_backend.describe_task_definition(name)
        revisions = self.ecs_backend.task_definitions.get(name.rpartition("/")[2], {}).values()
        active = [revision for revision in revisions if revision.status == "ACTIVE"]
        if not active:
            raise TaskDefinitionNotFoundException
        return max(active, key=lambda revision: revision.revision)


def _begin_deployment(service: Any) -> None:
    """Put a new PRIMARY deployment in front; the one before goes on as ACTIVE until the runner has replaced it."""
    for deployment in service.deployments:
        deployment["status"] = "ACTIVE"
    number = f"ecs-svc/{mock_random.randint(10**18, 10**19 - 1)}"
    now = datetime.now(UTC)
    service.deployments.insert(
        0,
        {
            "id": number,
            "status": "PRIMARY",
            "taskDefinition": service.task_definition,
            "desiredCount": service.desired_count,
            "pendingCount": 0,
            "runningCount": 0,
            "failedTasks": 0,
            "createdAt": now,
            "updatedAt": now,
            "launchType": service.launch_type,
            "platformVersion": service.platform_version,
            "platformFamily": "Linux",
            "networkConfiguration": service.network_configuration,
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": f"ECS deployment {number} in progress.",
        },
    )


def _service_of(result: ActionResult) -> Any:
    assert isinstance(result.result, dict)
    return result.result["service"]


def install() -> None:
    """Put these mends in moto's place."""
    replace(EC2ContainerServiceResponse, EcsMends)
