"""Which of the worker's variables an engine may see."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.environment import engine_environment

CONFIG = Path("/data/engine.tfrc")
FIXED = {
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "CHECKPOINT_DISABLE": "1",
    "TF_CLI_CONFIG_FILE": "/data/engine.tfrc",
    "GOGC": "400",
    "GOMEMLIMIT": "600MiB",
}


@pytest.mark.parametrize(
    "name",
    [
        "PATH HOME TMPDIR LANG LC_ALL HTTPS_PROXY https_proxy NO_PROXY no_proxy SSL_CERT_FILE SSL_CERT_DIR TF_TOKEN_example_com",
        "AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_ECS AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
        "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_EC2_METADATA_DISABLED",
    ],
)
def test_allowed(name: str) -> None:
    worker = dict.fromkeys(name.split(), "value")
    assert engine_environment(worker, extra={}, cli_config=CONFIG) == {**worker, **FIXED}


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CA_BUNDLE TF_LOG TF_LOG_PATH TF_LOG_PROVIDER TF_CLI_ARGS TF_CLI_ARGS_apply TF_WORKSPACE TF_VAR_password",
        "TF_DATA_DIR TF_PLUGIN_CACHE_DIR TF_HTTP_PASSWORD TF_STATE_PERSIST_INTERVAL",
        "BUTAI_DATABASE BUTAI_PROVIDER_MIRROR GITHUB_TOKEN DATABASE_URL SECRET LD_PRELOAD PYTHONPATH XAWS_REGION",
        "AWS_REGION_OLD PATHS LC_ path AWS_EXECUTION_ENV",
    ],
)
def test_kept_out(name: str) -> None:
    assert engine_environment(dict.fromkeys(name.split(), "value"), extra={}, cli_config=CONFIG) == FIXED


def test_what_the_run_needs_wins() -> None:
    given_by_run = {"AWS_REGION": "ap-northeast-1", "TF_VAR_api_key": "s", "TF_INPUT": "1"}
    env = engine_environment({"AWS_REGION": "us-east-1"}, extra=given_by_run, cli_config=CONFIG)
    assert env == {**FIXED, **given_by_run}


def test_how_memory_is_collected_is_the_workers_choice() -> None:
    env = engine_environment({"GOGC": "100", "GOMEMLIMIT": "off"}, extra={}, cli_config=CONFIG)
    assert (env["GOGC"], env["GOMEMLIMIT"]) == ("100", "off")


def test_plugin_cache() -> None:
    env = engine_environment({}, extra={}, cli_config=CONFIG, plugin_cache=Path("/data/plugins"))
    assert env["TF_PLUGIN_CACHE_DIR"] == "/data/plugins"


@given(st.dictionaries(st.text(), st.text()))
def test_nothing_of_butais_own_ever_comes_through(worker: dict[str, str]) -> None:
    hostile = {**worker, **{f"BUTAI_{name}": value for name, value in worker.items()}}
    env = engine_environment(hostile, extra={}, cli_config=CONFIG)
    assert not [name for name in env if name.startswith(("BUTAI_", "TF_VAR_", "TF_LOG"))]
