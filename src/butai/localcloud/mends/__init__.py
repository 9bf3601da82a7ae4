"""What moto lacks for the real Terraform AWS provider, one module a service.

A mend is a method of a class derived from moto's own responses of that service, and its docstring names the behaviour
that is missing. When moto has it, delete the method.
"""

from __future__ import annotations

from moto.core.responses import BaseResponse


def replace(original: type[BaseResponse], mended: type[BaseResponse]) -> None:
    """From now on requests for `original` go to `mended`, a class derived from it."""
    # moto's URL tables hold `original.dispatch`, and are imported only when the first request for the service comes.
    original.dispatch = mended.dispatch  # type: ignore[method-assign]
