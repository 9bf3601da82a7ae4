"""The kinds of things that are looked for in an account: how each is listed and read, and what of it AWS made by itself.

Ids are those by which Terraform's AWS provider (version 5) knows the things.
"""

from __future__ import annotations

from butai.aws import existing_calls as calls
from butai.aws.existing_calls import Raw, lasting, paged
from butai.aws.existing_kind import Kind, flag, says
from butai.aws.existing_stores import DATA

__all__ = ["KINDS", "Kind"]


def _is_main(table: Raw) -> bool:
    return any(each.get("Main") for each in table.get("Associations", ()))


def _of_group(instance: Raw) -> bool:
    """Whether an Auto Scaling group started it."""
    return any(each["Key"] == "aws:autoscaling:groupName" for each in instance.get("Tags", ()))


NETWORK = (
    Kind("aws_vpc", "ec2:vpc/", paged("ec2", "describe_vpcs", "Vpcs"), "VpcId", by_aws=flag("IsDefault")),
    Kind(
        "aws_subnet",
        "ec2:subnet/",
        paged("ec2", "describe_subnets", "Subnets"),
        "SubnetId",
        by_aws=flag("DefaultForAz"),
    ),
    Kind(
        "aws_route_table",
        "ec2:route-table/",
        paged("ec2", "describe_route_tables", "RouteTables"),
        "RouteTableId",
        by_aws=_is_main,
    ),
    Kind(
        "aws_internet_gateway",
        "ec2:internet-gateway/",
        calls.internet_gateways,
        "InternetGatewayId",
        by_aws=flag("IsDefault"),
    ),
    Kind(
        "aws_nat_gateway",
        "ec2:natgateway/",
        lasting(paged("ec2", "describe_nat_gateways", "NatGateways"), "State"),
        "NatGatewayId",
        created="CreateTime",
    ),
    Kind(
        "aws_eip",
        "ec2:elastic-ip/",
        paged("ec2", "describe_addresses", "Addresses"),
        "AllocationId",
        by_aws=flag("ServiceManaged"),
    ),
    Kind(
        "aws_security_group",
        "ec2:security-group/",
        paged("ec2", "describe_security_groups", "SecurityGroups"),
        "GroupId",
        name="GroupName",
        arn="SecurityGroupArn",
        by_aws=lambda raw: raw["GroupName"] == "default",
    ),
    Kind(
        "aws_vpc_endpoint",
        "ec2:vpc-endpoint/",
        lasting(paged("ec2", "describe_vpc_endpoints", "VpcEndpoints"), "State"),
        "VpcEndpointId",
        created="CreationTimestamp",
        by_aws=flag("RequesterManaged"),
    ),
    Kind("aws_instance", "ec2:instance/", calls.instances, "InstanceId", created="LaunchTime", by_aws=_of_group),
    Kind(
        "aws_ebs_volume",
        "ec2:volume/",
        lasting(paged("ec2", "describe_volumes", "Volumes"), "State"),
        "VolumeId",
        created="CreateTime",
        by_aws=calls.goes_with_instance,
    ),
    Kind(
        "aws_lb",
        "elasticloadbalancing:loadbalancer/",
        paged("elbv2", "describe_load_balancers", "LoadBalancers"),
        "LoadBalancerArn",
        arn="LoadBalancerArn",
        name="LoadBalancerName",
        created="CreatedTime",
    ),
    Kind("aws_lb_listener", "elasticloadbalancing:listener/", calls.listeners, "ListenerArn", arn="ListenerArn"),
    Kind(
        "aws_lb_listener_rule",
        "elasticloadbalancing:listener-rule/",
        calls.rules,
        "RuleArn",
        arn="RuleArn",
        by_aws=flag("IsDefault"),
    ),
    Kind(
        "aws_lb_target_group",
        "elasticloadbalancing:targetgroup/",
        paged("elbv2", "describe_target_groups", "TargetGroups"),
        "TargetGroupArn",
        arn="TargetGroupArn",
        name="TargetGroupName",
    ),
    Kind(
        "aws_acm_certificate",
        "acm:certificate/",
        calls.certificates,
        "CertificateArn",
        arn="CertificateArn",
        name="DomainName",
        created="CreatedAt",
    ),
    Kind(
        "aws_route53_zone",
        "route53:hostedzone/",
        calls.zones,
        "Id",
        arn="Arn",
        name="Name",
        by_aws=flag("LinkedService"),
        is_global=True,
    ),
)

WORK = (
    Kind("aws_ecs_cluster", "ecs:cluster/", calls.clusters, "clusterArn", arn="clusterArn", name="clusterName"),
    Kind(
        "aws_ecs_service",
        "ecs:service/",
        calls.services,
        "serviceArn",
        arn="serviceArn",
        name="serviceName",
        created="createdAt",
    ),
    Kind("aws_ecs_task_definition", "ecs:task-definition/", calls.definitions, "family", arn="taskDefinitionArn"),
    Kind(
        "aws_ecr_repository",
        "ecr:repository/",
        paged("ecr", "describe_repositories", "repositories"),
        "repositoryName",
        arn="repositoryArn",
        created="createdAt",
    ),
    Kind(
        "aws_lambda_function",
        "lambda:function:",
        paged("lambda", "list_functions", "Functions"),
        "FunctionName",
        arn="FunctionArn",
    ),
    Kind(
        "aws_iam_role",
        "iam:role/",
        paged("iam", "list_roles", "Roles"),
        "RoleName",
        arn="Arn",
        created="CreateDate",
        by_aws=says("Path", "/aws-service-role/", "/aws-reserved/"),
        is_global=True,
    ),
    Kind(
        "aws_iam_policy",
        "iam:policy/",
        paged("iam", "list_policies", "Policies", Scope="Local"),
        "Arn",
        arn="Arn",
        name="PolicyName",
        created="CreateDate",
        is_global=True,
    ),
    Kind(
        "aws_iam_instance_profile",
        "iam:instance-profile/",
        paged("iam", "list_instance_profiles", "InstanceProfiles"),
        "InstanceProfileName",
        arn="Arn",
        created="CreateDate",
        is_global=True,
    ),
    Kind(
        "aws_cloudwatch_log_group",
        "logs:log-group:",
        paged("logs", "describe_log_groups", "logGroups"),
        "logGroupName",
        arn="arn",
        created="creationTime",
        # Names that begin so are those under which AWS's services make groups when they first have something to say.
        by_aws=says("logGroupName", "/aws/"),
    ),
    Kind(
        "aws_cloudwatch_metric_alarm",
        "cloudwatch:alarm:",
        paged("cloudwatch", "describe_alarms", "MetricAlarms", AlarmTypes=["MetricAlarm"]),
        "AlarmName",
        arn="AlarmArn",
        # Those of Application Auto Scaling.
        by_aws=says("AlarmName", "TargetTracking-"),
    ),
    Kind(
        "aws_cloudwatch_composite_alarm",
        "cloudwatch:alarm:",
        paged("cloudwatch", "describe_alarms", "CompositeAlarms", AlarmTypes=["CompositeAlarm"]),
        "AlarmName",
        arn="AlarmArn",
    ),
    Kind("aws_sns_topic", "sns:", paged("sns", "list_topics", "Topics"), "TopicArn", arn="TopicArn"),
    Kind("aws_sqs_queue", "sqs:", calls.queues, "Url", name="Name"),
)

KINDS = (*NETWORK, *WORK, *DATA)
