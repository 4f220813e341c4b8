"""MLflow for plain Alembic: see `confirm.py`. Its 2019 tables come from `create_all`, as MLflow itself makes them."""

import mlflow.store.model_registry.dbmodels.models
import mlflow.store.tracking.dbmodels.models  # noqa: F401
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels import initial_models
from sqlalchemy import create_engine

_urls = []


def config(url):
    _urls.append(url)
    return _get_alembic_config(url)


def prepare():
    engine = create_engine(_urls[-1])
    initial_models.Base.metadata.create_all(engine)
    engine.dispose()
