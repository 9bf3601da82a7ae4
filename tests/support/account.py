"""One thing of every kind in an account, made through boto3 as a person would by hand."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

REGION = "ap-northeast-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
# What a queue took before 2025, and the provider takes.
SMALL = {"MaximumMessageSize": "262144"}
# AWS answers these whether somebody has set them or not, moto only then.
ANSWERED_OF_BALANCERS = {
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
ANSWERED_OF_GROUPS = {"stickiness.type": "lb_cookie", "stickiness.lb_cookie.duration_seconds": "86400"}

Client = Callable[[str], Any]


def make_account(client: Client) -> dict[str, str]:
    """One of each kind; Terraform's type -> the id by which its provider knows it."""
    network = make_network(client("ec2"))
    role = client("iam").create_role(RoleName="by-hand", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    return {
        **network,
        **_balancing(client("elbv2"), network),
        **make_containers(client, network),
        **_data(client, network),
        **_global(client),
        **_around(client, role),
    }


def make_network(ec2: Any) -> dict[str, str]:
    """A VPC and what stands in it."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zone = {"VpcId": vpc, "AvailabilityZone": f"{REGION}a"}
    subnet = ec2.create_subnet(CidrBlock="10.0.0.0/24", **zone)["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    image = ec2.register_image(Name="by-hand", RootDeviceName="/dev/sda1", Architecture="x86_64")["ImageId"]
    instance = ec2.run_instances(ImageId=image, SubnetId=subnet, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ConnectivityType="public")["NatGateway"][
        "NatGatewayId"
    ]
    group = ec2.create_security_group(GroupName="by-hand", Description="By hand", VpcId=vpc)["GroupId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.logs", VpcEndpointType="Interface", SubnetIds=[subnet]
    )
    for each in (vpc, subnet, nat, group):
        ec2.create_tags(Resources=[each], Tags=[{"Key": "Name", "Value": "by hand"}])
    return {
        "aws_vpc": vpc,
        "aws_subnet": subnet,
        "aws_internet_gateway": gateway,
        "aws_route_table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "aws_eip": address,
        "aws_nat_gateway": nat,
        "aws_vpc_endpoint": endpoint["VpcEndpoint"]["VpcEndpointId"],
        "aws_security_group": group,
        "aws_instance": instance["Instances"][0]["InstanceId"],
        "aws_ebs_volume": ec2.create_volume(Size=20, VolumeType="gp3", AvailabilityZone=f"{REGION}a")["VolumeId"],
    }


def _balancing(elb: Any, network: dict[str, str]) -> dict[str, str]:
    subnets, groups = [network["aws_subnet"]], [network["aws_security_group"]]
    made = elb.create_load_balancer(Name="by-hand", Subnets=subnets, SecurityGroups=groups, Scheme="internal")
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=_pairs(ANSWERED_OF_BALANCERS))
    group = elb.create_target_group(
        Name="by-hand", Protocol="HTTP", Port=80, VpcId=network["aws_vpc"], TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=_pairs(ANSWERED_OF_GROUPS))
    action: Any = [{"Type": "forward", "TargetGroupArn": group}]
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=action)
    arn = listener["Listeners"][0]["ListenerArn"]
    hosts = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}]
    rule = elb.create_rule(ListenerArn=arn, Priority=1, Conditions=hosts, Actions=action)["Rules"][0]["RuleArn"]
    return {
        "aws_lb": balancer,
        "aws_lb_target_group": group,
        "aws_lb_listener": arn,
        "aws_lb_listener_rule": rule,
    }


def _pairs(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def make_containers(client: Client, network: dict[str, str]) -> dict[str, str]:
    """A service of ECS and what it needs."""
    ecs, ecr = client("ecs"), client("ecr")
    cluster = ecs.create_cluster(clusterName="by-hand")["cluster"]["clusterArn"]
    for _ in range(2):  # the newest of a family is the thing
        ecs.register_task_definition(
            family="by-hand", containerDefinitions=[{"name": "web", "image": "nginx", "memory": 128}]
        )
    subnets, groups = [network["aws_subnet"]], [network["aws_security_group"]]
    place = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": groups, "assignPublicIp": "DISABLED"}}
    service = ecs.create_service(
        cluster=cluster,
        serviceName="by-hand",
        taskDefinition="by-hand",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=place,
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100},
    )
    ecr.create_repository(repositoryName="by/hand")
    return {
        "aws_ecs_cluster": cluster,
        "aws_ecs_service": service["service"]["serviceArn"],
        "aws_ecs_task_definition": "by-hand",
        "aws_ecr_repository": "by/hand",
    }


def _data(client: Client, network: dict[str, str]) -> dict[str, str]:
    cache, rds, subnets = client("elasticache"), client("rds"), [network["aws_subnet"]]
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="by-hand", CacheSubnetGroupDescription="By hand", SubnetIds=subnets
    )
    small = {"Engine": "redis", "CacheNodeType": "cache.t4g.micro"}
    cache.create_cache_cluster(CacheClusterId="by-hand", EngineVersion="7.1", NumCacheNodes=1, **small)
    cache.create_replication_group(ReplicationGroupId="by-hands", ReplicationGroupDescription="By hand", **small)
    rds.create_db_subnet_group(DBSubnetGroupName="by-hand", DBSubnetGroupDescription="By hand", SubnetIds=subnets)
    access = {"MasterUsername": "mika", "MasterUserPassword": "of-no-importance"}
    database = rds.create_db_instance(
        DBInstanceIdentifier="by-hand", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20, **access
    )
    key = client("kms").create_key(Description="By hand", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    sealed = {"StorageEncrypted": True, "KmsKeyId": key["Arn"]}
    rds.create_db_cluster(DBClusterIdentifier="by-hands", Engine="aurora-postgresql", **sealed, **access)
    rds.create_db_instance(
        DBInstanceIdentifier="by-hands-1",
        DBClusterIdentifier="by-hands",
        Engine="aurora-postgresql",
        DBInstanceClass="db.t4g.medium",
    )
    client("dynamodb").create_table(
        TableName="by-hand",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return {
        "aws_elasticache_subnet_group": "by-hand",
        "aws_elasticache_cluster": "by-hand",
        "aws_elasticache_replication_group": "by-hands",
        "aws_db_subnet_group": "by-hand",
        "aws_db_instance": database["DBInstance"]["DbiResourceId"],
        "aws_kms_key": key["KeyId"],
        "aws_rds_cluster": "by-hands",
        "aws_rds_cluster_instance": "by-hands-1",
        "aws_dynamodb_table": "by-hand",
    }


def _global(client: Client) -> dict[str, str]:
    iam = client("iam")
    iam.create_instance_profile(InstanceProfileName="by-hand")
    zone = client("route53").create_hosted_zone(
        Name="by-hand.example", CallerReference="1", HostedZoneConfig={"Comment": "By hand", "PrivateZone": False}
    )
    client("s3").create_bucket(Bucket="by-hand", CreateBucketConfiguration={"LocationConstraint": REGION})
    return {
        "aws_iam_role": "by-hand",
        "aws_iam_policy": iam.create_policy(PolicyName="by-hand", PolicyDocument=json.dumps(ALLOWED))["Policy"]["Arn"],
        "aws_iam_instance_profile": "by-hand",
        "aws_route53_zone": zone["HostedZone"]["Id"].rpartition("/")[2],
        "aws_s3_bucket": "by-hand",
    }


def _around(client: Client, role: str) -> dict[str, str]:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("main.py", "def handler(event, context): pass\n")
    client("lambda").create_function(
        FunctionName="by-hand",
        Runtime="python3.12",
        Role=role,
        Handler="main.handler",
        Code={"ZipFile": code.getvalue()},
    )
    watch: Any = client("cloudwatch")
    client("logs").create_log_group(logGroupName="/by/hand")
    client("ssm").put_parameter(Name="/by/hand", Value="v", Type="String")
    numbers = {"MetricName": "CPUUtilization", "Namespace": "AWS/ECS", "Period": 60, "Statistic": "Average"}
    watch.put_metric_alarm(
        AlarmName="by-hand", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Threshold=80.0, **numbers
    )
    return {
        "aws_lambda_function": "by-hand",
        "aws_cloudwatch_log_group": "/by/hand",
        "aws_cloudwatch_metric_alarm": "by-hand",
        "aws_ssm_parameter": "/by/hand",
        "aws_secretsmanager_secret": client("secretsmanager").create_secret(Name="by/hand")["ARN"],
        "aws_acm_certificate": client("acm").request_certificate(DomainName="by-hand.example")["CertificateArn"],
        "aws_sns_topic": client("sns").create_topic(Name="by-hand")["TopicArn"],
        "aws_sqs_queue": client("sqs").create_queue(QueueName="by-hand", Attributes=SMALL)["QueueUrl"],
    }
