"""What a batch client is told of a failure. In: a refusal or an error of ours. Out: a status and a body in its form."""

from __future__ import annotations

from dataclasses import dataclass

from voxtide.errors import ConnectionFailedError, EngineFailedError, VoxtideError
from voxtide.protocols.error_codes import failure_of
from voxtide.protocols.http.form import Form
from voxtide.protocols.messages import Message, RequestRefusedError

_CODES_OF_VALUES = frozenset({"invalid_value", "missing_required_parameter"})
"""What Mistral's service answers with 422 and its list of details: a field that is missing or malformed."""

ENGINE_FAILED = "the engine failed, or is being restarted; try again later (the server's log says why)"
"""Why it did may name files of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is no transcript, in no form yet.

    Attributes:
        status: The HTTP status.
        code: Our stable name of the failure.
        message: For people.
        param: The field in question, where there is one.
    """

    status: int
    code: str
    message: str
    param: str | None = None

    def status_in(self, form: Form) -> int:
        """The status as the form has it."""
        return 422 if self._is_detail(form) else self.status

    def body_in(self, form: Form) -> Message:
        """The body of the answer."""
        if form is Form.OPENAI:
            return {
                "error": {"message": self.message, "type": self._type, "param": self.param, "code": self.code},
            }
        if self._is_detail(form):
            kind = "missing" if self.code == "missing_required_parameter" else "value_error"
            return {"detail": [{"type": kind, "loc": ["body", self.param], "msg": self.message}]}
        return {
            "object": "error",
            "message": self.message,
            "type": self._type,
            "param": self.param,
            "code": self.code,
        }

    @property
    def _type(self) -> str:
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def _is_detail(self, form: Form) -> bool:
        return form is Form.MISTRAL and self.status == 400 and self.code in _CODES_OF_VALUES and self.param is not None


def problem_of(error: Exception) -> Problem:
    """What to tell of an error. Of one that is not ours it tells nothing: it may quote what is nobody's business."""
    if isinstance(error, RequestRefusedError):
        return Problem(status=error.status, code=error.code, message=error.reason, param=error.param)
    if isinstance(error, EngineFailedError) and not isinstance(error, ConnectionFailedError):
        return Problem(status=503, code=error.code, message=ENGINE_FAILED)  # another is loaded: worth another try
    if isinstance(error, VoxtideError):
        failure = failure_of(error)
        return Problem(status=failure.status, code=failure.code, message=failure.message)
    return Problem(status=500, code="internal_error", message="internal error")
