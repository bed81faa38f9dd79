"""What an answer is held to, on a Space in memory that answers by script."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted import CLOSE, ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, more, whole

import phi4_space as p4
from phi4_space._caller import calling_line
from phi4_space._turn.answer_check import AnswerCheck
from phi4_space._turn.request import Request

pytestmark = pytest.mark.anyio

CITY = p4.ResponseFormat({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
ADD = p4.ToolSpec("add")
CALL = '<|tool_call|>[{"name": "add", "arguments": {}}]<|/tool_call|>'
BROKEN = '<|tool_call|>[{"name": "add", "arguments": {"a": ]<|/tool_call|>'


async def ask(space: ScriptedSpace, question: str = "Where?", **options: Any) -> list[Any]:
    """The answer's events: deltas and rewritings as they came, and the reply."""
    async with p4.SpaceClient(URL, environment=p4.Environment(transport=space)) as space_client:
        happened = [event async for event in space_client.astream(question, **options)]
    return [event for event in happened if isinstance(event, p4.Delta | p4.Rewritten | p4.Reply)]


def answering(*answers: str) -> ScriptedSpace:
    """A Space that gives these answers, one a turn."""
    return ScriptedSpace({"data": [events(*whole(answer)) for answer in answers]})


def growing(*pieces: str) -> Any:
    """An answer that comes in pieces."""
    happened = [generating(pieces[0]), *(more(piece) for piece in pieces[1:]), completed("".join(pieces))]
    return events(ESTIMATION, STARTS, *happened, CLOSE)


def screen(happened: list[Any]) -> str:
    """What stands on the screen of who follows deltas and rewritings."""
    text = ""
    for event in happened[:-1]:
        text = event.text if isinstance(event, p4.Rewritten) else text + event.text
    return text


def prompts(space: ScriptedSpace) -> list[str]:
    """What was asked, turn by turn."""
    return [body["data"][1]["text"] for body in space.bodies("predict")]


async def test_json_is_asked_for_and_comes_bare() -> None:
    """The system turn ends in the schema; fences and prose are left out, of the deltas too."""
    space = ScriptedSpace({"data": [growing("Sure:\n```json\n", '{"city":', ' "Oslo"}', "\n```\nBye")]})

    happened = await ask(space, system="Be brief.", response_format=CITY)

    (prompt,) = prompts(space)
    assert prompt.startswith("System: Be brief.\nReply with JSON only")
    assert [event.text for event in happened] == ['{"city":', ' "Oslo"}', '{"city": "Oslo"}']


async def test_a_draft_that_was_shown_is_replaced() -> None:
    """By the JSON that the answer ends with, as the reply has it; the model is not asked again."""
    space = ScriptedSpace({"data": [growing('First {"city": "Rome"}', ', no: {"city":', ' "Oslo"}.')]})

    happened = await ask(space, response_format=CITY)

    assert [event.text for event in happened] == ['{"city": "Rome"}', '{"city": "Oslo"}', '{"city": "Oslo"}']
    assert [type(event) for event in happened] == [p4.Delta, p4.Rewritten, p4.Reply]
    assert len(prompts(space)) == 1


async def test_wrapped_json_is_replaced_by_what_was_asked_for() -> None:
    """Where the schema would let it pass as an object without any of its properties."""
    wanted = {"type": "object", "properties": {"city": {"type": "string"}}}

    happened = await ask(answering('{"City": {"city": "Oslo"}}'), response_format=wanted)

    assert screen(happened) == happened[-1].text == '{"city": "Oslo"}'


async def test_json_that_does_not_fit_is_asked_for_once_more() -> None:
    """The model is told what was wrong; what was shown of the first answer is taken back."""
    space = answering('{"town": "Oslo"}', '{"city": "Oslo"}')

    happened = await ask(space, response_format=CITY)

    assert [type(event) for event in happened] == [p4.Delta, p4.Rewritten, p4.Delta, p4.Reply]
    assert screen(happened) == happened[-1].text == '{"city": "Oslo"}'
    assert "'city' is a required property" in prompts(space)[1]


async def test_prose_is_never_shown_where_json_is_wanted() -> None:
    """An answer without any JSON is asked for again, and nobody sees it."""
    happened = await ask(answering("I think it is Oslo.", '{"city": "Oslo"}'), response_format=CITY)

    assert [event.text for event in happened] == ['{"city": "Oslo"}', '{"city": "Oslo"}']


async def test_json_that_never_fits_is_an_error() -> None:
    """After the second answer, which the error holds; a conversation is as it was, on no session."""
    async with p4.SpaceClient(
        URL, environment=p4.Environment(transport=answering("Oslo.", "Oslo!"))
    ) as space_client:
        chat = space_client.conversation()
        with pytest.raises(p4.ResponseFormatNotMet, match="no JSON object") as caught:
            await chat.areply("Where?", response_format=CITY)

    assert caught.value.partial_text == "Oslo!"
    assert (caught.value.step, caught.value.space) == ("get", URL)
    assert (chat.turns, chat.session_hash) == ((), "")


async def test_an_answer_that_calls_is_not_held_to_the_format() -> None:
    """Words beside a call are words; nothing of them is lost."""
    happened = await ask(answering(f"I look. {CALL}"), tools=[ADD], response_format=CITY)

    assert screen(happened) == happened[-1].text == "I look. "
    assert [call.name for call in happened[-1].tool_calls] == ["add"]


async def test_json_shown_beside_a_call_is_part_of_the_words() -> None:
    """Where JSON was shown before the call came, the words around it follow."""
    happened = await ask(answering(f'I try {{"city": 5}} so {CALL}'), tools=[ADD], response_format=CITY)

    assert screen(happened) == happened[-1].text == 'I try {"city": 5} so '


async def test_a_call_that_must_come_outweighs_the_format() -> None:
    """Where a call is a must there is no answer to be JSON."""
    space = answering('{"city": "Oslo"}', CALL)

    happened = await ask(space, tools=[ADD], tool_choice="add", response_format=CITY)

    assert [call.name for call in happened[-1].tool_calls] == ["add"]
    assert len(prompts(space)) == 2


async def test_a_rewritten_answer_is_read_anew() -> None:
    """A Space that takes text back leaves the JSON of what it says in the end."""
    steps = [generating('{"city": "Os'), completed('No: {"city": "Rome"}')]
    space = ScriptedSpace({"data": [events(ESTIMATION, STARTS, *steps, CLOSE)]})

    happened = await ask(space, response_format=CITY)

    assert screen(happened) == happened[-1].text == '{"city": "Rome"}'


async def test_the_format_goes_with_each_turn_of_a_conversation() -> None:
    """A turn of a conversation that the Space remembers says it anew."""
    space = answering("Hello.", '{"city": "Oslo"}')
    async with p4.SpaceClient(URL, environment=p4.Environment(transport=space)) as space_client:
        chat = space_client.conversation()
        await chat.areply("Hi")
        answer = await chat.areply("Where?", response_format=CITY)

    assert answer.text == '{"city": "Oslo"}'
    assert prompts(space)[1].startswith("System: Reply with JSON only")


async def test_a_call_that_cannot_be_read_is_asked_for_once_more() -> None:
    """Where nothing else was said; the model is told why."""
    space = answering(BROKEN, CALL)

    happened = await ask(space, tools=[ADD])

    assert ([call.name for call in happened[-1].tool_calls], happened[-1].broken_calls) == (["add"], ())
    assert "not a valid tool call" in prompts(space)[1]


async def test_a_call_that_still_cannot_be_read_is_told() -> None:
    """The second answer is taken as it is."""
    happened = await ask(answering(BROKEN, BROKEN), tools=[ADD])

    assert [call.text for call in happened[-1].broken_calls] == [BROKEN]


@pytest.mark.parametrize(
    ("words", "again", "text", "calls"),
    [
        ("I look. ", CALL, "I look. ", 1),
        ("I look.", f"Here: {CALL}", "I look.\n\nHere: ", 1),
        ("I look.", "\nIt is 5.", "I look.\nIt is 5.", 0),
        ("I look. ", "It is 5.", "I look. It is 5.", 0),
        ("I look. ", "", "I look. ", 0),
    ],
)
async def test_a_broken_call_beside_words_is_asked_for_once_more(
    words: str, again: str, text: str, calls: int
) -> None:
    """Without it the words would pass for an answer; they were shown, and stay, and what comes follows."""
    space = answering(f"{words}{BROKEN}", again)

    happened = await ask(space, tools=[ADD])

    assert (happened[-1].text, len(happened[-1].tool_calls)) == (text, calls)
    assert happened[-1].broken_calls == ()
    assert screen(happened) == text
    assert not any(isinstance(event, p4.Rewritten) for event in happened)
    assert "not a valid tool call" in prompts(space)[1]


async def test_a_second_broken_call_beside_words_is_taken() -> None:
    """It is not asked a third time; the texts of both answers are there."""
    space = answering(f"I look. {BROKEN}", f"So: {BROKEN}")

    happened = await ask(space, tools=[ADD])

    assert (happened[-1].text, len(happened[-1].broken_calls), len(prompts(space))) == ("I look. So: ", 1, 2)


async def test_a_second_answer_may_be_rewritten_behind_words() -> None:
    """What a Space takes back is its own, and not the words before."""
    again = events(ESTIMATION, STARTS, generating("It is 4"), completed("No: 5"), CLOSE)
    space = ScriptedSpace({"data": [events(*whole(f"I look. {BROKEN}")), again]})

    happened = await ask(space, tools=[ADD])

    assert screen(happened) == happened[-1].text == "I look. No: 5"


async def test_json_beside_a_broken_call_is_an_answer() -> None:
    """Where JSON was asked for, and is there."""
    happened = await ask(answering(f'{{"city": "Oslo"}} {BROKEN}'), tools=[ADD], response_format=CITY)

    assert (happened[-1].text, len(happened[-1].broken_calls)) == ('{"city": "Oslo"}', 1)


@pytest.mark.parametrize("choice", ["add", "required"])
async def test_a_broken_call_that_had_to_come_is_asked_for_with_the_reason(choice: str) -> None:
    """And the error has it, where it cannot be read again."""
    space = answering(BROKEN, CALL, BROKEN, BROKEN)

    happened = await ask(space, tools=[ADD], tool_choice=choice)

    assert len(happened[-1].tool_calls) == 1
    assert "its JSON is invalid" in prompts(space)[1]
    with pytest.raises(p4.ToolChoiceNotMet, match=r"no valid call where .* its JSON is invalid"):
        await ask(space, tools=[ADD], tool_choice=choice)


LAX = p4.ToolSpec("weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
LAX_CALL = '<|tool_call|>[{"name": "weather", "arguments": %s}]<|/tool_call|>'


@pytest.mark.parametrize("choice", ["auto", "weather", "required"])
async def test_wrapped_arguments_are_unwrapped_or_asked_for_again(choice: str) -> None:
    """llama_index 21024, ollama-instructor 6: a tool never runs with its defaults in their place."""
    space = answering(LAX_CALL % '{"town": "Oslo"}', LAX_CALL % '{"arguments": {"city": "Oslo"}}')

    happened = await ask(space, tools=[LAX], tool_choice=choice)

    assert [call.arguments for call in happened[-1].tool_calls] == [{"city": "Oslo"}]
    assert "has none of the properties 'city'" in prompts(space)[1]


async def test_arguments_that_stay_unknown_are_a_broken_call() -> None:
    """The second answer is taken as it is, and says what is wrong."""
    wrong = LAX_CALL % '{"town": "Oslo"}'

    happened = await ask(answering(wrong, wrong), tools=[LAX])

    assert (happened[-1].tool_calls, happened[-1].broken_calls[0].text) == ((), wrong)
    assert "'city'" in happened[-1].broken_calls[0].reason


CUT = 'Draft: {"city": "Rome"}. Final: {"city": "Os'


async def test_a_draft_before_an_answer_that_was_cut_off_does_not_count() -> None:
    """Langchain-google 2002: it is asked once more, and then fails with a reason that names the cut."""
    assert (await ask(answering(CUT, '{"city": "Oslo"}'), response_format=CITY))[
        -1
    ].text == '{"city": "Oslo"}'
    with pytest.raises(p4.ResponseFormatNotMet, match="was cut off"):
        await ask(answering(CUT, CUT), response_format=CITY)


ADD_TWO = p4.ToolSpec("add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})
WRONG = '<|tool_call|>[{"name": "add", "arguments": {"a": "two"}}]<|/tool_call|>'
RIGHT = '<|tool_call|>[{"name": "add", "arguments": {"a": 2}}]<|/tool_call|>'


async def test_a_call_that_must_come_has_to_fit() -> None:
    """Arguments that the tool does not take are asked for once more, with what is wrong with them."""
    space = answering(WRONG, RIGHT)

    happened = await ask(space, tools=[ADD_TWO], tool_choice="add")

    assert happened[-1].tool_calls[0].arguments == {"a": 2}
    assert "'two' is not of type 'integer'" in prompts(space)[1]


async def test_a_call_that_never_fits_is_an_error() -> None:
    """Where it is the one that had to come, since nothing else will do."""
    with pytest.raises(p4.ToolChoiceNotMet, match="add are not valid: 'two' is not"):
        await ask(answering(WRONG, WRONG), tools=[ADD_TWO], tool_choice="add")


async def test_a_call_of_any_tool_that_never_fits_is_the_callers() -> None:
    """An agent tells its model what was wrong; where no call had to come it is not asked again."""
    forced = await ask(answering(WRONG, WRONG), tools=[ADD_TWO], tool_choice="required")
    offered = await ask(answering(WRONG), tools=[ADD_TWO])

    assert forced[-1].tool_calls[0].arguments == offered[-1].tool_calls[0].arguments == {"a": "two"}


@pytest.mark.parametrize("parameters", [{"type": "objekt"}, {"$ref": "http://space.test/schema"}])
async def test_parameters_that_are_no_schema_hold_nothing_up(parameters: dict[str, Any]) -> None:
    """Whether a call fits cannot be told then."""
    happened = await ask(
        answering(WRONG), tools=[p4.ToolSpec("add", parameters=parameters)], tool_choice="add"
    )

    assert happened[-1].tool_calls[0].arguments == {"a": "two"}


@pytest.mark.parametrize("wanted", [{"type": "json_object"}, {}, "json"])
async def test_a_format_that_is_none_is_refused(wanted: Any) -> None:
    """What is no JSON Schema is not taken for one, and the text says how to make a format."""
    with pytest.raises(p4.InvalidOption, match=r"ResponseFormat\(schema\)"):
        await ask(ScriptedSpace(), response_format=wanted)


async def test_a_prompt_sent_as_it_is_cannot_ask_for_a_format() -> None:
    """Nothing can be added to it."""
    with pytest.raises(p4.InvalidOption, match="response_format asks for JSON"):
        await ask(ScriptedSpace(), "", prompt="raw", response_format=CITY)


class Slow:
    """A clock that each answer moves on."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def answer(self, text: str, seconds: float) -> Any:
        """An answer that takes so many seconds."""

        async def answer(_request: httpx.Request) -> httpx.Response:
            self.now += seconds
            return events(*whole(text))

        return answer


def turn(clock: Slow, answers: list[Any], **options: Any) -> tuple[p4.SpaceClient, ScriptedSpace]:
    """A client of a Space that answers so, on that clock."""
    space = ScriptedSpace({"data": answers})
    return p4.SpaceClient(URL, environment=p4.Environment(transport=space, clock=clock), **options), space


async def test_the_deadline_is_the_turns() -> None:
    """Asking once more makes no new one: what the first answer took is gone."""
    clock = Slow()
    space_client, space = turn(
        clock, [clock.answer("no", 1.5), clock.answer('{"city": "Lima"}', 1.5)], timeouts=2.0
    )

    async with space_client:
        with pytest.raises(p4.DeadlineExceeded) as caught:
            await space_client.areply("Where?", response_format=CITY)

    assert (caught.value.which, caught.value.seconds) == ("total", 2.0)
    assert space.steps().count("join") == 2


async def test_timing_and_attempts_are_the_turns() -> None:
    """They count from the turn's begin, the answer that was rejected included."""
    clock = Slow()
    space_client, _ = turn(
        clock, [clock.answer("no", 1.5), clock.answer('{"city": "Lima"}', 0.25)], timeouts=2.0
    )

    async with space_client:
        reply = await space_client.areply("Where?", response_format=CITY)

    assert (reply.timing.done, reply.timing.first_text) == (1.75, 1.75)
    assert reply.sent.attempts == 2


@pytest.mark.usefixtures("no_waiting")
async def test_retries_are_the_turns() -> None:
    """What the first question used of them is not there for the second."""
    lost = [events(ESTIMATION), events(*whole("no")), events(ESTIMATION), events(*whole('{"city": "Lima"}'))]
    clock = Slow()

    async with turn(clock, lost.copy(), max_retries=2)[0] as space_client:
        assert (await space_client.areply("Where?", response_format=CITY)).sent.attempts == 4
    lost = [events(ESTIMATION), events(*whole("no")), events(ESTIMATION)]
    async with turn(clock, lost, max_retries=1)[0] as space_client:
        with pytest.raises(p4.StreamLost):
            await space_client.areply("Where?", response_format=CITY)


def judged(text: str = "", *, calls: tuple[p4.ToolCall, ...] = (), reason: str, **asked: Any) -> AnswerCheck:
    """The check of an answer that ended for a reason."""
    request = Request(turns=(p4.Turn(role="user", text="Where?"),), caller=calling_line(), **asked)
    check = AnswerCheck(request)
    sent = p4.Sent("Where?")
    check.feed(
        p4.Reply(text=text, tool_calls=calls, finish_reason=reason, sent=sent, space=URL, model="phi-4")
    )
    return check


def test_without_a_call_that_is_one_it_did_not_end_with_calls() -> None:
    """Where the Space took what is none for one."""
    wrong, right = (p4.ToolCall("1", "weather", {key: "Oslo"}) for key in ("town", "city"))

    assert judged(calls=(wrong,), reason="tool_calls", tools=(LAX,)).reply.finish_reason == "stop"
    assert judged(calls=(wrong, right), reason="tool_calls", tools=(LAX,)).reply.finish_reason == "tool_calls"
    assert judged(calls=(wrong,), reason="length", tools=(LAX,)).reply.finish_reason == "length"


@pytest.mark.parametrize("text", [CUT, 'Draft: {"city": "Rome"}. Final:', '<think>{"city": "Rome"} or'])
def test_the_model_and_the_caller_read_that_there_were_no_more_tokens(text: str) -> None:
    """Where the Space says that an answer has no more, its last JSON is looked at more closely."""
    rejection = judged(text, reason="length", response_format=CITY).rejection()

    assert rejection is not None
    assert "it may have no more tokens" in rejection.feedback
    assert "it may have no more tokens" in str(rejection.failure)
