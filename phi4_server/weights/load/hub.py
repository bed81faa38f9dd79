"""A checkpoint on the Hub: what is there, in one quick question, and what went wrong, in plain sentences."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi4_server.model import ModelFailed
from phi4_server.weights.load import checkpoint, quiet
from phi4_server.weights.load.machine import INSTALL

PATIENCE_S = 10
"""How long the Hub may take to answer the first question; its library tries for almost a minute."""


_COMMIT = re.compile(r"[0-9a-f]{40}")
_TOKEN = re.compile(r"[!-~]+")
_OTHER_FORM = (ValueError, TypeError, KeyError, AttributeError)
"""What reading an answer raises that is of another form."""
_LOGIN = re.compile(r"(?<=//)[^/@\s]*@")
"""What stands before the host in a URL that has a name and a password."""


class Unreachable(Exception):
    """The Hub cannot be asked; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a repository on the Hub has.

    Attributes:
        name: The repository, OWNER/NAME.
        revision: The branch, tag or commit that was asked for.
        commit: The commit that this is now.
        sizes: All its files, by name, in bytes.
    """

    name: str
    revision: str
    commit: str
    sizes: Mapping[str, int] = field(repr=False)


def look_up(name: str, revision: str | None) -> Listing:
    """Asks what there is.

    Raises:
        Unreachable: The Hub does not answer, or is not to be asked.
        ModelFailed: There is no such thing, or it is not to be had.
    """
    hub = library()
    if hub.constants.HF_HUB_OFFLINE:
        raise Unreachable("HF_HUB_OFFLINE is set")
    with in_plain_words(name, revision):
        _check_token(hub.get_token())
        found = hub.HfApi(endpoint=hub.constants.ENDPOINT).model_info(
            name, revision=revision, files_metadata=True, timeout=PATIENCE_S
        )
        sizes = {str(file.rfilename): _size(file.size) for file in found.siblings or ()}
        if not _COMMIT.fullmatch(found.sha):
            raise ValueError(f"a commit {str(found.sha)[:50]!r}")
    return Listing(name=name, revision=revision or "main", commit=found.sha, sizes=sizes)


def _size(size: Any) -> int:
    """The size of a file, which the Hub leaves out where it is not known."""
    if size is None:
        return 0
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"a file of the size {str(size)[:50]!r}")
    return size


def _check_token(token: str | None) -> None:
    """Refuses a token that cannot be sent; libraries would repeat it in their errors."""
    if token is not None and not _TOKEN.fullmatch(token):
        raise ModelFailed("Your token, from HF_TOKEN or `hf auth login`, holds characters that no token has")


def cached(name: str, revision: str | None) -> Path | None:
    """The folder in the cache that holds a model, or a part of it; None where there is none."""
    found = find(name, checkpoint.CONFIG, revision)
    return None if found is None else found.parent


def find(name: str, file: str, revision: str | None) -> Path | None:
    """A file in the cache, if it is there and whole."""
    hub = library()
    found = hub.try_to_load_from_cache(name, file, hub.constants.HF_HUB_CACHE, revision=revision)
    return Path(found) if isinstance(found, str) else None


def get(name: str, file: str, revision: str, **options: Any) -> Path:
    """Fetches a file into the cache, with what the library takes beside; raises what the library raises."""
    hub = library()
    where = {"cache_dir": hub.constants.HF_HUB_CACHE, "endpoint": hub.constants.ENDPOINT}
    return Path(hub.hf_hub_download(name, file, revision=revision, **where, **options))


def library() -> Any:
    """The Hub's own library.

    Raises:
        ModelFailed: It is not installed.
    """
    quiet.hush()
    try:
        import huggingface_hub  # noqa: PLC0415  may be missing
        import huggingface_hub.constants  # noqa: PLC0415  the package alone does not import its modules
        import huggingface_hub.errors  # noqa: PLC0415  see above
    except ModuleNotFoundError as missing:
        raise ModelFailed(f"{missing.name} is not installed; it comes with: {INSTALL}") from None
    except ValueError as problem:  # it reads its settings when it is imported
        given = [name for name in sorted(os.environ) if name.startswith("HF_")]
        what = ", ".join(name for name in given if os.environ[name] in str(problem)) or "a variable HF_..."
        raise ModelFailed(f"{what} in the environment is not what huggingface_hub takes: {problem}") from None
    return huggingface_hub


def endpoint() -> str:
    """The Hub's address, for people: without the password that it may hold."""
    return _LOGIN.sub("", str(library().constants.ENDPOINT))


def no_folder(name: str) -> str:
    """What to say of a name that may have been meant as a folder, which is looked for first."""
    return f"if a folder is meant, there is none at ./{name}"


@contextmanager
def in_plain_words(name: str, revision: str | None) -> Iterator[None]:
    """Says in a sentence what the Hub's library raises.

    Raises:
        Unreachable: The Hub does not answer.
        ModelFailed: It answers that there is nothing to be had.
    """
    errors = library().errors
    try:
        yield
    except (ModelFailed, Unreachable):
        raise
    except (errors.HTTPError, OSError, RuntimeError, *_OTHER_FORM) as problem:
        # A RuntimeError is what the library's faster transport raises.
        raise _in_a_sentence(problem, name, revision) from None


def _in_a_sentence(problem: Any, name: str, revision: str | None) -> Exception:
    """What anything that the library raises comes to."""
    hub = library()
    match problem:
        case hub.errors.LocalEntryNotFoundError(__cause__=Exception() as cause):
            return _in_a_sentence(cause, name, revision)
        case hub.errors.HFValidationError():
            return ModelFailed(f"{name!r} is no name on the Hub: OWNER/NAME")
        case hub.errors.HfHubHTTPError():
            return _refusal(problem, name, revision)
        case OSError(errno=int()) if not isinstance(problem, (ConnectionError, TimeoutError)):
            return ModelFailed(
                f"The cache of the Hub, {hub.constants.HF_HUB_CACHE}, cannot be used; HF_HOME names the "
                f"folder that it is in: {problem}"
            )
    if isinstance(problem, _OTHER_FORM):
        return ModelFailed(f"{endpoint()} answers something else than the Hub does: {_first_line(problem)}")
    return Unreachable(f"{endpoint()} cannot be reached: {_first_line(problem)}")


def _refusal(refused: Any, name: str, revision: str | None) -> Exception:
    """What an answer that is an error comes to."""
    hub = library()
    where = f"{endpoint()}/{name}"
    match refused:
        case hub.errors.GatedRepoError():
            return ModelFailed(
                f"{name} is gated: accept its terms at {where}, and give your token in HF_TOKEN"
            )
        case hub.errors.RepositoryNotFoundError():
            return ModelFailed(
                f"There is no model at {where}, or it is private: check the name, or give a token that "
                f"may read it in HF_TOKEN; {no_folder(name)}"
            )
        case hub.errors.RevisionNotFoundError():
            return ModelFailed(
                f"--revision {revision}: {name} has no branch, tag or commit of that name: {where}/commits"
            )
    match refused.response.status_code:
        case 401:
            return ModelFailed(f"{endpoint()} does not take your token, from HF_TOKEN or `hf auth login`")
        case 403:
            return ModelFailed(f"{endpoint()} does not let you read {name}: your token, in HF_TOKEN, may not")
        case status:
            return Unreachable(f"{endpoint()} answers with HTTP status {status}")


def _first_line(problem: Exception) -> str:
    return _LOGIN.sub("", (str(problem).strip() or type(problem).__name__).splitlines()[0])
