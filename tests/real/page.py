"""The results as text: a table for the terminal, and docs/real.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from verdicts import Difference, Expected, Finding, Observed, Verdict

TESTS = (
    "test_stairway_upgrade_downgrade",
    "test_migrations_up_to_date",
    "test_single_head_revision",
    "test_downgrade_all_the_way",
    "test_naming_conventions",
)

_HEAD = """\
# Real histories

Written by `make real`. Each history is installed from the package index with the pins in `tests/real/<case>`, and
run through the five tests with the `test_migrations.py` of that folder, which is what a user of that project would
write. What is expected stands in `expected.toml` beside it; a run that finds one more or one less fails. The faults of
the stairway and of the downgrade were written down before the first run; where that run differed, and for models and
names, of which only kinds and counts are kept, the expectation was written after it and checked as the page says.

Server: {server}{exceptions}.

How to read a finding: `u` the upgrade of that revision fails, `d` its downgrade fails, `u2` its upgrade fails after
the downgrade, `residue` all pass and the schema is not what it was. Where a verdict comes from: `probe` is a slow,
simple program that is no part of this project (each revision alone: up, down, up again, comparing `pg_dump
--schema-only`, on PostgreSQL 15); `by hand` is plain Alembic with pg_dump or psql, where the two differ or the probe is
silent. A number in brackets counts the findings of a kind.

In the table: `ok`, or the number of faults found. The time is that of the whole pytest process for the case, all of
its test classes together.
"""


@dataclass(frozen=True)
class Result:
    """One case, run."""

    case: str
    expected: Expected
    observed: dict[str, Observed]
    differences: list[Difference]
    versions: str
    seconds: float
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether every verdict is the expected one."""
        return not self.differences and not self.error


def rows(result: Result) -> Iterator[list[str]]:
    """Yield the lines of the results table for one case, one per test class."""
    classes = dict.fromkeys(name.partition(".")[0] for name in (*result.expected.tests, *result.observed))
    for name in classes:
        cells = [_cell(result.observed.get(f"{name}.{test}")) for test in TESTS]
        verdict = "as expected" if result.good else "DIFFERS"
        shape = f"{result.expected.heads}/{result.expected.bases}/{result.expected.merges}"
        seconds = f"{result.seconds:.0f} s"
        yield [f"{result.case} {name}", str(result.expected.revisions), shape, *cells, verdict, seconds]


def _cell(observed: Observed | None) -> str:
    if observed is None:
        return "-"
    if observed.outcome != "failed":
        return "ok" if observed.outcome == "passed" else observed.outcome
    return str(len(observed.keys))


COLUMNS = (
    "case", "revisions", "heads/bases/merges", "stairway", "up to date", "single head", "downgrade", "naming",
    "verdict", "time",
)  # fmt: skip


def terminal_table(results: Iterable[Result]) -> str:
    """Return the results table in aligned columns."""
    lines = [list(COLUMNS), *(row for result in results for row in rows(result))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def differences_text(result: Result) -> str:
    """Return where a case is not as expected; unexpected findings as lines to judge and paste into expected.toml."""
    lines = [f"{result.case}:"]
    if result.error:
        lines += [f"    {line}" for line in result.error.splitlines()]
    for difference in result.differences:
        lines.append(f"  {difference.test}")
        if difference.outcome:
            lines.append("    outcome: expected {}, found {}".format(*difference.outcome))
        lines += [f"    not found: {key}" for key in sorted(difference.missing)]
        lines += [f'    {{ key = "{key}", source = "", reason = "" }},' for key in sorted(difference.unexpected)]
    return "\n".join(lines)


def page(results: Sequence[Result], server: str, other_server: str, on_the_other: Sequence[str]) -> str:
    """Return docs/real.md. Where the two servers are not the same one, `on_the_other` names the cases of the second."""
    other = bool(on_the_other) and server != other_server
    exceptions = f"; for {', '.join(on_the_other)}, which needs ICU, {other_server}" if other else ""
    parts = [
        _HEAD.format(server=server, exceptions=exceptions),
        _table(COLUMNS, [row for result in results for row in rows(result)]),
    ]
    parts += [_section(result) for result in results]
    return "\n".join(parts)


def _section(result: Result) -> str:
    lines = [f"## {result.expected.project}\n", f"{result.versions}. {result.expected.summary}\n"]
    for name, verdict in result.expected.tests.items():
        if verdict.note or verdict.findings:
            lines.append(_test_section(name, verdict))
    return "\n".join(lines)


def _test_section(name: str, verdict: Verdict) -> str:
    lines = [f"### `{name}`\n"]
    if verdict.note:
        lines.append(f"{verdict.note}\n")
    if verdict.findings:
        lines.append(_table(("finding", "why", "from"), [_grouped(group) for group in _groups(verdict.findings)]))
    return "\n".join(lines)


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.reason, finding.source), []).append(finding)
    return list(groups.values())


def _grouped(group: Sequence[Finding]) -> list[str]:
    keys = ", ".join(f"`{each.key}`" + (f" ({each.count})" if each.count > 1 else "") for each in group)
    return [keys, group[0].reason, group[0].source]


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    body = [columns, ["---"] * len(columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in body) + "\n"
