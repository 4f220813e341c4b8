"""`python -m alembic_gauntlet`: the same as `alembic-gauntlet`."""

import sys

from alembic_gauntlet.cli import main

sys.exit(main())
