"""Plain Alembic for one case, in the case's environment: nothing of alembic-gauntlet is imported here.

Usage: python plain.py CASE_FOLDER URL, where `CASE_FOLDER/plain.py` has `config(url)` and, where the first revision
needs it, `prepare()`. Requests are lines of JSON on stdin, answers lines of JSON on stdout:

    ["prepare"]                  fill an empty database
    ["upgrade", "a1"]            `alembic upgrade a1`; so "downgrade"
    ["state", ["a1", "b2"]]      the revisions applied where the version table holds a1 and b2, oldest first

Each command runs in a process of its own, forked from one that has loaded the application and no more: what one leaves
in memory is not there for the next, as from the command line.
"""

import importlib.util
import json
import os
import sys
import traceback
from functools import partial

from alembic import command
from alembic.script import ScriptDirectory


def main(folder, url):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what migrations print
    case = load(folder)
    config = case.config(url)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    verbs = {
        "prepare": getattr(case, "prepare", lambda: None),
        "upgrade": partial(command.upgrade, config),
        "downgrade": partial(command.downgrade, config),
        "state": partial(state, ScriptDirectory.from_config(config)),
    }
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(in_a_fork(partial(verbs[verb], *arguments))), file=answers, flush=True)


def load(folder):
    spec = importlib.util.spec_from_file_location("case", os.path.join(folder, "plain.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def state(script, heads):
    """Alembic's own order of everything that heads stand on."""
    if not heads:
        return []
    return [each.revision for each in script.revision_map.iterate_revisions(tuple(heads), "base")][::-1]


def in_a_fork(work):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = {"ok": True, "value": work()}
        except BaseException as error:
            answer = {"ok": False, **told(error)}
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"ok": False, "type": "died", "message": "", "frames": []}


def told(error):
    original = getattr(error, "orig", None) or error
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"type": type(original).__name__, "message": str(original), "frames": frames}


if __name__ == "__main__":
    main(*sys.argv[1:])
