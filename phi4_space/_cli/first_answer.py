"""The first question to a Space that was just put on the Hub, by our own client. Knows no plan's making."""

from __future__ import annotations

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.hub import HUB, Hub
from phi4_server.deploy.plan import Plan
from phi4_space import SpaceClient, Waking
from phi4_space._cli.output import TextDisplay, console, describe, visible

_WAKE_S = 600
_QUESTION = "Who are you?"
_LONGEST_ANSWER = 200


def ask_first(plan: Plan, hub: Hub, display: TextDisplay) -> None:
    """Asks the Space by our own client, and prints how a program does.

    Raises:
        Phi4Error: It does not answer.
    """
    needs_token = plan.is_private or plan.hardware.kind == "zero"
    with _client(plan.space, hub, token=hub.token if needs_token else None) as client:
        for stage in client.wait_ready(_WAKE_S):
            if isinstance(stage, Waking):
                display.show_status(describe(stage))
        status = client.status()
        if not status.ready:
            raise DeployFailed(
                f"The Space runs, but cannot be asked: {status.problem}", status.advice or "", reason="build"
            )
        display.show_status(f"Asking {plan.space} a question")
        reply = client.reply(_QUESTION)
    display.close()
    out = console()
    answer = " ".join(visible(reply.text).split())[:_LONGEST_ANSWER]
    out.print(f"{hub.endpoint}/spaces/{plan.space} answers: {answer}", markup=False)
    out.print(f"Contract: {', '.join(status.endpoints)}; asked in {reply.timing.done:.1f} s", markup=False)
    if plan.is_private:
        out.print("It is private: programs need a token that may read it, in HF_TOKEN.", markup=False)
    out.print(
        f'\n    from langchain_phi4 import ChatPhi4\n\n    chat = ChatPhi4(space="{plan.space}")',
        markup=False,
    )


def _client(space: str, hub: Hub, *, token: str | None) -> SpaceClient:
    """A client of the Space: by its name, or by its URL where the Hub is not Hugging Face's own."""
    if hub.endpoint == HUB:
        return SpaceClient(space, token=token)
    found = hub.find(space)
    if found is None or not found.url:
        raise DeployFailed(f"{hub.endpoint} does not say where {space} answers", reason="build")
    return SpaceClient(found.url, token=token or False)
