"""Errors of HTTP requests. In: a refusal or another exception. Out: a status and a body in the client's form."""

from __future__ import annotations

from dataclasses import dataclass

from voxtide.errors import ConnectionFailedError, EngineFailedError, VoxtideError
from voxtide.protocols.error_codes import failure_of
from voxtide.protocols.http.form import Form
from voxtide.protocols.messages import Message, RequestRefusedError

_CODES_OF_VALUES = frozenset({"invalid_value", "missing_required_parameter"})
"""Missing or malformed fields: Mistral's service answers these with 422 and a list of details."""

ENGINE_FAILED = "the engine failed, or is being restarted; try again later (see the server's log)"
"""Leaves out the cause, which may name files of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a request failed, in no vendor's form yet.

    Attributes:
        status: The HTTP status.
        code: The failure's stable name.
        message: For people.
        param: The field in question, if any.
        text: The text of the audio before a file broke off; "" if there is none.
    """

    status: int
    code: str
    message: str
    param: str | None = None
    text: str = ""

    def status_in(self, form: Form) -> int:
        """The status in the form."""
        return 422 if self._is_detail(form) else self.status

    def body_in(self, form: Form) -> Message:
        """The body in the form."""
        text = {"text": self.text} if self.text else {}  # no vendor's; last, so that other errors keep their shape
        if form is Form.OPENAI:
            error = {"message": self.message, "type": self._type, "param": self.param, "code": self.code}
            return {"error": error | text}
        if self._is_detail(form):
            kind = "missing" if self.code == "missing_required_parameter" else "value_error"
            return {"detail": [{"type": kind, "loc": ["body", self.param], "msg": self.message}]}
        return {
            "object": "error",
            "message": self.message,
            "type": self._type,
            "param": self.param,
            "code": self.code,
        } | text

    @property
    def _type(self) -> str:
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def _is_detail(self, form: Form) -> bool:
        return form is Form.MISTRAL and self.status == 400 and self.code in _CODES_OF_VALUES and self.param is not None


def problem_of(error: Exception) -> Problem:
    """Describe an error for the client. Unexpected exceptions give no details: they may quote internals."""
    if isinstance(error, RequestRefusedError):
        return Problem(status=error.status, code=error.code, message=error.reason, param=error.param)
    if isinstance(error, EngineFailedError) and not isinstance(error, ConnectionFailedError):
        return Problem(status=503, code=error.code, message=ENGINE_FAILED)  # the engine is restarted: worth a retry
    if isinstance(error, VoxtideError):
        failure = failure_of(error)
        return Problem(status=failure.status, code=failure.code, message=failure.message)
    return Problem(status=500, code="internal_error", message="internal error")
