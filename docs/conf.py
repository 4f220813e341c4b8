"""The documentation as a site: `make docs`."""

import re
from importlib.metadata import version as installed

from sphinx.application import Sphinx

project = "alembic-gauntlet"
author = "the authors of alembic-gauntlet"
release = version = installed(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["example"]
myst_heading_anchors = 3

default_role = "code"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
# Names of other libraries are not linked, so that the site is built without the network.
nitpick_ignore_regex = [("py:.*", r"(?!alembic_gauntlet\.).*")]
# Of a session of pytest: nobody makes them.
nitpick_ignore = [
    ("py:class", f"alembic_gauntlet.{name}")
    for name in ("baseline.Known", "share.Share", "database.Sandbox", "coverage.Stretch")
]

html_theme = "furo"
html_title = "alembic-gauntlet"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
toc_object_entries_show_parents = "hide"
pygments_style = "friendly"
pygments_dark_style = "monokai"

_TITLED = re.compile(r'^```(\w+) title="([^"]+)"$', re.MULTILINE)


def show_titles(app: Sphinx, page: str, source: list[str]) -> None:
    """Show above a code block the file that it is, which stands behind its fence."""
    source[0] = _TITLED.sub(r"```{code-block} \1\n:caption: \2\n", source[0].replace(' title="message"\n', "\n"))


def keep_first_line(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Hide the first line of an attribute from Napoleon, which takes what stands there before a colon for a type."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "\\ ")


def setup(app: Sphinx) -> None:
    """Have titles shown, and docstrings as they are."""
    app.connect("source-read", show_titles)
    app.connect("autodoc-process-docstring", keep_first_line, priority=400)  # before Napoleon
