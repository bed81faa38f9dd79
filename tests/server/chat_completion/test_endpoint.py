"""The endpoint's function: a request in, text that grows out, a summary last; and its errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from phi4_server.bounds import DEFAULTS
from phi4_server.chat_completion.endpoint import completion
from phi4_server.chat_completion.responder import Responder
from phi4_server.model import ChatRequest, End, ModelBusy, ModelFailed, Usage

HI = {"messages": [{"role": "user", "content": "hi"}]}
USAGE = Usage(input_tokens=3, output_tokens=2)


class Given:
    """A model that gives what it was made with, and keeps what it was asked."""

    name = "Given"
    nature = "It gives what it has."
    options = frozenset({"temperature", "max_tokens"})

    def __init__(self, *pieces: str | End | Exception) -> None:
        """Has these."""
        self._pieces = pieces
        self.request: ChatRequest | None = None

    def complete(self, request: ChatRequest) -> Iterator[str | End]:
        self.request = request
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def complete(model: Given, body: Any = HI, *, stream: bool = True) -> list[tuple[str, Any]]:
    """All outputs of one call."""
    function = completion(Responder(model, most=1000), DEFAULTS, stream=stream)
    return [*function(json.dumps(body), None)]


def test_text_grows_and_a_summary_comes_last() -> None:
    """The summary has OpenAI's names, the tokens' sum, and times in seconds."""
    end = End(finish_reason="length", usage=USAGE, stopped_by=None, model="given-1")
    *growing, (text, summary) = complete(Given("", "one ", "two", end))

    assert [text for text, _ in growing] == ["", "one ", "one two"]
    assert not any(summary for _, summary in growing)
    assert text == "one two"
    assert summary["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert (summary["finish_reason"], summary["model"]) == ("length", "given-1")
    assert 0 <= summary["timings"]["first_text"] <= summary["timings"]["done"]


def test_an_answer_in_one_piece() -> None:
    """Nothing shows before the end; a model that counts nothing has no usage, and its own name."""
    *before, (text, summary) = complete(Given("one ", "two"), stream=False)

    assert {text for text, _ in before} == {""}
    assert text == "one two"
    assert (summary["usage"], summary["model"], summary["finish_reason"]) == (None, "Given", "stop")


def test_options_that_the_model_honours_reach_it() -> None:
    """The others are left out; the newer name of max_tokens is taken, too."""
    model = Given("a")
    complete(
        model, {**HI, "temperature": 0.5, "top_k": 3, "max_completion_tokens": 7, "stop": "END", "user": "x"}
    )

    assert model.request is not None
    assert model.request.options == {"temperature": 0.5, "max_tokens": 7}
    assert (model.request.stop, model.request.schema) == (("END",), None)


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}},
            {"type": "array"},
        ),
    ],
)
def test_a_model_gets_the_schema(form: dict[str, Any], schema: object) -> None:
    """One that can enforce it may; the words for it stand in the chat all the same."""
    model = Given("a")
    complete(model, {**HI, "response_format": form})

    assert model.request is not None
    assert model.request.schema == schema
    assert ("JSON" in model.request.messages[0].text) is (schema is not None)


@pytest.mark.parametrize(
    ("failure", "title"),
    [
        (ValueError("no such file"), "Error"),
        (ModelBusy("come again"), "Model busy"),
        (ModelFailed("its key is wrong"), "Model failed"),
    ],
)
def test_a_models_refusal_is_a_message(failure: Exception, title: str) -> None:
    """Its text is shown, and its title tells a program what to do."""
    with pytest.raises(gr.Error) as caught:
        complete(Given("a", failure))

    assert (caught.value.message, caught.value.title) == (str(failure), title)


def test_a_message_of_gradios_own_passes() -> None:
    """A model may raise what Gradio shows; title and all stay."""
    with pytest.raises(gr.Error) as caught:
        complete(Given(gr.Error("no time left", title="ZeroGPU quota exceeded")))

    assert caught.value.title == "ZeroGPU quota exceeded"


def test_a_fault_of_the_models_stays_one() -> None:
    """What is no refusal is not made one."""
    with pytest.raises(RuntimeError, match="broken"):
        complete(Given(RuntimeError("broken")))
