"""Single head, and the downgrade all the way."""

import pytest
from alembic.config import Config

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import NothingToCheck
from tests.integration.inprocess import assert_reproduced, differences, open_gauntlet, paths, places


def branched(project) -> None:
    project.table("r", None, "root")
    project.table("a1", "r", "a1")
    project.table("a2", "a1", "a2")
    project.table("b1", "r", "b1")


def test_several_heads_fail_and_may_be_declared(project) -> None:
    """The message names each head, the command that joins them, and how to declare them; all else works with them."""
    branched(project)
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.single_head()
        assert finding.message.splitlines() == [
            "Multiple head revisions: 2, expected 1.",
            "    a2  a2_.py",
            "    b1  b1_.py",
            "`alembic merge heads` joins them.",
            "A history that keeps several heads on purpose declares it: expected_heads = 2",
        ]
    with open_gauntlet(project, expected_heads=2) as gauntlet:
        assert [*gauntlet.single_head(), *gauntlet.downgrade_all_the_way(), *gauntlet.stairway()] == []
    with open_gauntlet(project, expected_heads=3) as gauntlet:
        assert gauntlet.single_head()[0].message.startswith("Too few head revisions: 2, expected 3.")


@pytest.mark.skipif(not hasattr(Config, "get_version_locations_list"), reason="path_separator comes with Alembic 1.16")
def test_no_revisions_fail_the_single_head_and_skip_the_rest(project) -> None:
    """A wrong path_separator loads nothing: that must not pass. The folders that were looked in are listed."""
    project.table("a1", None, "a1")
    two = "\npath_separator = space\nversion_locations = migrations/versions;migrations/more"
    project.edit("alembic.ini", "\npath_separator = os", two)
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.single_head()
        with pytest.raises(NothingToCheck):
            gauntlet.stairway()
        with pytest.raises(NothingToCheck):
            gauntlet.downgrade_all_the_way()
    first, folder, *_ = finding.message.splitlines()
    assert first == "No revisions at all. Looked in:"
    assert folder.endswith("migrations/versions;migrations/more")
    result = project.pytest("-q", "-rs")
    result.assert_outcomes(failed=2, passed=1, skipped=2, deselected=3)


def test_what_stays_at_base_is_laid_to_the_revision_that_made_it(project) -> None:
    """Each leftover goes to the last revision that made or changed it; what the user prepares is none."""
    branched(project)
    project.revision("b2", "b1", 'op.execute("CREATE TYPE b2 AS ENUM ()")')
    project.revision("m", ("a2", "b2"), 'op.execute("CREATE SEQUENCE m")')
    with open_gauntlet(project, prepare=lambda connection: connection.execute("CREATE TABLE own (id int)")) as gauntlet:
        findings = gauntlet.downgrade_all_the_way()
        assert places(findings) == ["b2_.py:13 downgrade", "m_.py:13 downgrade"]
        assert paths(findings) == ["upgrade head; downgrade base"] * 2
        assert [differences(finding) for finding in findings] == [
            ["+ enum type public.b2 ()"],
            ["+ sequence public.m AS bigint"],
        ]
        assert_reproduced(gauntlet, findings)


def test_origin_is_found_in_the_order_that_alembic_takes(project) -> None:
    """Where canonical order fails, on a hidden dependency, the leftover is still laid to the right revision."""
    project.table("r", None, "root")
    project.table("a1", "r", "ta")
    project.revision("a2", "a1", 'op.add_column("tb", sa.Column("n", sa.Integer))', 'op.drop_column("tb", "n")')
    project.revision(
        "b1",
        "r",
        'op.create_table("tb", sa.Column("id", sa.Integer))\nop.execute("CREATE TYPE b1 AS ENUM ()")',
        'op.drop_table("tb")',
    )
    project.table("m", ("a2", "b1"), "m")
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.downgrade_all_the_way()
        assert places(findings) == ["b1_.py:14 downgrade"]


def test_what_a_downgrade_makes_is_laid_to_it(project) -> None:
    """An object that no upgrade has made is laid to the downgrade that makes it."""
    branched(project)
    project.revision("a2", "a1", "pass", 'op.execute("CREATE TYPE wrong AS ENUM ()")')
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.downgrade_all_the_way()
        assert places(findings) == ["a2_.py:13 downgrade"]
        assert_reproduced(gauntlet, findings)


def test_downgrade_goes_as_far_as_is_declared(project) -> None:
    """Down to the minimum on its branch, and to base on the other; nothing at all where every head is irreversible."""
    branched(project)
    project.revision("a1", "r", 'op.execute("CREATE TYPE a1 AS ENUM ()")', "raise NotImplementedError")
    project.revision("b2", "b1", 'op.execute("CREATE TYPE b2 AS ENUM ()")')
    with open_gauntlet(project, minimum_downgrade_revision="a1") as gauntlet:
        findings = gauntlet.downgrade_all_the_way()
        assert places(findings) == ["b2_.py:13 downgrade"]
        assert_reproduced(gauntlet, findings)
    with open_gauntlet(project, irreversible_revisions=("a1", "b2")) as gauntlet:
        assert gauntlet.downgrade_all_the_way() == ()
        assert "b2" not in gauntlet.take_coverage().downgraded
    with open_gauntlet(project, irreversible_revisions="all") as gauntlet, pytest.raises(NothingToCheck):
        gauntlet.downgrade_all_the_way()


def test_unknown_revisions_in_the_settings_are_refused(project) -> None:
    """A misspelt revision would silently switch nothing off."""
    branched(project)
    for settings in ({"irreversible_revisions": ("a1", "a9")}, {"minimum_downgrade_revision": "a9"}):
        with (
            open_gauntlet(project, **settings) as gauntlet,
            pytest.raises(GauntletError, match="a9,\nwhich this history"),
        ):
            gauntlet.stairway()


def test_what_fails_only_in_one_transaction_is_told_with_the_remedy(project) -> None:
    """An enum value is used in the transaction that added it: the stairway passes, the way to head does not."""
    project.revision(
        "a1",
        None,
        "with op.get_context().autocommit_block():\n    op.execute(\"CREATE TYPE st AS ENUM ('x')\")",
        'op.execute("DROP TYPE st")',
    )
    project.revision(
        "a2",
        "a1",
        "op.execute(\"ALTER TYPE st ADD VALUE 'y'\")",
        'op.execute("DROP TYPE st")\nop.execute("CREATE TYPE st AS ENUM (\'x\')")',
    )
    project.revision("a3", "a2", "op.execute(\"CREATE TABLE t (s st DEFAULT 'y')\")", 'op.drop_table("t")')
    with open_gauntlet(project) as gauntlet:
        assert gauntlet.stairway() == ()
        findings = gauntlet.downgrade_all_the_way()
        assert places(findings) == ["a3_.py:10 upgrade"]
        assert "autocommit_block" in findings[0].message
        assert_reproduced(gauntlet, findings)


def test_seventy_revisions_without_a_downgrade_fit_on_a_screen(project) -> None:
    """The first in full, others in a line, and a declaration to copy; the report file has them all."""
    ids = [f"{number:012x}" for number in range(70)]
    for id, down in zip(ids, [None, *ids], strict=False):
        file = project.revision(id, down, "pass")
        if id != ids[0]:
            file.write_text(file.read_text().partition("def downgrade")[0])
        else:
            file.write_text(
                file.read_text().replace("downgrade():\n    pass", "downgrade():\n    raise NotImplementedError")
            )
    result = project.pytest("-q", "--gauntlet-report", "report.json")
    result.assert_outcomes(failed=3, passed=2, deselected=3)
    message = result.outlines[result.outlines.index("70 failures:") :]
    message = message[: next(at for at, line in enumerate(message) if line.startswith("____"))]
    assert len(message) <= 50
    result.stdout.fnmatch_lines(
        [
            "`alembic downgrade base` fails in revision 000000000000 at *000000000000_.py:* downgrade():",
            "    NotImplementedError",
            "`alembic downgrade 000000000000` fails in revision 000000000001 at *000000000001_.py:1:",
            "    the migration has no function downgrade()",
            "70 downgrades refuse to run. If that is on purpose, declare it on the test class:",
            "    irreversible_revisions = (",
            "        '000000000000', '000000000001',*",
            '    irreversible_revisions = "all" *',
        ]
    )
    assert (project.path / "report.json").read_text().count('"invariant": "command-succeeds"') == 71
