"""The Hypothesis profiles of the walks, registered when Hypothesis is imported (its entry point `hypothesis`)."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

_BUILT_IN = ("default", "ci")


def _profile(max_examples: int, parent: settings | None = None) -> settings:
    # A walk takes as long as its migrations take: no deadline, no health check about speed. The path explains itself:
    # Hypothesis' explanations would cost hundreds of commands.
    return settings(
        parent,
        max_examples=max_examples,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )


def register() -> None:
    """Register `gauntlet`, the default of the walks, and `gauntlet-nightly`.

    In CI Hypothesis takes the same examples every time, and keeps none: `gauntlet` as well, so that a build says the
    same of the same commit. Every night other walks are to be taken, and failures of the last night again.
    """
    settings.register_profile("gauntlet", _profile(30))
    settings.register_profile("gauntlet-nightly", _profile(1000, parent=settings.get_profile("default")))


def current() -> settings:
    """Return the profile that the user has loaded; `gauntlet` where that is one that Hypothesis loads by itself."""
    name = settings._current_profile
    return settings.get_profile("gauntlet" if name is None or name in _BUILT_IN else name)
