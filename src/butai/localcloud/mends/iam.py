"""IAM: the policies that AWS itself manages."""

from __future__ import annotations

import json

from moto.core.responses import ActionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy
from moto.iam.responses import IamResponse

from butai.localcloud.mends import replace

_AWS_OWNED = "arn:aws:iam::aws:policy"


class IamMends(IamResponse):
    """moto's IAM with the behaviour below. moto has the policies, but all of them or none: 1,400 objects to save."""

    def attach_role_policy(self) -> ActionResult:
        """Missing: AWS's own policies."""
        self._adopt()
        return super().attach_role_policy()

    def get_policy(self) -> ActionResult:
        """Missing: AWS's own policies."""
        self._adopt()
        return super().get_policy()

    def get_policy_version(self) -> ActionResult:
        """Missing: AWS's own policies."""
        self._adopt()
        return super().get_policy_version()

    def _adopt(self) -> None:
        """Take in the policy that the request names, if it is one of AWS's and not yet known."""
        arn = self._get_param("PolicyArn") or ""
        if not arn.startswith(_AWS_OWNED) or arn in self.backend.managed_policies:
            return
        path_and_name = arn.removeprefix(_AWS_OWNED)
        for name, policy in json.loads(aws_managed_policies_data).items():
            if f"{policy['Path']}{name}" == path_and_name:
                known = AWSManagedPolicy.from_data(name, self.current_account, self.region, policy)
                self.backend.managed_policies[arn] = known


def install() -> None:
    """Put these mends in moto's place."""
    replace(IamResponse, IamMends)
