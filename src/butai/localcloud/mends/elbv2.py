"""Load balancing: one listener a port, and the health of targets that share one address."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import DuplicateListenerError, TargetGroupNotFoundError
from moto.elbv2.responses import ELBV2Response

from butai.localcloud.mends import replace
from butai.localcloud.targets import described


class Elbv2Mends(ELBV2Response):
    """moto's load balancing with the behaviour below."""

    def create_listener(self) -> ActionResult:
        """Missing: a port has one listener; moto compares ports with ARNs and finds none."""
        balancer = self.elbv2_backend.load_balancers.get(self._get_param("LoadBalancerArn"))
        port = self._get_param("Port")
        if balancer is not None and any(str(one.port) == str(port) for one in balancer.listeners.values()):
            raise DuplicateListenerError
        return super().create_listener()

    def describe_target_health(self) -> ActionResult:
        """Missing: two targets on one address; moto tells them apart by address alone and invents their health."""
        group = self.elbv2_backend.target_groups.get(self._get_param("TargetGroupArn"))
        if group is None:
            raise TargetGroupNotFoundError
        return ActionResult({"TargetHealthDescriptions": described(group, self._get_param("Targets", []))})


def install() -> None:
    """Put these mends in moto's place."""
    replace(ELBV2Response, Elbv2Mends)
