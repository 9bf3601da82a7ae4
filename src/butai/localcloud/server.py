"""AWS's API on loopback: moto behind a door that never answers 500, which clients would repeat for minutes."""

from __future__ import annotations

import io
import json
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.model import OperationNotFoundError
from moto.core import responses, utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from butai.localcloud.handler import MAX_BODY_BYTES, Connections, Handler
from butai.localcloud.protocol import Call, error_response, read_call
from butai.localcloud.services import GLOBAL_SERVICES, SERVICES
from butai.localcloud.state import CloudState
from butai.loopback import LOOPBACK, listen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FAILURE = "LocalCloudFailure"
_REMEMBERED = 500
_OWN_HOSTS = frozenset({LOOPBACK, "localhost"})


class Gaps:
    """What was asked of the cloud and could not be given, one JSON object a line in `path`, for people and tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        path.touch(mode=0o600)

    def record(self, call: Call, code: str, detail: str) -> None:
        """Keep one event with the time and, for failures, the traceback."""
        self.count += 1
        event = {"time": datetime.now(UTC).isoformat(), "service": call.service, "action": call.action, "code": code}
        with self.path.open("a") as file:
            file.write(json.dumps(event | {"detail": detail}) + "\n")


class Repeats:
    """Answers to the newest changes, by the id that an SDK gives to a call and keeps when it sends the call again.

    Under load a client now and then loses an answer that was sent, and asks again. Made twice, a creation would leave
    a thing behind that no state knows of.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, Call], Response] = OrderedDict()

    def find(self, identity: str, call: Call) -> Response | None:
        """The answer that this very call has got before."""
        return self._answers.get((identity, call))

    def keep(self, identity: str, call: Call, answer: Response) -> None:
        """Remember the answer of a change that was made."""
        if identity and call.changes and answer.status_code < 300:
            self._answers[identity, call] = answer
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)


class Door:
    """WSGI application in front of moto: who may come in, one at a time, and how refusals and failures look."""

    def __init__(self, state: CloudState, gaps: Gaps, on_change: Callable[[], None]) -> None:
        self.state, self.gaps, self.on_change = state, gaps, on_change
        self._repeats = Repeats()
        self.moto: WSGIApplication = _moto()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Read whole before the lock is taken, so that a slow client holds up nobody.
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        try:
            body = request.get_data(parse_form_data=False)
        except RequestEntityTooLarge as error:
            return error_response("json", "RequestEntityTooLarge", str(error), 413)(environ, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        call = read_call(Request(environ))
        environ["wsgi.input"] = io.BytesIO(body)
        return self._answer(call, request, environ)(environ, start_response)

    def _answer(self, call: Call | None, request: Request, environ: WSGIEnvironment) -> Response:
        if request.host.split(":")[0] not in _OWN_HOSTS:
            # A page on the web can point a name of its own at 127.0.0.1, but it cannot choose the Host header.
            return error_response("json", "AccessDenied", "Only 127.0.0.1 and localhost are answered.", 403)
        if call is None:
            return error_response("json", "MissingAuthenticationToken", "The request has no AWS signature.", 403)
        if call.service not in SERVICES:
            return self._gap(call, call.unknown_action, f"The local cloud has no service `{call.service}`.")
        if call.region != self.state.region and call.service not in GLOBAL_SERVICES:
            message = f"The local cloud is the region {self.state.region}; this request is for {call.region}."
            return error_response(call.protocol, "OptInRequired", message, 403)
        return self._ask_moto(call, request.headers.get("Amz-Sdk-Invocation-Id", ""), environ)

    def _ask_moto(self, call: Call, identity: str, environ: WSGIEnvironment) -> Response:
        name = f"{call.service}:{call.action}"
        try:
            with self.state.lock:
                if repeated := self._repeats.find(identity, call):
                    return repeated
                response = Response.from_app(self.moto, environ, buffered=True)
                self._repeats.keep(identity, call, response)
        except (NotImplementedError, OperationNotFoundError) as error:
            return self._gap(call, call.unknown_action, f"The local cloud has no {name}: {error}")
        except Exception:
            return self._gap(call, FAILURE, f"The local cloud failed at {name}.", traceback.format_exc())
        finally:
            if call.changes:
                self.on_change()
        foreign = response.status_code >= 400 and response.mimetype == "text/html"  # the web framework's own, not AWS's
        if response.status_code >= 500 or foreign:
            detail = response.get_data(as_text=True)
            return self._gap(call, FAILURE, f"The local cloud failed at {name} ({response.status}).", detail)
        return response

    def _gap(self, call: Call, code: str, message: str, detail: str = "") -> Response:
        self.gaps.record(call, code, detail or message)
        return error_response(call.protocol, code, f"{message} See {self.gaps.path.name} in its data folder.")


def _moto() -> DomainDispatcherApplication:
    """moto's application. What it would find out anew for every request, and takes long to find, is kept."""
    # Which methods a class of responses has: a tenth of a request.
    vars(responses)["method_names_from_class"] = cache(utils.method_names_from_class)
    application = DomainDispatcherApplication(create_backend_app)
    # Which service answers under a host's name: a walk through moto's folder.
    application.get_backend_for_host = cache(application.get_backend_for_host)  # type: ignore[method-assign]
    return application


class ApiServer:
    """Serves the door on a loopback port, a thread a connection. `port` 0 takes a free one."""

    def __init__(self, door: Door, port: int) -> None:
        self._connections = Connections()
        handler = type("Handler", (Handler,), {"connections": self._connections})
        with listen(port) as listener:  # werkzeug works on a duplicate
            self._server = make_server(
                LOOPBACK, listener.getsockname()[1], door, threaded=True, request_handler=handler, fd=listener.fileno()
            )
        self.port: int = self._server.port
        self._thread = threading.Thread(target=self._server.serve_forever, name="api", daemon=True)

    @property
    def endpoint(self) -> str:
        """The address to give to clients as `AWS_ENDPOINT_URL`."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._connections.close()
