"""Errors in OpenAI's shape. Knows its words for them, and what goes wrong in a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from phi4_server.model import ModelBusy, ModelFailed
from phi4_server.queue import QueueFull

RETRY_AFTER_S = 5
"""When to come again, where a server has too much to do."""

_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_SERVER_ERROR = 500
_STATUSES = {ModelBusy: 503, ModelFailed: 502}


class ApiError(Exception):
    """What is answered in place of a completion.

    Attributes:
        status: The HTTP status.
        param: The parameter of the request that is wrong, if it is one.
        code: A word for programs, if there is one.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        """Says what is wrong."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code or _CODES.get(status)

    @property
    def body(self) -> Mapping[str, Any]:
        """The response's JSON."""
        return {"error": {"message": str(self), "type": self._type, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers."""
        return {"retry-after": str(RETRY_AFTER_S)} if self.status in {429, 503} else {}

    @property
    def _type(self) -> str:
        default = "server_error" if self.status >= _SERVER_ERROR else "invalid_request_error"
        return _TYPES.get(self.status, default)


def to_api_error(failure: Exception, *, show_error: bool) -> ApiError:
    """What is answered when something fails.

    Args:
        failure: What was raised.
        show_error: Whether users may read the text of what nobody foresaw.
    """
    match failure:
        case ApiError():
            return failure
        case QueueFull(is_own=is_own):
            return ApiError(429 if is_own else 503, str(failure))
        case gr.Error(message=message):  # in some versions of Gradio a ValueError too
            return ApiError(_SERVER_ERROR, str(message))
        case ValueError():
            statuses = (status for kind, status in _STATUSES.items() if isinstance(failure, kind))
            return ApiError(next(statuses, 400), str(failure))
        case _:
            text = str(failure) or type(failure).__name__
            return ApiError(_SERVER_ERROR, text if show_error else "The server failed. Its log says why.")
