"""Strategies for revision graphs, and for commands on them."""

from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from hypothesis import strategies as st

from alembic_gauntlet.graph import Command, Graph, IllegalCommand, State, Verb

LETTERS = ascii_lowercase + ascii_uppercase
NONSENSE = ("nothing", "r", "@", "base@head", "a000:b001", "-99", "+0", "nothing@head", "nothing@base", "heads@a000")


@dataclass(frozen=True)
class MigrationScript:
    """One migration file, as it declares itself; has the attributes of `alembic.script.Script` that a Graph reads."""

    revision: str
    down_revision: tuple[str, ...] | None = None
    dependencies: tuple[str, ...] | None = None
    branch_labels: tuple[str, ...] | None = None


def graphs(min_size: int = 0, max_size: int = 15, *, redundant: bool = False) -> st.SearchStrategy[Graph]:
    """Generate graphs: see `scripts`."""
    return scripts(min_size, max_size, redundant=redundant).map(Graph.from_scripts)


@st.composite
def scripts(
    draw: st.DrawFn, min_size: int = 0, max_size: int = 15, *, redundant: bool = False
) -> tuple[MigrationScript, ...]:
    """Generate histories of `min_size` to `max_size` (at most 52) files, parents first.

    They branch, merge two or three revisions, have several bases, branch labels, and `depends_on` by id or by label.
    Ids have four characters and begin with a letter of their own. Shrinks towards one short line of revisions whose ids
    are in alphabetical order.

    With `redundant`, a revision may also name a parent that stands below another of its parents: Alembic loads such
    histories, but what its version table holds then depends on the way taken.
    """
    size = draw(st.integers(min_size, max_size))
    letters = draw(st.permutations(LETTERS[:size]))
    made: list[MigrationScript] = []
    below: dict[str, frozenset[str]] = {}
    for letter in letters:
        script = draw(_script(f"{letter}{LETTERS.index(letter):03d}", made, below, redundant))
        graph = Graph.from_scripts([*made, script])
        below[script.revision] = graph.ancestors(script.revision)
        made.append(script)
    return tuple(made)


@st.composite
def lines(draw: st.DrawFn, min_size: int, max_size: int) -> tuple[MigrationScript, ...]:
    """Generate histories of `min_size` to `max_size` (at most 52) files, each on the one before."""
    letters = draw(st.permutations(LETTERS[: draw(st.integers(min_size, max_size))]))
    ids = [f"{letter}{LETTERS.index(letter):03d}" for letter in letters]
    return tuple(MigrationScript(id, (below,) if below else None) for below, id in zip(["", *ids], ids, strict=False))


@st.composite
def _script(
    draw: st.DrawFn, id: str, made: list[MigrationScript], below: dict[str, frozenset[str]], redundant: bool
) -> MigrationScript:
    ids = [script.revision for script in reversed(made)]
    down = draw(_down_revisions(ids))
    depends_on: list[str] = []
    if bool(ids) and draw(_one_in(3)):
        depends_on = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=2, unique=True))
    if not redundant:
        parents = {*down, *depends_on}
        needed = {parent for parent in parents if not any(parent in below[other] - {other} for other in parents)}
        down = [parent for parent in down if parent in needed] or down[:1]
        depends_on = [parent for parent in depends_on if parent in needed and not _overlap(parent, down, below)]
    by_label = {script.revision: script.branch_labels[0] for script in made if script.branch_labels}
    named = [by_label[parent] if parent in by_label and draw(st.booleans()) else parent for parent in depends_on]
    labels = (f"line_{id}",) if draw(_one_in(5)) else None
    return MigrationScript(id, tuple(down) or None, tuple(named) or None, labels)


def _overlap(id: str, others: list[str], below: dict[str, frozenset[str]]) -> bool:
    return any(id in below[other] or other in below[id] for other in others)


def _down_revisions(ids: list[str]) -> st.SearchStrategy[list[str]]:
    if not ids:
        return st.just([])
    anywhere = st.lists(st.sampled_from(ids), min_size=1, max_size=1)
    merge = st.lists(st.sampled_from(ids[:6]), min_size=min(2, len(ids)), max_size=3, unique=True)
    return st.one_of(st.just(ids[:1]), anywhere, merge, st.just([]))


def _one_in(count: int) -> st.SearchStrategy[bool]:
    return st.integers(0, count - 1).map(lambda number: number == count - 1)


def legal_commands(graph: Graph, state: State) -> st.SearchStrategy[Command]:
    """Generate commands with plain targets (ids, `base`, `heads`) that are legal in `state`, the shortest first."""
    names = ("base", "heads", *graph.order)
    candidates = [Command(verb, name) for verb in _VERBS for name in names]
    legal = [command for command in candidates if _is_legal(graph, state, command)]
    return st.sampled_from(sorted(legal, key=lambda command: len(graph.plan(state, command))))


def commands(graph: Graph, state: State) -> st.SearchStrategy[Command]:
    """Generate commands with every form of target; many are illegal in `state`, or in any."""
    anything = st.builds(Command, st.sampled_from(_VERBS), targets(graph))
    return st.one_of(legal_commands(graph, state), anything)


def targets(graph: Graph) -> st.SearchStrategy[str]:
    """Generate what may follow `alembic upgrade` or `downgrade`: absolute and relative targets, and nonsense."""
    ids = sorted(graph.names)
    words = st.sampled_from([*ids, "base", "head", "heads"])
    names = st.sampled_from(ids) if ids else words
    beginnings = st.tuples(names, st.integers(1, 6)).map(lambda pair: pair[0][: pair[1]])
    absolute = words | beginnings
    steps = st.integers(-3, 3).map("{:+d}".format)
    relative = st.one_of(steps, st.builds("{}{}".format, words, steps), st.builds("{}@{}".format, names, steps))
    qualified = st.builds("{}@{}".format, names | beginnings, absolute | st.builds("{}{}".format, words, steps))
    return st.one_of(words, qualified, beginnings, relative, st.sampled_from(NONSENSE))


_VERBS: tuple[Verb, ...] = ("upgrade", "downgrade")


def _is_legal(graph: Graph, state: State, command: Command) -> bool:
    try:
        graph.plan(state, command)
    except IllegalCommand:
        return False
    return True


def history(text: str) -> tuple[MigrationScript, ...]:
    """Read a history such as `h a1:h b1:h m:a1,b1 x:m>b1#label`.

    Behind an id: `:` its down_revision, `>` its depends_on, `#` its labels.
    """
    return tuple(_parsed(word) for word in text.split())


def _parsed(word: str) -> MigrationScript:
    word, _, labels = word.partition("#")
    word, _, depends_on = word.partition(">")
    id, _, down = word.partition(":")
    return MigrationScript(id, *(tuple(part.split(",")) if part else None for part in (down, depends_on, labels)))
