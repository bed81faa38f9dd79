from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.extractors import KeywordExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.schema import TextNode
from llama_index.core.types import PydanticProgramMode
from phi4s import phi4, prompts
from pydantic import BaseModel
from scripted import ScriptedSpace
from servers import Servers

from llama_index_phi4 import Phi4
from phi4_space import SpaceClient, Timeouts

SECRET = "hf_sentinel"
HI = [ChatMessage(role="user", content="hi")]
FIELDS: dict[str, Any] = {
    "space": "ada/phi-4",
    "model": "phi-4-multimodal",
    "timeout": Timeouts(total=60.0),
    "max_retries": 1,
    "max_files": 4,
    "prompt_style": "template",
    "strict": True,
    "endpoint": "process_message",
    "extra_inputs": {"Web search": False},
    "prompt_prefix": "@phi4 ",
    "context_window": 8192,
    "num_output": 256,
    "stop": ["END"],
    "temperature": 0.0,
    "max_tokens": 100,
    "additional_kwargs": {"top_p": 0.9},
    "is_function_calling_model": False,
    "system_prompt": "Be kind.",
    "pydantic_program_mode": PydanticProgramMode.LLM,
}


def used() -> tuple[Phi4, ScriptedSpace]:
    """An LLM that has been asked already, on connections that are open."""
    space = ScriptedSpace()
    llm = phi4(space, system_prompt="Be kind.", stop=["END"])
    llm.chat(HI)
    return llm, space


def fields_of(llm: Phi4) -> dict[str, Any]:
    return {name: getattr(llm, name) for name in FIELDS}


def test_every_field_is_looked_at_here() -> None:
    """A new field has to be thought of in copies, dumps and pickles."""
    of_the_base = set(FunctionCallingLLM.model_fields) - {"system_prompt", "pydantic_program_mode"}

    assert set(Phi4.model_fields) - of_the_base - {"token", "client", "local_files"} == set(FIELDS)


# --- dicts and JSON -----------------------------------------------------------------------------------


def test_a_dict_brings_all_fields_back() -> None:
    """to_dict and from_dict, to_json and from_json."""
    llm = Phi4(token=SECRET, **FIELDS)

    assert fields_of(Phi4.from_dict(llm.to_dict())) == fields_of(llm) == FIELDS
    assert fields_of(Phi4.from_json(llm.to_json())) == FIELDS
    assert Phi4.from_json(llm.to_json()).to_json() == llm.to_json()
    assert llm.to_dict()["class_name"] == "phi4_multimodal_llm"


def test_dumps_are_the_same_each_time() -> None:
    """They go into the hashes of ingestion caches: equal for equal fields, before and after use."""
    one, other = Phi4(**FIELDS), Phi4(**FIELDS)
    nodes = [TextNode(text="some")]
    before = one.to_json()

    one._to_client()

    assert before == one.to_json() == other.to_json()
    hashes = {get_transformation_hash(nodes, KeywordExtractor(llm=llm)) for llm in (one, other)}
    assert len(hashes) == 1


def test_two_spaces_never_share_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Space is in the dump, also where the environment named it."""
    monkeypatch.setenv("PHI4_SPACE", "ada/phi-4")
    one = Phi4()
    monkeypatch.setenv("PHI4_SPACE", "bob/phi-4")

    assert one.to_json() != Phi4().to_json()
    assert one._to_client().space == "ada/phi-4"


def test_the_token_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump brings none; where it is read, HF_TOKEN counts for the Space that is configured there."""
    dumped = Phi4(space="ada/phi-4", token=SECRET).to_dict()
    monkeypatch.setenv("HF_TOKEN", "hf_there")
    monkeypatch.setenv("PHI4_SPACE", "https://ada-phi-4.hf.space")

    assert Phi4.from_dict(dumped)._to_client() == SpaceClient("ada/phi-4")


# --- pickles ------------------------------------------------------------------------------------------


def test_a_pickle_brings_all_fields_back() -> None:
    """And nothing but them."""
    llm = Phi4(token=SECRET, **FIELDS)

    assert fields_of(pickle.loads(pickle.dumps(llm))) == FIELDS  # noqa: S301 - made here
    assert llm.token is not None


def test_no_token_stays_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """`token=False` is a wish, not a secret: a worker does not use its own."""
    monkeypatch.setenv("HF_TOKEN", "hf_there")

    assert pickle.loads(pickle.dumps(Phi4(token=False))).token is False  # noqa: S301 - made here


def test_a_used_one_is_pickled_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """Core warns of what it cannot pickle, and takes it out of the living object."""
    llm = Phi4(**FIELDS)
    llm._to_client()
    llm_with_client, _ = used()

    with caplog.at_level(logging.DEBUG):
        copies = [pickle.loads(pickle.dumps(one)) for one in (llm, llm_with_client)]  # noqa: S301 - made here

    assert caplog.messages == []
    assert fields_of(copies[0]) == FIELDS
    assert copies[1].client == llm_with_client.client
    assert llm._own is not None


def test_what_a_user_handed_in_stays_in_the_living_object() -> None:
    """A rate limiter with a lock cannot be pickled; the copy has none, and the original keeps its own."""
    lock = threading.Lock()
    llm = Phi4(rate_limiter=lock)

    assert pickle.loads(pickle.dumps(llm)).rate_limiter is None  # noqa: S301 - made here
    assert llm.rate_limiter is lock


# --- copies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, Phi4.model_copy, lambda llm: llm.model_copy(deep=True)]
)
def test_copies_work_like_the_original(copied: Any) -> None:
    """After use, too: they reach the same Space, and have the same token."""
    llm, space = used()

    twin = copied(llm)

    assert twin.stop == ["END"]
    assert str(twin.complete("again")) == "an answer"
    assert prompts(space) == ["hi", "again"]
    own = Phi4(space="ada/phi-4", token=SECRET)
    own._to_client()
    assert copied(own)._to_client() == own._to_client() == SpaceClient("ada/phi-4", token=SECRET)


def test_a_changed_copy_goes_where_it_says() -> None:
    """`model_copy(update=...)` is not served by the original's client."""
    llm = Phi4(space="ada/phi-4")
    llm._to_client()

    assert llm.model_copy(update={"space": "bob/phi-4"})._to_client().space == "bob/phi-4"
    assert llm._to_client().space == "ada/phi-4"


def test_a_deep_copy_shares_nothing_that_changes() -> None:
    """Neither lists nor handlers."""
    llm = Phi4(stop=["END"], callback_manager=CallbackManager([LlamaDebugHandler(print_trace_on_end=False)]))

    twin = copy.deepcopy(llm)

    assert twin.stop is not None
    twin.stop.append("more")
    assert llm.stop == ["END"]
    assert twin.callback_manager is not llm.callback_manager


# --- secrets ------------------------------------------------------------------------------------------


def test_the_token_is_nowhere_to_be_seen() -> None:
    """Neither in what is printed, nor in what is dumped, pickled, traced or answered."""
    llm = Phi4(space="https://space.test", token=SECRET, max_retries=0)

    class Holder(BaseModel):
        llm: Phi4

    shown = [
        repr(llm),
        str(llm),
        str(llm.dict()),
        llm.json(),
        str(llm.to_dict()),
        str(llm.model_dump()),
        llm.model_dump_json(),
        str(llm.to_payload()),
        str(pickle.dumps(llm)),
        repr(Holder(llm=llm)),
        Holder(llm=llm).model_dump_json(),
        str(llm._to_client()),
        json.dumps(llm.model_json_schema()),
    ]

    assert not [text for text in shown if SECRET in text]


# --- workers ------------------------------------------------------------------------------------------


@pytest.mark.loopback
@pytest.mark.timeout(300)  # each worker imports all of core, which takes a while on a busy machine
def test_an_ingestion_pipeline_hands_it_to_workers(servers: Servers) -> None:
    """Two processes extract with it, by a Space that really runs."""
    extractor = KeywordExtractor(llm=Phi4(space=servers.url("answering")), keywords=2, show_progress=False)
    pipeline = IngestionPipeline(transformations=[extractor], disable_cache=True)
    nodes = [TextNode(text="Boats lie in the harbour."), TextNode(text="Berths cost 14 crowns.")]

    done = pipeline.run(nodes=nodes, num_workers=2)

    keywords = [node.metadata["excerpt_keywords"].lower() for node in done]
    assert "boats" in keywords[0]
    assert "berths" in keywords[1]
