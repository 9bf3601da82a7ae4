"""The images of a deploy: open ones are found, and what is still being built is waited for as long as was asked."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace

from butai.aws import registry
from butai.aws.clients import Clients
from butai.aws.image import parse_image
from butai.deploys.task import Target, Task
from butai.images.resolve import Look, Open, look
from butai.runs.program import Stop
from butai.runs.saying import say
from butai.text import Text, text

LOOK_EVERY_S = 5.0


@dataclass
class Images:
    """One deploy's."""

    task: Task
    clients: Clients
    stop: Stop
    _found: dict[str, Target] = field(default_factory=dict)
    _why: dict[str, Look] = field(default_factory=dict)

    def find(self) -> tuple[list[Target], list[Text]]:
        """The targets with their images, and why some have none. An image that is only not there yet is no matter of this."""
        deadline, said = time.monotonic() + self.task.wait_for_image_s, False
        while (missing := self._missing()) and self._may_wait(deadline):
            if not said:
                minutes, names = self.task.wait_for_image_s // 60, ", ".join(missing)
                say(text("Not built yet, waited for up to {minutes} minutes: {names}", minutes=minutes, names=names))
                said = True
            self.stop.wait(LOOK_EVERY_S)
        return [self._found.get(each.name, each) for each in self.task.targets], [
            each.why for each in self._why.values()
        ]

    def _may_wait(self, deadline: float) -> bool:
        hopeless = any(each.hopeless for each in self._why.values())
        return not self.stop.asked and not hopeless and time.monotonic() < deadline

    def _missing(self) -> list[str]:
        """The images that are not there."""
        return [each.image for each in self.task.targets if not self._is_there(each)]

    def _is_there(self, target: Target) -> bool:
        if target.open is None:
            return not self.task.wait_for_image_s or self._is_in_ecr(target)
        if target.name in self._found:
            return True
        found = look(Open(**target.open), self.clients, os.environ)
        if not found.image:
            self._why[target.name] = found
            return False
        self._why.pop(target.name, None)
        self._found[target.name] = replace(target, image=found.image)
        say(text("{service}: its image is {image}", service=target.name, image=found.image))
        return True

    def _is_in_ecr(self, target: Target) -> bool:
        image = parse_image(target.image)
        if not image.is_ecr:
            return True
        ecr = self.clients("ecr", image.region)
        return registry.find_image(ecr, image.account, image.repository, image.tag) is not None
