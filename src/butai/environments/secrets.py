"""Secrets by reference: read when an engine starts, handed to it in its environment, kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.session import Access, session_for
from butai.errors import MissingPartError
from butai.text import text

# Only what was put there for blueprints: without the prefix any repository could ask for the worker's own keys.
ENV_PREFIX = "BUTAI_SECRET_"


def read_secrets(references: Mapping[str, str], access: Access, environ: Mapping[str, str]) -> dict[str, str]:
    """`TF_VAR_*` for every reference: `ssm:/path`, or `env:NAME` for the worker's variable BUTAI_SECRET_NAME.

    An error names the reference, never a value.
    """
    session: boto3.Session | None = None
    found: dict[str, str] = {}
    for variable, reference in references.items():
        kind, _, name = reference.partition(":")
        if kind == "env":
            if ENV_PREFIX + name not in environ:
                raise _missing(
                    variable,
                    reference,
                    text("The worker's environment has no variable {prefix}{name}.", prefix=ENV_PREFIX, name=name),
                )
            found[f"TF_VAR_{variable}"] = environ[ENV_PREFIX + name]
            continue
        session = session or session_for(access)
        try:
            parameter = session.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
        except (BotoCoreError, ClientError) as error:
            raise _missing(variable, reference, str(error)) from error
        found[f"TF_VAR_{variable}"] = parameter["Value"]
    return found


def _missing(variable: str, reference: str, why: str) -> MissingPartError:
    return MissingPartError(
        text("The secret for `{variable}` cannot be read from `{reference}`.", variable=variable, reference=reference),
        why=why,
        next=text("Make it there, or correct the reference. Nothing was changed."),
        where=f"secrets.{variable}",
        code="secret-missing",
    )
