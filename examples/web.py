"""A web application that hands on the answer while it arrives. It needs `pip install starlette uvicorn`.

    python web.py 8000        and then: curl -N 'http://127.0.0.1:8000/?q=Who+are+you'

A visitor who leaves before the end takes the job back on the Space, too.
"""

import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from phi4_space import Delta, Phi4Error, SpaceClient

space = SpaceClient()  # opens nothing yet; one serves all requests


async def answer(request: Request) -> StreamingResponse:
    """Asks what the visitor asks."""
    return StreamingResponse(words(request.query_params.get("q", "")), media_type="text/plain")


async def words(question: str) -> AsyncGenerator[str, None]:
    """The answer's text as it arrives; what went wrong, in its place."""
    try:
        async with aclosing(space.astream(question)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield event.text
    except Phi4Error as error:
        yield f"[{type(error).__name__}: {error.what}]"


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Closes the connections when the server stops."""
    async with space:
        yield


app = Starlette(routes=[Route("/", answer)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]))
