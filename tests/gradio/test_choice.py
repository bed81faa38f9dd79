"""Which contract a Space fulfils; and that a second one is a room and a line, shown with a small one."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from one_step import OneStep, answered, find_one_step, one_step_config
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, config, events

import phi4_space as p4
from phi4_space._gradio import choice
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import to_config
from phi4_space._gradio.two_step import TwoStep, find_named_steps

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


@pytest.fixture(autouse=True)
def two_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that a second contract takes."""
    monkeypatch.setattr(choice, "CONTRACTS", ((find_one_step,), (find_named_steps,)))


def space(*texts: str) -> ScriptedSpace:
    """A Space with one function, which gives these answers."""
    answers = [events(ESTIMATION, STARTS, answered(text)) for text in texts]
    return ScriptedSpace({"data": answers}, config=one_step_config())


def client(space: ScriptedSpace, **options: Any) -> p4.SpaceClient:
    return p4.SpaceClient(URL, environment=p4.Environment(transport=space), **options)


def test_the_best_that_is_there_is_chosen() -> None:
    """The first that the Space fulfils; where it fulfils none, the last says what is missing."""
    both = [*config()["dependencies"], *one_step_config()["dependencies"]]

    assert isinstance(choose(to_config(one_step_config()), space=URL), OneStep)
    assert isinstance(choose(to_config(config()), space=URL), TwoStep)
    assert isinstance(choose(to_config(config(dependencies=both)), space=URL), OneStep)
    with pytest.raises(p4.ContractNotMet, match="no process_message and no bot_response"):
        choose(to_config(config(dependencies=[])), space=URL)


def test_a_turn_without_a_filing_step() -> None:
    """It joins the queue at once, and its answer is read by the contract."""
    server = space("Ada.")

    reply = client(server).reply("Who are you?")

    assert server.steps() == ["config", "join", "data"]
    assert server.bodies("join")[0]["data"] == [{"text": "Who are you?", "files": []}, 1.0, 256]
    assert reply.text == "Ada."


def test_an_option_that_the_contract_takes_reaches_it() -> None:
    """From a call or as the client's default; what it does not take is warned of, at the line that asked."""
    server = space("a", "b")
    one = client(server, max_tokens=9)

    one.reply("hi", temperature=0.5)
    with pytest.warns(p4.OptionIgnored, match="seed is ignored") as caught:
        one.reply("hi", seed=3, max_tokens=7)

    assert [body["data"][1:] for body in server.bodies("join")] == [[0.5, 9], [1.0, 7]]
    assert [warning.filename for warning in caught] == [__file__]


def test_an_option_that_it_does_not_take_so_is_refused() -> None:
    """Its bounds are the Space's own, and nothing was filed by then."""
    server = space("a")

    with pytest.raises(p4.InvalidOption, match=r"temperature is a number from 0 to 2, not 2\.5"):
        client(server).reply("hi", temperature=2.5)

    assert server.steps() == ["config"]


def test_a_strict_client_refuses_only_what_the_space_does_not_take() -> None:
    """That is known once its /config was read."""
    one = client(space("a"), strict=True)

    assert one.reply("hi", temperature=0.5).text == "a"
    with pytest.raises(p4.InvalidOption, match="seed: this Space takes temperature, max_tokens"):
        one.reply("hi", seed=1)


def test_a_space_that_remembers_nothing_is_told_everything_again() -> None:
    """A conversation with it goes on, saved and copied too; each turn carries those before it."""
    server = space("Hello.", "Blue.", "Bye.")
    chat = client(server).conversation()

    chat.reply("I like blue.")
    chat.reply("What do I like?", media=[PNG])
    copy.copy(p4.Conversation.from_json(chat.to_json(), space=chat.client)).reply("Thanks.")

    texts = [body["data"][0]["text"] for body in server.bodies("join")]
    assert [text.count("User: ") for text in texts] == [0, 2, 3]
    assert [len(body["data"][0]["files"]) for body in server.bodies("join")] == [0, 1, 1]


def test_another_contracts_history_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation that was saved where this contract was not known says everything again."""
    both = [*config()["dependencies"], *one_step_config()["dependencies"]]
    parts = [*config()["components"], *one_step_config()["components"]]
    server = ScriptedSpace(config=config(dependencies=both, components=parts))
    monkeypatch.setattr(choice, "CONTRACTS", ((find_named_steps,),))
    chat = client(server).conversation()
    chat.reply("I like blue.")

    monkeypatch.setattr(choice, "CONTRACTS", ((find_one_step,), (find_named_steps,)))
    server.script["data"] = [events(ESTIMATION, STARTS, answered("Blue."))]
    p4.Conversation.from_json(chat.to_json(), space=client(server)).reply("What do I like?")

    assert "I like blue." in server.bodies("join")[-1]["data"][0]["text"]


def test_what_the_contract_takes_bounds_a_turn() -> None:
    """The count of files is the contract's, whatever it reads that from."""
    with pytest.raises(p4.TooManyFiles):
        client(space("a")).reply("hi", media=[PNG] * 3)


def test_a_job_is_cancelled_by_its_own_function() -> None:
    """Leaving early names the function whose job waits."""
    server = ScriptedSpace({"data": [events(ESTIMATION, None)]}, config=one_step_config())

    with pytest.raises(p4.DeadlineExceeded):
        client(server, timeouts=0.3).reply("hi")

    assert [body["fn_index"] for body in server.bodies("cancel")] == [3]


def test_the_steps_by_hand_are_the_same() -> None:
    """Who makes the calls of a turn one by one need not know which of them the Space has."""
    server = space("a")

    async def by_hand() -> list[str]:
        async with client(server) as space_client, space_client.asession() as session:
            event_id = await session.post(await session.predict("hi"), {"temperature": 0.1})
            return [type(event).__name__ async for event in session.get(event_id)]

    assert asyncio.run(by_hand()) == ["Queued", "Started", "Finished"]
    assert server.bodies("join")[0]["data"][1] == 0.1


def test_the_status_names_its_functions() -> None:
    """As it does those of any other kind."""
    assert client(space()).status().endpoints == ("answer",)
