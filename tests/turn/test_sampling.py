"""Options that the contract does not carry: which count as set, who is told of them, and how often."""

from __future__ import annotations

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from phi4_space._errors import InvalidOption, OptionIgnored, Phi4Error
from phi4_space._turn.sampling import SamplingPolicy


def heard(policy: SamplingPolicy, *calls: dict[str, object]) -> list[warnings.WarningMessage]:
    """The warnings of several calls."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for options in calls:
            _door(policy, options)
    return told


def _door(policy: SamplingPolicy, options: dict[str, object]) -> None:
    policy.warn(options)


def test_each_option_is_told_of_once() -> None:
    """Whoever asks a thousand questions hears of each ignored option one time, with what to do."""
    told = heard(
        SamplingPolicy(strict=False), {"temperature": 0.2}, {"temperature": 0.3, "seed": 1}, {"seed": 2}
    )

    assert [one.category for one in told] == [OptionIgnored] * 2
    first, second = (str(one.message) for one in told)
    assert first.startswith("temperature is ignored: the Space takes no sampling options.")
    assert second.startswith("seed is ignored")
    assert all(word in first for word in ("Space of your own", "strict=True", "phi4_space.OptionIgnored"))


def test_the_warning_points_at_who_called_the_door() -> None:
    """The line that is shown is the user's, not this package's."""
    (told,) = heard(SamplingPolicy(strict=False), {"temperature": 0.2})

    assert told.filename == __file__


@pytest.mark.parametrize("options", [{}, {"temperature": None}, {"tools": []}])
def test_nothing_to_tell_is_not_told(options: dict[str, object]) -> None:
    """No option that is set, no warning."""
    assert heard(SamplingPolicy(strict=False), options) == []


def test_strict_refuses_and_does_not_warn() -> None:
    """Where they are to be refused, the error names all of them; and no options are no error."""
    strict = SamplingPolicy(strict=True)

    assert heard(strict, {"temperature": 0.2}) == []
    strict.check({})
    with pytest.raises(InvalidOption, match="temperature, seed: the Space takes no sampling options"):
        strict.check({"temperature": 0.2, "seed": 1})
    SamplingPolicy(strict=False).check({"temperature": 0.2})


def test_threads_hear_of_it_once_in_all() -> None:
    """A client may be used from many threads at once."""
    policy = SamplingPolicy(strict=False)

    with warnings.catch_warnings(record=True) as told, ThreadPoolExecutor() as threads:
        warnings.simplefilter("always")
        list(threads.map(policy.warn, [{"temperature": 0.2}] * 50))

    assert len(told) == 1


def test_a_warning_is_no_error_of_this_package() -> None:
    """Who catches Phi4Error does not catch it; made an error, it travels to other processes."""
    warning = OptionIgnored("seed is ignored")

    assert not issubclass(OptionIgnored, Phi4Error)
    assert isinstance(warning, UserWarning)
    for twin in (copy.copy(warning), pickle.loads(pickle.dumps(warning))):  # noqa: S301 - made right here
        assert (type(twin), twin.args) == (OptionIgnored, warning.args)
