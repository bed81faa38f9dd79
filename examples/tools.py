"""A question that takes tools: offer them, run what the model calls, hand back the results.

    python tools.py "What is the weather in Lima, and what is it in Oslo?"

The Space is the one that PHI4_SPACE names, else the public one.
"""

import sys
from collections.abc import Callable, Mapping

from phi4_space import SpaceClient, ToolCall, ToolSpec, Turn

WEATHER = ToolSpec(
    name="get_weather",
    description="Tells the weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}},
        "required": ["city"],
    },
)
RUN: Mapping[str, Callable[..., str]] = {
    "get_weather": lambda city: f"{city}: {'rain' if city == 'Oslo' else 'sun'}, {10 + len(city)} degrees",
}
MOST_ROUNDS = 5


def main(question: str) -> None:
    """Asks until the model answers in words."""
    with SpaceClient() as space:
        chat = space.conversation()
        reply = chat.reply(question, tools=[WEATHER])
        for _ in range(MOST_ROUNDS):
            if not reply.tool_calls:
                break
            reply = chat.reply([carried_out(call) for call in reply.tool_calls], tools=[WEATHER])
        print(reply.text)


def carried_out(call: ToolCall) -> Turn:
    """The result of a call, as a turn of the conversation; a failure is a result, too."""
    print(f"calling {call.name}({dict(call.arguments)})")
    try:
        result = RUN[call.name](**call.arguments)
    except (KeyError, TypeError) as wrong:  # the model may call what is not there, or wrongly
        result = f"error: {wrong}"
    return Turn(role="tool", text=result, name=call.name, tool_call_id=call.id)


if __name__ == "__main__":
    main(sys.argv[1])
