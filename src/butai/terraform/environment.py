"""The environment variables that an engine gets: an allow list, never the worker's whole environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_ALLOWED = re.compile(
    r"""
    PATH | HOME | USER | LOGNAME | TZ | TMPDIR | TEMP | TMP | LANG | LC_[A-Z]+
    | (?: HTTPS? | ALL | NO )_PROXY | (?: https? | all | no )_proxy
    | TF_TOKEN_[A-Za-z0-9_-]+
    | SSL_CERT_FILE | SSL_CERT_DIR | SSH_AUTH_SOCK | XDG_CONFIG_HOME
    | GOGC | GOMEMLIMIT
    | AWS_REGION | AWS_DEFAULT_REGION | AWS_ENDPOINT_URL (?: _[A-Z0-9_]+ )?
    | AWS_USE_FIPS_ENDPOINT | AWS_USE_DUALSTACK_ENDPOINT
    | AWS_ACCESS_KEY_ID | AWS_SECRET_ACCESS_KEY | AWS_SESSION_TOKEN
    | AWS_PROFILE | AWS_CONFIG_FILE | AWS_SHARED_CREDENTIALS_FILE | AWS_STS_REGIONAL_ENDPOINTS
    | AWS_WEB_IDENTITY_[A-Z_]+ | AWS_ROLE_[A-Z_]+ | AWS_EC2_METADATA_[A-Z0-9_]+
    | AWS_CONTAINER_CREDENTIALS_[A-Z]+_URI | AWS_CONTAINER_AUTHORIZATION_TOKEN (?: _FILE )?
    """,
    re.VERBOSE,
)
# Why the rest stays out, by example: TF_LOG writes secrets to files, TF_CLI_ARGS and TF_WORKSPACE change what a command
# does, TF_VAR_* are inputs nobody recorded, BUTAI_* holds Butai's own keys, AWS_CA_BUNDLE may be meant for another
# network. TF_STATE_PERSIST_INTERVAL cannot help: Terraform ignores less than its 20 s, OpenTofu panics.

# Engines and providers live for seconds and make garbage all the time: collected less often, a plan with the AWS provider
# takes three quarters of the CPU time and a twentieth more memory. The limit keeps long applies from growing.
COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "600MiB"}


def engine_environment(
    worker_env: Mapping[str, str], *, extra: Mapping[str, str], cli_config: Path, plugin_cache: Path | None = None
) -> dict[str, str]:
    """The environment for the engine: the allowed part of the worker's, the fixed settings, then `extra`.

    `cli_config` is the file of `providers.cli_config`. `plugin_cache`: a folder that exists, where providers from a
    registry are kept; Terraform's is not safe for two `init` at once, so lock around them. `extra` wins over
    everything: it holds what this run needs (AWS_PROFILE, secrets as TF_VAR_*, the backend's settings).
    """
    allowed = {name: value for name, value in worker_env.items() if _ALLOWED.fullmatch(name)}
    fixed = {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(cli_config),
    }
    cache = {"TF_PLUGIN_CACHE_DIR": str(plugin_cache)} if plugin_cache else {}
    return {**COLLECTION, **allowed, **fixed, **cache, **extra}
