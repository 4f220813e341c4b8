"""The example project: green as it is, red with one planted fault, and the message says all that is needed."""

import json

FIVE = 5


def test_correct_history_with_a_branch_and_a_merge_passes(example) -> None:
    """A valid history passes all five tests; the walks are deselected."""
    example.pytest().assert_outcomes(passed=FIVE, deselected=3)


def test_forgotten_enum_type_is_found_with_its_path_and_line(example) -> None:
    """The message holds the minimal path, the difference, the guilty line, and the replay."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    result = example.pytest()
    result.assert_outcomes(passed=3, failed=2, deselected=3)
    result.stdout.fnmatch_lines(
        [
            "Minimal path (2 commands):",
            "    alembic upgrade a20",
            "    alembic downgrade a10",
            "After `alembic downgrade a10` the schema at a10 is not the one a fresh `alembic upgrade a10` gives:",
            "    + enum type public.order_status ('open', 'paid', 'sent')    left behind by a20_orders.py:24 *",
            "Replay: pytest -m fuzz --gauntlet-replay 'upgrade a20; downgrade a10'",
        ],
        consecutive=False,
    )


def test_replay_line_of_the_message_shows_the_fault_again(example) -> None:
    """The replay runs the path alone, and fails in the same way."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    result = example.pytest("-m", "fuzz", "--gauntlet-replay", "upgrade a20; downgrade a10")
    result.assert_outcomes(failed=1, deselected=7)
    result.stdout.fnmatch_lines(["*+ enum type public.order_status*left behind by a20_orders.py:24 downgrade()"])


def test_replay_of_a_correct_path_passes(example) -> None:
    """A path over the branch and the merge is replayed without complaint."""
    result = example.pytest("-m", "fuzz", "--gauntlet-replay", "upgrade d20; downgrade b10; upgrade head")
    result.assert_outcomes(passed=1, deselected=7)


def test_report_holds_the_failure_as_values(example) -> None:
    """The JSON file has the fixed format, with paths relative to rootdir, and the coverage."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    example.pytest("--gauntlet-report", "out/report.json")
    report = json.loads((example.path / "out/report.json").read_text())
    assert report["version"] == 1
    assert [test["outcome"] for test in report["tests"]] == ["failed", "passed", "passed", "failed", "passed"]
    (failure,) = report["tests"][0]["failures"]
    assert failure.pop("message").startswith("After `alembic downgrade a10` the schema at a10")
    assert failure == {
        "invariant": "path-independence",
        "path": [{"command": "upgrade", "target": "a20"}, {"command": "downgrade", "target": "a10"}],
        "revision": "a20",
        "file": "migrations/versions/a20_orders.py",
        "line": 24,
        "changes": [
            {
                "change": "added",
                "kind": "enum type",
                "name": "public.order_status",
                "before": None,
                "after": "('open', 'paid', 'sent')",
            }
        ],
    }
    coverage = report["coverage"]
    assert (coverage["revisions"], coverage["upgraded"], coverage["downgraded"]) == (9, 9, 9)
    assert coverage["commands"] > 27


def test_report_is_the_same_over_workers(example) -> None:
    """With pytest-xdist the controller writes what the workers found."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    result = example.pytest("-n", "2", "--gauntlet-report", "report.json")
    result.assert_outcomes(passed=3, failed=2)
    report = json.loads((example.path / "report.json").read_text())
    failures = {test["nodeid"].rpartition("::")[2]: len(test["failures"]) for test in report["tests"]}
    assert failures["test_stairway_upgrade_downgrade"] == failures["test_downgrade_all_the_way"] == 1
    assert report["coverage"]["downgraded"] == 9


def test_nothing_is_left_on_the_server(example) -> None:
    """Every database that the tests made is dropped, also after a failure."""
    before = example.databases()
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    example.pytest()
    assert example.databases() == before
