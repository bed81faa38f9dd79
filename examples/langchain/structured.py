"""Objects instead of prose: checked by pydantic, as dicts, and with the answer that they are from.

    python structured.py
    python structured.py "Please send 3 lamps to Grace Hopper on 2026-12-24."

The Space is the one that PHI4_SPACE names, else the public one.
"""

import sys
from datetime import date

from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, Field

from langchain_phi4 import ChatPhi4

LETTER = "Ada Lovelace orders 12 red umbrellas for 2026-12-01."
PROMPT = ChatPromptTemplate([("system", "Read the order from the letter."), ("user", "{letter}")])


class Order(BaseModel):
    """An order."""

    customer: str = Field(description="Who orders")
    product: str = Field(description="What is ordered")
    quantity: int = Field(description="How many of it", ge=1)
    day: date = Field(description="The day of delivery")


def main(letter: str) -> None:
    """Three ways to ask for the same."""
    model = ChatPhi4()
    asked = {"letter": letter}

    # --- an object; what is not one, also when asked for again, is an error
    order = (PROMPT | model.with_structured_output(Order)).invoke(asked)
    print(repr(order))

    # --- a dict, from a JSON schema; a stream gives it once it was checked
    for found in (PROMPT | model.with_structured_output(Order.model_json_schema())).stream(asked):
        print(found)

    # --- by a call of a tool, with the message beside what was made of it
    both = PROMPT | model.with_structured_output(Order, method="function_calling", include_raw=True)
    told = both.invoke(asked)
    print(told["raw"].tool_calls[0]["name"], told["parsed"] == order, told["parsing_error"])


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or LETTER)
