"""The facts of a root module, out of files as teams write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from butai.errors import NotFoundError
from butai.terraform.engine import Engine
from butai.terraform.hcl import UNKNOWN, module_files, read_root, tfvars
from butai.terraform.providers import Requirement
from butai.terraform.root import Validation

HOST = "registry.terraform.io"


def write(folder: Path, **files: str) -> Path:
    """Files by name; `__` in a keyword stands for a dot, `_in_` for a slash."""
    for name, text in files.items():
        path = folder / name.replace("_in_", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


MAIN = """
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws    = { source = "hashicorp/aws", version = "~> 5.0", configuration_aliases = [aws.other] }
    random = "~> 3.1"
  }
  backend "s3" {
    bucket = "states"
  }
}

provider "aws" {
  alias  = "other"
  region = "us-east-1"
}

provider "aws" {
  region = "ap-northeast-1"
}

variable "environment" {
  type        = string
  description = <<-EOT
    Name of the environment.
  EOT
  validation {
    condition     = length(var.environment) > 1
    error_message = "Too short."
  }
}

variable "token" {
  sensitive = true
  nullable  = false
  default   = null
}

variable "computed" {
  default = [1, "x"]
}

locals {
  name = "ivr-${var.environment}"
}

data "aws_vpc" "main" {}

resource "aws_ecs_service" "web" {
  name = local.name
}

resource "google_thing" "x" {
  provider = google-beta.eu
}

resource "null_resource" "y" {}

resource "terraform_data" "z" {}

module "local" {
  source = "./modules/a"
  name   = local.name
}

module "far" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.0.0"
}

module "gone" {
  source = "../nowhere"
}

output "url" {
  value       = "https://${local.name}"
  description = "Its address."
  sensitive   = false
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(
        tmp_path, main__tf=MAIN, modules_in_a_in_m__tf='module "b" {\n  source = "../b"\n}\n', modules_in_b_in_m__tf=""
    )


def test_everything_at_once(folder: Path) -> None:
    root = read_root(folder)
    environment, token, computed = root.variables.values()
    assert (environment.name, environment.type, environment.where) == ("environment", "string", "main.tf:22")
    assert (environment.has_default, environment.default, environment.nullable) == (False, UNKNOWN, True)
    assert environment.description == "Name of the environment."
    assert environment.validations == (Validation("length(var.environment) > 1", "Too short."),)
    assert (token.has_default, token.default, token.sensitive, token.nullable, token.type) == (
        True,
        None,
        True,
        False,
        "",
    )
    assert computed.default == [1, "x"]
    assert list(root.outputs) == ["url"]
    assert (root.outputs["url"].value, root.outputs["url"].description) == ('"https://${local.name}"', "Its address.")
    assert "aws_ecs_service.web" in root.resources
    assert root.resources["data.aws_vpc.main"].is_data
    assert root.locals["name"].expression.variables() == ["environment"]
    assert root.required_version == ">= 1.6"
    assert root.backend is not None
    assert (root.backend.type, root.backend.where) == ("s3", "main.tf:8")
    assert root.providers["aws"].value("region") == "ap-northeast-1"
    assert root.problems == ()
    assert root.workspace_uses == ()


def test_modules(folder: Path) -> None:
    root = read_root(folder)
    assert {name: call.source for name, call in root.modules.items()} == {
        "local": "./modules/a",
        "far": "terraform-aws-modules/vpc/aws",
        "gone": "../nowhere",
    }
    assert root.modules["local"].folder == folder / "modules/a"
    assert root.modules["far"].folder is None
    assert root.modules["gone"].folder is None
    assert [child.folder for child in root.children] == [folder / "modules/a", folder / "modules/b"]


def test_requirements_are_declared_or_implied(folder: Path) -> None:
    assert set(read_root(folder).requirements(HOST)) == {
        Requirement(f"{HOST}/hashicorp/aws", "~> 5.0"),
        Requirement(f"{HOST}/hashicorp/random", "~> 3.1"),
        Requirement(f"{HOST}/hashicorp/google-beta"),
        Requirement(f"{HOST}/hashicorp/null"),
    }
    assert {each.source.split("/")[0] for each in read_root(folder).requirements("registry.opentofu.org")} == {
        "registry.opentofu.org"
    }


def test_constraints_of_modules_add_up(tmp_path: Path) -> None:
    needs = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "%s" }\n  }\n}\n'
    write(
        tmp_path,
        main__tf=needs % "~> 5.0" + 'module "a" {\n  source = "./a"\n}\n',
        a_in_main__tf=needs % ">= 5.40" + 'resource "aws_vpc" "x" {}\n',
    )
    assert read_root(tmp_path).requirements(HOST) == [Requirement(f"{HOST}/hashicorp/aws", "~> 5.0, >= 5.40")]


def test_workspace_is_found_with_file_and_line_also_in_modules(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__tf='locals {\n  a = 1\n  name = {\n    x = "x-${terraform.workspace}"\n  }\n}\nmodule "m" {\n  source = "./m"\n}\n',
        m_in_main__tf='resource "a_b" "c" {\n  tags {\n    t = tofu.workspace == "x" ? 1 : 2\n  }\n}\n',
        notes__tf='# terraform.workspace\nvariable "x" {\n  description = "terraform.workspace, $${terraform.workspace}"\n}\n',
    )
    assert [each.where for each in read_root(tmp_path).workspace_uses] == ["main.tf:4", "m/main.tf:3"]


def test_a_module_that_calls_itself_ends(tmp_path: Path) -> None:
    write(
        tmp_path, main__tf='module "m" {\n  source = "./m"\n}\n', m_in_main__tf='module "m" {\n  source = "../m"\n}\n'
    )
    assert len(read_root(tmp_path).children) == 1


def test_which_files_count(tmp_path: Path) -> None:
    write(tmp_path, a__tf="", b__tofu="", a__tofu="", c__tf__json="{}", a_override__tf="", override__tf="")
    write(tmp_path, d__tf__bak="", x__txt="", sub_in_e__tf="", f__tftest__hcl="")
    (tmp_path / ".hidden.tf").touch()
    (tmp_path / "#emacs.tf").touch()
    (tmp_path / "dir.tf").mkdir()

    def names(engine: str | None) -> list[str]:
        return [each.name for each in module_files(tmp_path, engine)]

    assert names("terraform") == ["a.tf", "c.tf.json", "a_override.tf", "override.tf"]
    assert names("tofu") == names(None) == ["a.tofu", "b.tofu", "c.tf.json", "a_override.tf", "override.tf"]


def test_an_override_adds_and_its_backend_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__tf='variable "a" {\n  type = string\n}\nterraform {\n  backend "s3" {}\n}\n',
        a_override__tf='variable "a" {\n  default = "x"\n}\nterraform {\n  backend "http" {}\n}\n',
    )
    root = read_root(tmp_path)
    assert root.variables["a"].type == "string"
    assert root.backend is not None
    assert root.backend.type == "http"


def test_cloud_is_a_backend_too(tmp_path: Path) -> None:
    root = read_root(write(tmp_path, main__tf='terraform {\n  cloud {\n    organization = "o"\n  }\n}\n'))
    assert root.backend is not None
    assert root.backend.type == "cloud"


def test_json_files_are_the_same_root(tmp_path: Path) -> None:
    text = (
        '{"variable": {"environment": {"type": "string"}}, "output": {"url": {"value": "https://${var.environment}"}}}'
    )
    root = read_root(write(tmp_path, main__tf__json=text))
    assert root.variables["environment"].type == "string"
    assert root.outputs["url"].body.attributes["value"].variables() == ["environment"]


def test_a_broken_file_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, main__tf='variable "a" {}\n', broken__tf='variable "b" {}\noutput "x" {\n  value = \n}\n')
    root = read_root(tmp_path)
    assert set(root.variables) == {"a", "b"}
    assert [str(each) for each in root.problems] == ["broken.tf:3:3: this is not HCL"]


def test_the_engine_names_the_same_line(tmp_path: Path, engine: Engine) -> None:
    write(tmp_path, main__tf='output "x" {\n  value = 1\n}\n\noutput "y" {\n  value = ]\n}\n')
    [problem] = read_root(tmp_path).problems
    said = subprocess.run(
        [str(engine.path), "fmt", "-no-color", "-check", str(tmp_path)], capture_output=True, text=True, check=False
    ).stderr
    assert f"main.tf line {problem.line}" in said


def test_no_root_module(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFoundError) as caught:
            read_root(folder)
        assert caught.value.code == "no-root-module"


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, main__tf='variable "a" {}\n')
    # A link to nowhere and a folder are no files of the module.
    (tmp_path / "gone.tf").symlink_to(tmp_path / "nowhere.tf")
    (tmp_path / "dir.tf").mkdir()
    assert read_root(tmp_path).problems == ()
    # Reading one's own memory map from its start fails whoever asks, root too.
    (tmp_path / "unreadable.tf").symlink_to("/proc/self/mem")
    root = read_root(tmp_path)
    assert [each.file for each in root.problems] == ["unreadable.tf"]
    assert list(root.variables) == ["a"]


def test_variable_files_and_which_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        terraform__tfvars='a = 1\nb = "x"\n',
        terraform__tfvars__json='{\n  "b": 2\n}',
        x__auto__tfvars="\nc = 1\n",
        y__auto__tfvars="c = 1\n",
        other__tfvars="d = 1\n",
    )
    assert tfvars(tmp_path) == {
        "a": ("terraform.tfvars", 1),
        "b": ("terraform.tfvars.json", 2),
        "c": ("y.auto.tfvars", 1),
    }


def test_odd_blocks_do_not_raise(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__tf='variable {}\nvariable "a" "b" {}\nresource "x" {}\noutput "o" {}\nmodule "m" {}\nlocals "x" {}\n'
        "terraform {\n  required_providers {\n    aws = [1]\n    b = { source = 3 }\n  }\n  backend {}\n}\nprovider {}\n",
    )
    root = read_root(tmp_path)
    assert root.variables == {}
    assert root.outputs["o"].value == ""
    assert root.modules["m"].source == ""
    assert root.requirements(HOST) == [Requirement(f"{HOST}/hashicorp/aws"), Requirement(f"{HOST}/hashicorp/b")]


def test_the_examples_own_roots() -> None:
    example = Path(__file__).parents[3] / "examples/ivr/infra"
    for name in ("base", "staging"):
        root = read_root(example / name)
        assert root.problems == ()
        assert root.workspace_uses == ()
        assert root.requirements(HOST) == [Requirement(f"{HOST}/hashicorp/aws", "~> 5.0")]
