"""What an AWS request asks for, read from its signature and headers, and errors in the shape its client understands.

Shapes: https://smithy.io/2.0/aws/protocols/ (awsJson, awsQuery, ec2Query).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_READING = ("Describe", "List", "Get", "BatchGet", "BatchCheck", "Filter")


@dataclass(frozen=True)
class Call:
    """One request: the service and region that it is signed for, and the action."""

    service: str
    region: str
    action: str
    protocol: str  # "json", "query", "ec2" or "s3"

    @property
    def changes(self) -> bool:
        """Whether the action may change something, by AWS's own naming."""
        return not self.action.startswith(_READING)

    @property
    def unknown_action(self) -> str:
        """The code with which AWS itself answers an action that it does not know."""
        return "UnknownOperationException" if self.protocol == "json" else "InvalidAction"


def read_call(request: Request) -> Call | None:
    """The call that a request makes; None when it carries no AWS signature (version 4)."""
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope is None:
        return None
    target = request.headers.get("X-Amz-Target", "")
    action = target.rpartition(".")[2] or request.form.get("Action") or f"{request.method} {request.path}"
    return Call(scope["service"], scope["region"], action, _protocol(request, scope["service"]))


def _protocol(request: Request, service: str) -> str:
    if service in ("ec2", "s3"):
        return service
    return "query" if request.mimetype == "application/x-www-form-urlencoded" else "json"


def error_response(protocol: str, code: str, message: str, status: int = 400) -> Response:
    """An AWS error. Give a status below 500: clients repeat the others for minutes."""
    if protocol == "json":
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status, {"x-amzn-ErrorType": code}, content_type="application/x-amz-json-1.1")
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "s3":
        body = f"<Error>{error}</Error>"
    elif protocol == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{uuid4()}</RequestID></Response>"
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{uuid4()}</RequestId></ErrorResponse>"
        )
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{body}', status, content_type="text/xml")
