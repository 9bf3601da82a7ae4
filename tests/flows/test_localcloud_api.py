"""The API of the local cloud as boto3 and terraform see it: what moto lacks, and what the cloud itself refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from butai.loopback import free_port
from support.cloud import Cloud, running_cloud
from support.engine import Engine
from support.repository import WorkingTree


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cloud keeps its data and finds its repositories."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def shas(folder: Path) -> list[str]:
    """Two commits of the repository `team/web`, the second on a branch, with a tag."""
    web = WorkingTree(folder / "repositories" / "team" / "web")
    first = web.commit({"a": "1"})
    web.branch("feature/blue")
    second = web.commit({"a": "2"})
    web.git("tag", "--annotate", "--message=x", "v1", "HEAD", GIT_COMMITTER_DATE="1790000000 +0000")
    return [first, second]


@pytest.fixture(scope="module")
def cloud(folder: Path, shas: list[str]) -> Iterator[Cloud]:
    """One cloud for this file. Not strict: it is asked for what it lacks."""
    with running_cloud(folder, strict=False) as cloud:
        yield cloud


@pytest.fixture
def ecs(cloud: Cloud) -> Any:
    """An ECS client, with the cluster `c`."""
    client = cloud.client("ecs")
    client.create_cluster(clusterName="c")
    return client


def register(ecs: Any, family: str, **extra: Any) -> str:
    """A new revision, whose image can never be had: nothing of it will ever run."""
    container = {"name": "web", "image": "nowhere:main", "memory": 64}
    answer = ecs.register_task_definition(family=family, containerDefinitions=[container], **extra)
    arn: str = answer["taskDefinition"]["taskDefinitionArn"]
    return arn


def create(ecs: Any, name: str, **extra: Any) -> dict[str, Any]:
    """A service with one wanted task."""
    arn = register(ecs, name)
    service: dict[str, Any] = ecs.create_service(
        cluster="c", serviceName=name, taskDefinition=arn, **({"desiredCount": 1} | extra)
    )["service"]
    return service


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    """AWS's error code."""
    code: str = error.value.response["Error"]["Code"]
    return code


def wait_for_status(ecs: Any, name: str, status: str) -> None:
    """Wait until a service has the status, twenty seconds at most."""
    until = time.monotonic() + 20
    while ecs.describe_services(cluster="c", services=[name])["services"][0]["status"] != status:
        assert time.monotonic() < until, f"{name} is not {status}"
        time.sleep(0.1)


def test_a_new_service_runs_nothing_yet(ecs: Any) -> None:
    service = create(ecs, "new", healthCheckGracePeriodSeconds=7)
    assert (service["status"], service["desiredCount"], service["runningCount"]) == ("ACTIVE", 1, 0)
    (deployment,) = service["deployments"]
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert deployment["taskDefinition"].endswith("task-definition/new:1")
    assert service["healthCheckGracePeriodSeconds"] == 7
    assert service["availabilityZoneRebalancing"] == "DISABLED"
    assert service["deploymentConfiguration"]["maximumPercent"] == 200


def test_another_task_definition_begins_a_deployment_and_keeps_the_old_one(ecs: Any) -> None:
    first = create(ecs, "rolled")["deployments"][0]
    register(ecs, "rolled")
    updated = ecs.update_service(cluster="c", service="rolled", taskDefinition="rolled")["service"]
    assert updated["taskDefinition"].endswith("task-definition/rolled:2")
    assert [d["status"] for d in updated["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert updated["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert updated["deployments"][1]["id"] == first["id"]


def test_another_count_goes_on_with_the_deployment_and_runs_nothing_by_itself(ecs: Any) -> None:
    first = create(ecs, "scaled")["deployments"][0]
    updated = ecs.update_service(cluster="c", service="scaled", desiredCount=3)["service"]
    assert (updated["desiredCount"], updated["runningCount"]) == (3, 0)
    assert [d["id"] for d in updated["deployments"]] == [first["id"]]
    assert updated["deployments"][0]["desiredCount"] == 3


def test_a_forced_deployment_is_a_new_one(ecs: Any) -> None:
    first = create(ecs, "forced")["deployments"][0]
    updated = ecs.update_service(cluster="c", service="forced", forceNewDeployment=True)["service"]
    assert updated["deployments"][0]["id"] != first["id"]
    assert updated["deployments"][0]["taskDefinition"] == first["taskDefinition"]


def test_a_partial_deployment_configuration_keeps_the_rest(ecs: Any) -> None:
    create(ecs, "configured", deploymentConfiguration={"maximumPercent": 150})
    changed = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    updated = ecs.update_service(cluster="c", service="configured", deploymentConfiguration=changed)["service"]
    configuration = updated["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (150, 100)
    assert configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_what_creation_takes_an_update_changes(ecs: Any) -> None:
    create(ecs, "changed")
    given = {"enableECSManagedTags": True, "enableExecuteCommand": True, "healthCheckGracePeriodSeconds": 9}
    ecs.update_service(cluster="c", service="changed", availabilityZoneRebalancing="ENABLED", **given)
    service = ecs.describe_services(cluster="c", services=["changed"])["services"][0]
    assert {name: service[name] for name in given} == given
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert len(service["deployments"]) == 1


def test_a_deleted_service_drains_and_is_gone(ecs: Any) -> None:
    create(ecs, "deleted")
    assert ecs.delete_service(cluster="c", service="deleted", force=True)["service"]["status"] == "DRAINING"
    wait_for_status(ecs, "deleted", "INACTIVE")
    assert not any(arn.endswith("/deleted") for arn in ecs.list_services(cluster="c")["serviceArns"])
    with pytest.raises(ClientError) as refused:
        ecs.update_service(cluster="c", service="deleted", desiredCount=1)
    assert code_of(refused) == "ServiceNotActiveException"
    assert create(ecs, "deleted")["status"] == "ACTIVE"


def test_a_name_in_use_is_refused(ecs: Any) -> None:
    create(ecs, "taken")
    with pytest.raises(ClientError) as refused:
        create(ecs, "taken")
    assert code_of(refused) == "InvalidParameterException"


def test_a_cluster_with_services_is_kept_and_counted(ecs: Any) -> None:
    create(ecs, "counted")
    with pytest.raises(ClientError) as refused:
        ecs.delete_cluster(cluster="c")
    assert code_of(refused) == "ClusterContainsServicesException"
    cluster = ecs.describe_clusters(clusters=["c"])["clusters"][0]
    assert cluster["activeServicesCount"] == len(ecs.list_services(cluster="c")["serviceArns"])
    assert cluster["runningTasksCount"] == 0


def test_creating_a_cluster_again_changes_nothing(ecs: Any) -> None:
    ecs.create_cluster(clusterName="again", settings=[{"name": "containerInsights", "value": "enabled"}])
    assert ecs.create_cluster(clusterName="again")["cluster"]["settings"][0]["value"] == "enabled"
    ecs.delete_cluster(cluster="again")
    assert not any(arn.endswith("/again") for arn in ecs.list_clusters()["clusterArns"])


def test_a_family_means_its_newest_active_revision(ecs: Any) -> None:
    first, second = register(ecs, "family"), register(ecs, "family")
    ecs.deregister_task_definition(taskDefinition=second)
    described = ecs.describe_task_definition(taskDefinition="family")["taskDefinition"]
    assert described["taskDefinitionArn"] == first
    assert ecs.describe_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    ecs.deregister_task_definition(taskDefinition=first)
    with pytest.raises(ClientError) as refused:
        ecs.describe_task_definition(taskDefinition="family")
    assert code_of(refused) == "ClientException"


def test_an_unknown_task_cannot_be_stopped(ecs: Any) -> None:
    with pytest.raises(ClientError) as refused:
        ecs.stop_task(cluster="c", task="0123")
    assert code_of(refused) == "InvalidParameterException"


def test_commits_are_the_images_of_a_repository(cloud: Cloud, shas: list[str]) -> None:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="team/web")
    newest, oldest = ecr.describe_images(repositoryName="team/web")["imageDetails"]
    assert newest["imageTags"] == [shas[1], shas[1][:12], "feature-blue", "v1"]
    assert oldest["imageTags"] == [shas[0], shas[0][:12], "main"]
    assert newest["imagePushedAt"] > oldest["imagePushedAt"]
    (found,) = ecr.describe_images(repositoryName="team/web", imageIds=[{"imageTag": "main"}])["imageDetails"]
    assert found["imageDigest"] == oldest["imageDigest"]
    assert len(ecr.list_images(repositoryName="team/web")["imageIds"]) == 7
    with pytest.raises(ClientError) as refused:
        ecr.describe_images(repositoryName="team/web", imageIds=[{"imageTag": "nope"}])
    assert code_of(refused) == "ImageNotFoundException"


def test_a_repository_without_git_has_no_images(cloud: Cloud) -> None:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="empty")
    assert ecr.list_images(repositoryName="empty")["imageIds"] == []
    with pytest.raises(ClientError) as refused:
        ecr.list_images(repositoryName="unknown")
    assert code_of(refused) == "RepositoryNotFoundException"


def test_a_cache_goes_when_it_is_deleted(cloud: Cloud) -> None:
    cache = cloud.client("elasticache")
    cache.create_cache_cluster(CacheClusterId="short", CacheNodeType="cache.t4g.micro", Engine="redis")
    assert cache.delete_cache_cluster(CacheClusterId="short")["CacheCluster"]["CacheClusterStatus"] == "deleting"
    with pytest.raises(ClientError) as refused:
        cache.describe_cache_clusters(CacheClusterId="short")
    assert code_of(refused) == "CacheClusterNotFound"


def test_a_subnet_group_in_use_stays(cloud: Cloud) -> None:
    cache, ec2 = cloud.client("elasticache"), cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    cache.create_cache_subnet_group(CacheSubnetGroupName="used", CacheSubnetGroupDescription="x", SubnetIds=[subnet])
    cache.create_cache_cluster(
        CacheClusterId="user", CacheNodeType="cache.t4g.micro", Engine="redis", CacheSubnetGroupName="used"
    )
    with pytest.raises(ClientError) as refused:
        cache.delete_cache_subnet_group(CacheSubnetGroupName="used")
    assert code_of(refused) == "CacheSubnetGroupInUse"
    cache.delete_cache_cluster(CacheClusterId="user")
    cache.delete_cache_subnet_group(CacheSubnetGroupName="used")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"CacheClusterId": "../../up"}, "InvalidParameterValue"),
        ({"CacheSubnetGroupName": "nowhere"}, "CacheSubnetGroupNotFoundFault"),
        ({"Engine": "memcached"}, "InvalidAction"),
    ],
)
def test_a_cache_that_cannot_be_is_refused(cloud: Cloud, wrong: dict[str, str], code: str) -> None:
    fine = {"CacheClusterId": "fine", "CacheNodeType": "cache.t4g.micro", "Engine": "redis"}
    with pytest.raises(ClientError) as refused:
        cloud.client("elasticache").create_cache_cluster(**(fine | wrong))
    assert code_of(refused) == code
    assert cloud.client("elasticache").describe_cache_clusters()["CacheClusters"] == []


def test_policies_of_aws_are_there_when_asked_for(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert "ecr:BatchGetImage" in str(document)
    with pytest.raises(ClientError) as refused:
        iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
    assert code_of(refused) == "NoSuchEntity"


def test_terraform_hears_at_once_of_what_is_lacking(cloud: Cloud, tmp_path: Path) -> None:
    engine = Engine(tmp_path, cloud.env)
    engine.write('resource "aws_sqs_queue" "calls" { name = "calls" }')
    engine.init()
    begin = time.monotonic()
    with pytest.raises(AssertionError, match="The local cloud has no service `sqs`"):
        engine.apply()
    assert time.monotonic() - begin < 30
    assert {"sqs"} <= {event["service"] for event in cloud.unanswered()}


def test_a_port_has_one_listener(cloud: Cloud) -> None:
    elb, ec2 = cloud.client("elbv2"), cloud.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name="one", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    elb.create_listener(LoadBalancerArn=balancer, Port=free_port(), Protocol="HTTP", DefaultActions=answer)
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    with pytest.raises(ClientError) as refused:
        elb.create_listener(LoadBalancerArn=balancer, Port=listener["Port"], Protocol="HTTP", DefaultActions=answer)
    assert code_of(refused) == "DuplicateListener"
