"""LangChain's own middleware around ChatPhi4: what it reads of the model, and what it asks it. Scripted."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from chats import calling, chat, prompts, saying
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    LLMToolSelectorMiddleware,
    SummarizationMiddleware,
)
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_phi4 import ChatPhi4

MAIL = {"to": "ada", "text": "hi"}
HISTORY: list[AnyMessage] = [
    HumanMessage("My name is Ada. " * 100),
    AIMessage("Hello, Ada."),
    HumanMessage("What is my name?"),
]


@tool
def send_mail(to: str, text: str) -> str:
    """Sends a mail."""
    return f"sent {text} to {to}"


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return city


def asking(messages: Any) -> Any:
    """What an agent is given."""
    return {"messages": messages}


@pytest.mark.parametrize(
    "bounds",
    [
        lambda _: {"trigger": ("fraction", 0.002)},
        lambda model: {"trigger": ("tokens", 300), "token_counter": model.get_num_tokens_from_messages},
    ],
    ids=["of the profile", "by our count"],
)
def test_long_histories_are_summed_up(bounds: Callable[[ChatPhi4], Any]) -> None:
    """The model's profile says how much it takes, or its own count; the summary is what it is told then."""
    space = saying("The user is Ada.", "Ada.")
    model = chat(space)
    summing = SummarizationMiddleware(model=model, keep=("messages", 1), **bounds(model))

    *_, answer = create_agent(model, middleware=[summing]).invoke(asking(HISTORY))["messages"]

    to_sum_up, asked = prompts(space)
    assert answer.text == "Ada."
    assert "My name is Ada. My name is Ada." in to_sum_up
    assert "The user is Ada." in asked
    assert "My name is Ada." not in asked


def test_a_picture_does_not_make_a_history_long() -> None:
    """Its bytes are not counted for words, so that nothing is summed up that fits."""
    space = saying("Ada.")
    model = chat(space)
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30_000).decode()
    seen = HumanMessage([{"type": "image", "base64": data, "mime_type": "image/png"}, "Who is it?"])
    count: Any = model.get_num_tokens_from_messages
    summing = SummarizationMiddleware(model=model, trigger=("tokens", 3_000), token_counter=count)

    create_agent(model, middleware=[summing]).invoke(asking([*HISTORY, seen]))

    assert len(prompts(space)) == 1


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        ({"type": "approve"}, "sent hi to ada"),
        (
            {"type": "edit", "edited_action": {"name": "send_mail", "args": {**MAIL, "to": "bob"}}},
            "sent hi to bob",
        ),
        ({"type": "reject", "message": "not today"}, "not today"),
    ],
    ids=["approve", "edit", "reject"],
)
def test_a_person_decides_on_a_call(decision: dict[str, Any], told: str) -> None:
    """The run stops with the call as the model made it, and goes on as the person says."""
    space = saying(calling(("send_mail", MAIL)), "Done.")
    person = HumanInTheLoopMiddleware(interrupt_on={"send_mail": True})
    agent = create_agent(chat(space), [send_mail], middleware=[person], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    (stopped,) = agent.invoke(asking("Mail hi to Ada."), thread)["__interrupt__"]
    *_, answer = agent.invoke(Command(resume={"decisions": [decision]}), thread)["messages"]

    (request,) = stopped.value["action_requests"]
    assert (request["name"], request["args"]) == ("send_mail", MAIL)
    assert answer.text == "Done."
    assert told in prompts(space)[1]


def test_a_model_chooses_the_tools() -> None:
    """A selection is structured output, and only what was selected is offered."""
    space = saying(json.dumps({"tools": ["get_weather"]}), "Fog.")
    agent = create_agent(
        chat(space), [get_weather, send_mail], middleware=[LLMToolSelectorMiddleware(max_tools=1)]
    )

    assert agent.invoke(asking("What is the weather in Lima?"))["messages"][-1].text == "Fog."
    _, asked = prompts(space)
    assert "Tells the weather" in asked
    assert "Sends a mail" not in asked
