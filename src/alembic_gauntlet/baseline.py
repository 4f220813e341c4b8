"""The baseline: faults that are known, in a readable file; new ones fail, and mended ones are named.

A line is the invariant, the guilty revision and its function, and the object, with two spaces between them. What
differs from run to run (paths, messages, line numbers) is not compared. A section for each test says who has found
what: only that test can tell that a fault is mended. What is known of one test of a class is known to all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding, group

_HEADER = """\
# Known faults, for `pytest --gauntlet-baseline`: these are counted, new ones fail.
# Remove a line when its fault is mended; remove the file to have it written anew.
"""
_NONE = "-"
_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """One line: what a failure is, as far as it is the same in every run.

    Attributes:
        invariant: its id.
        revision: the guilty revision; `-` where none is known.
        function: `upgrade()`, `downgrade()`, or one of the same file that they call; empty where no revision is guilty.
        object: the kind and name of the object; empty where it is about the command itself.
    """

    invariant: str
    revision: str
    function: str
    object: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What two descriptions of the same fault share, whichever invariant has shown it."""
        return group(self.invariant, bool(self.object)), self.revision, self.function, self.object

    def __str__(self) -> str:
        return "  ".join(filter(None, [self.invariant, f"{self.revision} {self.function}".rstrip(), self.object]))


def faults(finding: Finding) -> tuple[Fault, ...]:
    """Return the lines of a finding: one for each object that differs."""
    objects = [_one_line(f"{change.kind} {change.name}") for change in finding.changes] or [_one_line(finding.about)]
    function = f"{finding.function}()" if finding.function else ""
    return tuple(Fault(finding.invariant, finding.revision or _NONE, function, each) for each in dict.fromkeys(objects))


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass
class Known:
    """The faults that a test leaves aside.

    Attributes:
        faults: what they are, by their key.
        met: those of them that it has come upon.
        certain: whether those that it has not met are mended; else they were out of its way, maybe.
    """

    faults: Mapping[tuple[str, str, str, str], Fault] = field(default_factory=dict)
    met: set[Fault] = field(default_factory=set)
    certain: bool = True

    def less(self, finding: Finding) -> Finding | None:
        """Return what is new in a finding; None where all of it is known."""
        new = tuple(fault for fault in faults(finding) if not self._meets(fault))
        if not new:
            return None
        objects = {fault.object for fault in new}
        kept = tuple(each for each in finding.changes if _one_line(f"{each.kind} {each.name}") in objects)
        return finding if kept == finding.changes else replace(finding, changes=kept)

    def guilty(self, change: Change, revisions: Sequence[str], function: str) -> str | None:
        """Return which of these revisions is known to be guilty of a change; None where none is."""
        about = _one_line(f"{change.kind} {change.name}")
        kind = "path-independence"
        known = (each for each in revisions if (kind, each, f"{function}()", about) in self.faults)
        return next(known, None)

    @property
    def spoilers(self) -> frozenset[tuple[str, str | None, str]]:
        """The group, revision and function of the faults that leave another schema."""
        known = ((key[0], fault) for key, fault in self.faults.items() if key[0] == "path-independence")
        return frozenset((kind, fault.revision, fault.function.removesuffix("()")) for kind, fault in known)

    def _meets(self, fault: Fault) -> bool:
        known = self.faults.get(fault.key)
        if known is not None:
            self.met.add(known)
        return known is not None


class Baseline:
    """The file of known faults, and what has become of them in this session.

    Where the file does not exist, nothing is known yet, and `close` writes what the tests have found.

    Raises:
        GauntletError: a line of it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._exists = file.exists()
        self._sections = _parse(file) if self._exists else {}
        self._found: dict[str, tuple[Fault, ...]] = {}
        self._met: set[Fault] = set()
        self._mended: list[Fault] = []

    def known(self, test: str, *, is_walk: bool = False) -> Known:
        """Return what is known to a test: what any test of its class has found. `test` is a node id.

        As long as there is no file, a walk is told what the tests before it have found, to go on from there.
        """
        sections: Mapping[str, Iterable[Fault]] = self._found if is_walk and not self._exists else self._sections
        related = [found for name, found in sections.items() if not name or _class(name) == _class(test)]
        faults: dict[tuple[str, str, str, str], Fault] = {}
        for fault in (each for found in related for each in found):
            faults.setdefault(fault.key, fault)
        return Known(faults)

    def record(self, test: str, found: Collection[Fault], met: Collection[Fault], certain: bool) -> None:
        """Take down what a test has found and met; `certain`: see `Known`."""
        # A line stands in the section of every test that can tell that its fault is mended.
        self._found[test] = (*found, *met) if certain and not self._exists else tuple(found)
        self._met.update(met)
        if certain:
            keys = {fault.key for fault in met}
            self._mended += [fault for fault in self._sections.get(test, ()) if fault.key not in keys]

    def close(self, complete: bool) -> list[str]:
        """Write the file where there was none; return what there is to say. `complete`: the session was.

        Raises:
            GauntletError: the file cannot be written.
        """
        if self._exists:
            return self._verdict()
        if not complete or not self._found:
            return [f"baseline {self.file}: not written, since the tests did not run to their end"]
        count = self._write()
        return [f"baseline {self.file}: written, with {counted(count, 'known fault')}; from now on, only others fail"]

    def _verdict(self) -> list[str]:
        lines = [f"baseline {self.file}: {counted(len(self._met), 'known fault')} met"]
        if self._mended:
            lines.append("mended, so that the line can go:")
            lines += [f"    {fault}" for fault in dict.fromkeys(self._mended)]
        new = dict.fromkeys(fault for found in self._found.values() for fault in found)
        if new:
            lines.append("new; to live with it, add the line:")
            lines += [f"    {fault}" for fault in list(new)[:_SHOWN]]
        if len(new) > _SHOWN:
            lines.append(f"    ... and {len(new) - _SHOWN} more: remove the file to have it written anew")
        return lines

    def _write(self) -> int:
        sections = {test: sorted(set(found), key=str) for test, found in self._found.items() if found}
        blocks = ["\n".join([f"\n[{test}]", *map(str, lines)]) for test, lines in sections.items()]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text("\n".join([_HEADER.rstrip(), *blocks]) + "\n")
        except OSError as error:
            raise GauntletError(f"The baseline {self.file} cannot be written: {error.strerror}.") from error
        return len({fault.key for found in sections.values() for fault in found})


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `2 known faults`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _class(test: str) -> str:
    return test.rpartition("::")[0]


def _parse(file: Path) -> dict[str, list[Fault]]:
    sections: dict[str, list[Fault]] = {}
    section: list[Fault] = sections.setdefault("", [])
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GauntletError(f"The baseline {file} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        text = "" if line.startswith("#") else line.strip()
        if text.startswith("[") and text.endswith("]"):
            section = sections.setdefault(text[1:-1], [])
        elif text:
            section.append(_parse_line(text, f"{file}:{number}"))
    return sections


def _parse_line(text: str, place: str) -> Fault:
    invariant, _, rest = text.partition("  ")
    who, _, what = rest.strip().partition("  ")
    revision, _, function = who.partition(" ")
    if not revision or not re.fullmatch(r"(\w+\(\))?", function):
        raise GauntletError(
            f"{place}: cannot read {text!r}.\n"
            "A line is an invariant, a revision with its function (or -), and an object, with two spaces\n"
            "between them: path-independence  a1 downgrade()  enum type public.status"
        )
    return Fault(invariant, revision, function, _one_line(what))
