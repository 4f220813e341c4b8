"""The Hypothesis profiles of the walks: as they are on a developer's machine, and in CI."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
from hypothesis import settings
profile = settings.get_profile({name!r}) if {name!r} else settings()
print(profile.max_examples, profile.derandomize, type(profile.database).__name__, profile.deadline)
"""


def profile(name: str, ci: bool) -> list[str]:
    """Return what a new process knows of a profile."""
    marks = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILDKITE", "CIRCLECI", "TEAMCITY_VERSION")
    environment = {key: value for key, value in os.environ.items() if key not in marks} | ({"CI": "true"} if ci else {})
    command = [sys.executable, "-c", SCRIPT.format(name=name)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()


@pytest.mark.parametrize("ci", [False, True])
def test_nights_differ_and_remember_the_last_one(ci: bool) -> None:
    """In CI, too, where Hypothesis itself repeats the same examples and keeps none."""
    examples, derandomized, database, deadline = profile("gauntlet-nightly", ci)
    assert (examples, derandomized, deadline) == ("1000", "False", "None")
    assert database != "NoneType"


@pytest.mark.parametrize("ci", [False, True])
def test_walks_of_a_build_repeat_themselves_where_those_of_hypothesis_do(ci: bool) -> None:
    """The default profile follows Hypothesis: random at home; the same for the same commit in CI, since it does so."""
    ours, theirs = profile("gauntlet", ci), profile("", ci)
    assert ours[0] == "30"
    assert ours[1:3] == theirs[1:3]
