"""What can go wrong: with the set-up (`GauntletError`) and with the migrations (`Failure`, in `report`)."""


class GauntletError(Exception):
    """The gauntlet cannot run: a mistake in the set-up or the usage.

    The message names the cause and the remedy in at most fifteen lines, and is all that pytest shows
    (with `-vv` the traceback as well).
    """
