from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated, Any, Required, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, TextBlock
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate, RichPromptTemplate
from llama_index.core.types import PydanticProgramMode
from media import square
from phi4s import calling, hanging, in_pieces, phi4, prompts, saying, streaming, uploaded
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator
from scripted import ScriptedSpace

from llama_index_phi4 import Phi4
from llama_index_phi4._structured import _PartialReader
from phi4_space import InvalidOption, Phi4Error, ResponseFormatNotMet

ASK = PromptTemplate("Tell of {thing}.")


class Author(BaseModel):
    """Who wrote it."""

    name: str
    born: int | None = None


class Book(BaseModel):
    """A book."""

    title: str
    pages: int = Field(ge=1)
    authors: list[Author] = []

    @field_validator("title")
    @classmethod
    def _is_no_shout(cls, title: str) -> str:
        if title.isupper():
            raise ValueError("the title shouts")
        return title


BOOK = Book(title="Emma", pages=474, authors=[Author(name="Jane Austen", born=1775)])
JSON = BOOK.model_dump_json()


async def last_of(stream: Any) -> Any:
    async with aclosing(await stream) as growing:
        [*_, last] = [partial async for partial in growing]
    return last


def last(stream: Any) -> Any:
    [*_, end] = stream
    return end


FORMS: dict[str, Callable[..., Any]] = {
    "structured_predict": lambda llm, *args, **told: llm.structured_predict(*args, **told),
    "astructured_predict": lambda llm, *args, **told: asyncio.run(llm.astructured_predict(*args, **told)),
    "stream_structured_predict": lambda llm, *args, **told: last(
        llm.stream_structured_predict(*args, **told)
    ),
    "astream_structured_predict": lambda llm, *args, **told: asyncio.run(
        last_of(llm.astream_structured_predict(*args, **told))
    ),
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@each_form
@pytest.mark.parametrize(
    "answer",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"Sure, here it is:\n\n```\n{JSON}\n```\nAnything else?",
        f"The book is {JSON} as you asked.",
    ],
    ids=["bare", "fenced", "fence-and-prose", "prose"],
)
def test_the_answer_becomes_an_object(form: Callable[..., Any], answer: str) -> None:
    """However the model dresses the JSON, all four forms end in an object of the class, nested ones too."""
    space = saying(answer)

    assert form(phi4(space), Book, ASK, thing="Emma") == BOOK
    assert len(prompts(space)) == 1


@each_form
@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ('{"title": "Emma", "pages": 0}', "pages"),
        ('{"title": "EMMA", "pages": 474}', "the title shouts"),
        ('{"title": "Emma"', ""),
        ("I cannot.", ""),
    ],
    ids=["schema", "validator", "partial", "prose"],
)
def test_a_bad_answer_is_asked_for_once_more(form: Callable[..., Any], bad: str, complaint: str) -> None:
    """With the complaint, be it the schema's or one of the class's own validators."""
    space = saying(bad, JSON)

    assert form(phi4(space), Book, ASK, thing="Emma") == BOOK
    assert len(prompts(space)) == 2
    assert complaint in prompts(space)[1]


@each_form
def test_two_bad_answers_are_an_error(form: Callable[..., Any]) -> None:
    """It is bounded, and the error holds what was said."""
    space = saying("No.", "No again.", JSON)

    with pytest.raises(ResponseFormatNotMet) as caught:
        form(phi4(space), Book, ASK, thing="Emma")

    assert caught.value.partial_text == "No again."
    assert len(prompts(space)) == 2


@each_form
def test_the_system_prompt_is_said_once(form: Callable[..., Any]) -> None:
    """In its place, with the schema beside it."""
    space = saying(JSON)

    form(phi4(space, system_prompt="Be kind."), Book, ASK, thing="Emma")

    (prompt,) = prompts(space)
    assert prompt.count("Be kind.") == 1
    assert prompt.startswith("System: Be kind.")
    assert '"pages": {' in prompt


@each_form
def test_braces_are_text(form: Callable[..., Any]) -> None:
    """In what the user says, in a variable's value, in the schema: none is doubled or a variable."""
    space = saying(JSON)

    form(phi4(space), Book, ASK, thing='{"a": {}} {{b}} {c')

    (prompt,) = prompts(space)
    assert 'Tell of {"a": {}} {{b}} {c.' in prompt
    assert "{{" not in prompt.partition("User:")[0]


@each_form
def test_images_go_along(form: Callable[..., Any]) -> None:
    """From messages as from templates."""
    image = ImageBlock(image=square(255, 0, 0))
    messages = [ChatMessage(role="user", blocks=[TextBlock(text="Which book?"), image])]
    space = saying(JSON, JSON)

    assert form(phi4(space), Book, ChatPromptTemplate(message_templates=messages)) == BOOK
    rich = RichPromptTemplate("Which book? {{ cover | image }}")
    assert form(phi4(space), Book, rich, cover=image.inline_url()) == BOOK

    assert uploaded(space) == [1, 1]


@each_form
def test_arguments_for_the_chat_are_passed_on(form: Callable[..., Any]) -> None:
    """What core's programs add for tools is left out; what nobody knows is refused."""
    space = saying(JSON + "END of it")
    told = {"stop": ["END"], "tool_required": True, "tool_choice": "Book", "allow_parallel_tool_calls": True}

    assert form(phi4(space), Book, ASK, told, thing="Emma") == BOOK
    with pytest.raises(Phi4Error, match="'sotp'"):
        form(phi4(space), Book, ASK, {"sotp": ["END"]}, thing="Emma")


@each_form
def test_one_pair_of_llm_events(form: Callable[..., Any]) -> None:
    """A structured prediction is one chat."""
    handler = LlamaDebugHandler(print_trace_on_end=False)

    form(phi4(saying(JSON), callback_manager=CallbackManager([handler])), Book, ASK, thing="Emma")

    (pair,) = handler.get_event_pairs(CBEventType.LLM)
    assert len(pair) == 2


@each_form
@pytest.mark.parametrize("mode", [PydanticProgramMode.FUNCTION, PydanticProgramMode.LLM])
@pytest.mark.filterwarnings("ignore:Support for class-based")
def test_programs_of_core_are_honoured(form: Callable[..., Any], mode: PydanticProgramMode) -> None:
    """Who chose one gets it: by a tool's call, or by core's own words."""
    by_call = mode is PydanticProgramMode.FUNCTION
    space = saying(calling(("Book", BOOK.model_dump())) if by_call else JSON)

    assert form(phi4(space, pydantic_program_mode=mode), Book, ASK, thing="Emma") == BOOK
    assert ("<|tool|>" in prompts(space)[0]) is by_call
    assert "Reply with JSON only" not in prompts(space)[0]


def test_function_calling_programs_work_by_themselves() -> None:
    """Several objects from one answer among it."""
    two = calling(("Book", BOOK.model_dump()), ("Book", {**BOOK.model_dump(), "pages": 1}))
    program = FunctionCallingProgram.from_defaults(
        Book, prompt=ASK, llm=phi4(saying(two)), allow_parallel_tool_calls=True
    )

    assert program(thing="two books") == [BOOK, BOOK.model_copy(update={"pages": 1})]


class Strict(BaseModel):
    """What JSON can say and Python's values cannot."""

    model_config = ConfigDict(strict=True)
    day: dt.date
    names: set[str] = Field(alias="Names")


class Numbers(RootModel[list[int]]):
    """A bare list."""


@each_form
@pytest.mark.parametrize(
    ("output_cls", "answer"),
    [(Strict, '{"day": "2026-11-22", "Names": ["a", "b"]}'), (Numbers, "[1, 2, 3]")],
)
def test_unusual_classes_work(form: Callable[..., Any], output_cls: type[BaseModel], answer: str) -> None:
    """Strict ones, with aliases, and lists."""
    space = saying(f"Here: {answer}")

    assert form(phi4(space), output_cls, ASK, thing="it") == output_cls.model_validate_json(answer)
    assert len(prompts(space)) == 1


# --- as it grows --------------------------------------------------------------------------------------


def test_a_stream_grows() -> None:
    """Each partial object knows more than the one before; fields not yet known are None."""
    space = streaming('```json\n{"tit', 'le": "Em', 'ma", "pages": 474, "authors": [{"na', 'me": "J"}]}\n```')

    first, *others, end = phi4(space).stream_structured_predict(Book, ASK, thing="Emma")

    assert (getattr(first, "title", 0), getattr(first, "pages", 0)) == ("Em", None)
    assert isinstance(end, Book)
    assert Book(title="Emma", pages=474, authors=[Author(name="J")]) == end
    sizes = [len(str(partial.model_dump(exclude_none=True))) for partial in (first, *others, end)]
    assert sorted(sizes) == sizes


@given(st.integers(1, 12), st.builds(Book, title=st.text().map(str.lower), pages=st.integers(1, 999)))
def test_growth_does_not_depend_on_the_cut(size: int, book: Book) -> None:
    """No partial object knows what the whole one does not, and the last is whole."""
    text = book.model_dump_json()
    growth = _PartialReader(Book)

    partials = [growth.read(said(text[: place + size])) for place in range(0, len(text), size)]

    known = [partial for partial in partials if partial is not None]
    assert known[-1] == book
    for partial in known:
        assert book.title.startswith(getattr(partial, "title", None) or "")


def said(text: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role="assistant", content=text))


def test_an_answer_taken_back_grows_anew() -> None:
    """The re-ask in mid-stream begins again, and the end is the object of the second answer."""
    shout, good = Book.model_construct(title="EMMA", pages=1), BOOK
    answers = [in_pieces(shout.model_dump_json()[:12], shout.model_dump_json()[12:]), in_pieces(JSON)]
    space = ScriptedSpace({"data": answers})

    first, *_, end = phi4(space).stream_structured_predict(Book, ASK, thing="Emma")

    assert getattr(first, "title", None) == "EM"
    assert end == good


async def leave(llm: Phi4, space: ScriptedSpace) -> None:
    stream = await llm.astream_structured_predict(Book, ASK, thing="Emma")
    async with aclosing(stream):
        await anext(stream)
    for _ in range(100):
        if space.steps()[-1] == "cancel":
            return
        await asyncio.sleep(0.01)


def test_leaving_a_stream_of_objects_frees_the_space() -> None:
    """Synchronously at once; asynchronously when the loop comes to it, as core leaves it to the loop."""
    space = ScriptedSpace({"data": [hanging('{"title": "E'), hanging('{"title": "E')]})
    llm = phi4(space)

    stream = llm.stream_structured_predict(Book, ASK, thing="Emma")
    next(stream)
    stream.close()
    assert space.steps()[-1] == "cancel"
    asyncio.run(leave(llm, space))
    assert space.steps()[-1] == "cancel"
    assert space.steps().count("cancel") == 2


# --- as_structured_llm --------------------------------------------------------------------------------

HI = [ChatMessage(role="user", content="Tell of {Emma}.")]


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
@pytest.mark.parametrize(
    "ask",
    [
        lambda llm: llm.chat(HI),
        lambda llm: asyncio.run(llm.achat(HI)),
        lambda llm: last(llm.stream_chat(HI)),
        lambda llm: asyncio.run(last_of(llm.astream_chat(HI))),
        lambda llm: llm.complete("Tell of Emma."),
        lambda llm: asyncio.run(llm.acomplete("Tell of Emma.")),
    ],
    ids=["chat", "achat", "stream_chat", "astream_chat", "complete", "acomplete"],
)
def test_a_structured_llm_answers_with_objects(ask: Callable[[Any], Any]) -> None:
    """All endpoints that core gives it."""
    llm = phi4(saying(f"```json\n{JSON}\n```")).as_structured_llm(Book)

    response = ask(llm)

    assert response.raw == BOOK
    text = response.text if hasattr(response, "text") else response.message.content
    assert Book.model_validate_json(text) == BOOK


# --- answers that are rejected, in streams ----------------------------------------------------------------

WRONG = '{"titel": "Emma", "pages": 474}'
STREAMS: dict[str, Callable[..., Any]] = {
    "stream_chat": lambda llm: list(llm.stream_chat(HI, response_format=Book)),
    "astream_chat": lambda llm: asyncio.run(all_of(llm.astream_chat(HI, response_format=Book))),
    "stream_complete": lambda llm: list(llm.stream_complete("Tell of Emma.", response_format=Book)),
    "astream_complete": lambda llm: asyncio.run(
        all_of(llm.astream_complete("Tell of Emma.", response_format=Book))
    ),
}
each_stream = pytest.mark.parametrize("ask", STREAMS.values(), ids=STREAMS)


async def all_of(stream: Any) -> list[Any]:
    async with aclosing(await stream) as responses:
        return [response async for response in responses]


def grown(*answers: str) -> ScriptedSpace:
    """A Space that gives these answers in order, each in pieces."""
    return ScriptedSpace({"data": [in_pieces(answer[:9], answer[9:15], answer[15:]) for answer in answers]})


@each_stream
def test_deltas_are_those_of_the_answer_that_counts(ask: Callable[..., Any]) -> None:
    """Whoever joins them, as chat engines do, gets the second answer alone; messages grow."""
    *growing, end = ask(phi4(grown(WRONG, JSON)))

    assert "".join(response.delta for response in (*growing, end)) == JSON
    assert (end.text if hasattr(end, "text") else end.message.content) == JSON
    assert len(growing) > 3


@each_stream
def test_a_second_failure_ends_a_stream_with_its_reason(ask: Callable[..., Any]) -> None:
    """As it ends a call."""
    with pytest.raises(ResponseFormatNotMet, match="'title' is a required property") as caught:
        ask(phi4(grown(WRONG, WRONG)))

    assert not caught.value.retryable


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
@pytest.mark.parametrize(
    "ask",
    [
        lambda llm: llm.chat(HI),
        lambda llm: asyncio.run(llm.achat(HI)),
        lambda llm: last(llm.stream_chat(HI)),
        lambda llm: asyncio.run(last_of(llm.astream_chat(HI))),
    ],
    ids=["chat", "achat", "stream_chat", "astream_chat"],
)
def test_a_structured_llm_has_a_second_answer(ask: Callable[[Any], Any]) -> None:
    """By all of its endpoints, and a second failure is the same error."""
    assert ask(phi4(grown(WRONG, JSON)).as_structured_llm(Book)).raw == BOOK
    with pytest.raises(ResponseFormatNotMet, match="'title' is a required property"):
        ask(phi4(grown(WRONG, WRONG)).as_structured_llm(Book))


# --- classes ------------------------------------------------------------------------------------------------


class Word(RootModel[str | int]):
    """Neither an object nor an array."""


class Chapter(BaseModel):
    """A chapter."""

    title: str
    chapters: list[Chapter] = []


class Story(BaseModel):
    """What holds chapters."""

    chapters: list[Chapter]


class TypedBook(TypedDict, total=False):
    """A book, as a dict."""

    title: Required[str]
    pages: Annotated[int, "How many"]


@each_form
@pytest.mark.parametrize("mode", [PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION])
@pytest.mark.parametrize("cls", [list[Book], Book | None, Book | Author, dict, int, TypedBook, "Book", BOOK])
def test_what_is_no_class_of_pydantics_is_refused(form: Callable[..., Any], cls: Any, mode: Any) -> None:
    """Langchainjs 6746: before anything is asked, with what to do."""
    with pytest.raises(Phi4Error, match=r"output_cls is .* a field of a class"):
        form(phi4(saying(), pydantic_program_mode=mode), cls, ASK, thing="Emma")
    with pytest.raises(InvalidOption, match=r"output_cls is .* a field of a class"):
        phi4(saying()).as_structured_llm(cls)


@each_form
def test_values_that_are_no_json_document_are_refused(form: Callable[..., Any]) -> None:
    """A class of strings gives none; a list is none of a call's arguments."""
    with pytest.raises(Phi4Error, match="Word is of type integer or string"):
        form(phi4(saying()), Word, ASK, thing="Emma")
    with pytest.raises(Phi4Error, match="is of type array, and has to be of type object"):
        form(phi4(saying(), pydantic_program_mode=PydanticProgramMode.FUNCTION), Numbers, ASK, thing="Emma")


CHAPTERS = [{"title": "b", "chapters": [{"title": "c"}]}]
WRONG_CHAPTERS = [{"title": "b", "chapters": [{"titel": "c"}]}]


@each_form
def test_recursive_classes_are_held_to_at_any_depth(form: Callable[..., Any]) -> None:
    """Langchain 30797, ollama 7993: the model is told all, and asked once more for what is wrong within."""
    wrong, right = ({"title": "a", "chapters": chapters} for chapters in (WRONG_CHAPTERS, CHAPTERS))
    space = saying(json.dumps(wrong), json.dumps(right))

    assert form(phi4(space), Chapter, ASK, thing="it") == Chapter.model_validate(right)
    assert '"$ref": "#/$defs/Chapter"' in prompts(space)[0]
    assert len(prompts(space)) == 2


@pytest.mark.parametrize("name", ["structured_predict", "astructured_predict"])
def test_recursive_classes_are_held_to_in_calls(name: str) -> None:
    """Core's own program cannot call a tool that is one; it can where another class holds it."""
    space = saying(*[calling(("Story", {"chapters": chapters})) for chapters in (WRONG_CHAPTERS, CHAPTERS)])

    llm = phi4(space, pydantic_program_mode=PydanticProgramMode.FUNCTION)
    found = FORMS[name](llm, Story, ASK, thing="it")

    assert found == Story.model_validate({"chapters": CHAPTERS})
    assert len(prompts(space)) == 2


@pytest.mark.parametrize("answer", ['{"title": "Emma"}', '{"title": "Emma", "pages": 474}'])
def test_a_response_format_may_be_a_typed_dict(answer: str) -> None:
    """Langchain 36490: its keys are required as the class says."""
    space = saying('{"pages": 474}', answer)

    assert phi4(space).chat(HI, response_format=TypedBook).message.content == answer
    assert "'title' is a required property" in prompts(space)[1]
    assert "How many" in prompts(space)[0]
