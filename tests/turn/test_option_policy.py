"""Options that a Space does not take: who is warned of them, how often, and what strict clients do."""

from __future__ import annotations

import _thread
import copy
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from phi4_space._caller import Caller, calling_line
from phi4_space._errors import InvalidOption, OptionIgnored, Phi4Error
from phi4_space._sampling import Bounds
from phi4_space._status import Takes
from phi4_space._turn.option_policy import OptionPolicy

NONE = Takes()
TWO = Takes(options={"temperature": Bounds(high=2), "max_tokens": Bounds(whole=True, low=1)})


def asked() -> Caller:
    """The line that a method of ours would note."""
    return calling_line()


def warned(policy: OptionPolicy, *calls: dict[str, object]) -> list[warnings.WarningMessage]:
    """The warnings of several calls, to a Space that takes no options."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for options in calls:
            assert policy.choose(options, NONE, asked()) == {}
    return caught


def test_each_option_is_warned_of_once() -> None:
    """Whoever asks a thousand questions hears of each ignored option one time, with what to do."""
    caught = warned(
        OptionPolicy(strict=False), {"temperature": 0.2}, {"temperature": 0.3, "seed": 1}, {"seed": 2}
    )

    assert [one.category for one in caught] == [OptionIgnored] * 2
    first, second = (str(one.message) for one in caught)
    assert first.startswith("temperature is ignored: the Space takes no such option.")
    assert second.startswith("seed is ignored")
    assert all(word in first for word in ("Space of your own", "strict=True", "phi4_space.OptionIgnored"))


def test_the_warning_points_at_the_line_that_asked() -> None:
    """It is the user's, wherever and whenever the warning is made."""
    policy = OptionPolicy(strict=False)
    caller = asked()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=policy.choose, args=({"seed": 1}, NONE, caller))
        thread.start()
        thread.join()

    assert (caught[0].filename, caught[0].lineno) == (__file__, caller.lineno)


def test_filters_by_module_know_the_module_that_asked() -> None:
    """Who silences warnings of one module silences these."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))
        OptionPolicy(strict=False).choose({"seed": 1}, NONE, asked())

    assert caught == []


def test_what_is_called_by_no_line_points_at_itself() -> None:
    """A thread may begin with a call of ours: then there is no line behind it."""
    callers: list[Any] = []
    done = threading.Event()

    def begin() -> None:
        callers.append(calling_line())
        done.set()

    _thread.start_new_thread(begin, ())
    done.wait(10)

    assert callers[0].filename == __file__


def test_what_the_space_takes_is_sent_within_its_bounds() -> None:
    """The others are ignored; a value that the Space does not take is refused by name."""
    policy = OptionPolicy(strict=False)

    with pytest.warns(OptionIgnored, match="seed is ignored"):
        taken = policy.choose({"temperature": 0.5, "seed": 3, "max_tokens": 9}, TWO, asked())

    assert taken == {"temperature": 0.5, "max_tokens": 9}
    with pytest.raises(InvalidOption, match="temperature is a number from 0 to 2, not 3"):
        policy.choose({"temperature": 3}, TWO, asked())


def test_strict_refuses_and_does_not_warn() -> None:
    """Where they are to be refused, the error names all of them; what the Space takes is none of them."""
    strict = OptionPolicy(strict=True)

    with pytest.raises(InvalidOption, match="temperature, seed: the Space takes no such option"):
        strict.choose({"temperature": 0.2, "seed": 1}, NONE, asked())
    assert strict.choose({"temperature": 0.2}, TWO, asked()) == {"temperature": 0.2}


def test_threads_hear_of_it_once_in_all() -> None:
    """A client may be used from many threads at once."""
    policy = OptionPolicy(strict=False)

    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor() as threads:
        warnings.simplefilter("always")
        list(threads.map(lambda options: policy.choose(options, NONE, asked()), [{"temperature": 0.2}] * 50))

    assert len(caught) == 1


def test_a_warning_is_no_error_of_this_package() -> None:
    """Who catches Phi4Error does not catch it; made an error, it travels to other processes."""
    warning = OptionIgnored("seed is ignored")

    assert not issubclass(OptionIgnored, Phi4Error)
    assert isinstance(warning, UserWarning)
    for twin in (copy.copy(warning), pickle.loads(pickle.dumps(warning))):  # noqa: S301 - made right here
        assert (type(twin), twin.args) == (OptionIgnored, warning.args)
