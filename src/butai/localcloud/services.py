"""The AWS services of the local cloud. What is not listed here is refused by the server and kept by no snapshot."""

from __future__ import annotations

# Name in a request's signature -> moto's name of the backend.
SERVICES = {
    "ec2": "ec2",
    "ecr": "ecr",
    "ecs": "ecs",
    "elasticache": "elasticache",
    "elasticloadbalancing": "elbv2",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "rds": "rds",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
}

# These know no region: clients sign for us-east-1 wherever they are.
GLOBAL_SERVICES = frozenset({"iam", "sts"})
