"""Airflow: the DAG that driftd's `airflow` action triggers, for Airflow 2 and 3.

Put it into the folder of DAGs with driftd_payload.py, train.sh and retrain.py in a
folder `driftd` beside it. The run's conf is the retraining; its id is the run's, so
that asked for twice it runs once. How it goes driftd asks Airflow itself. The worker's
variable MODEL_OUT says where the model goes.
"""

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import dag, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.python import get_current_context

FILES = Path(__file__).parent / "driftd"


@dag(
    dag_id="retrain",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - Python 3.9 too
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,  # a paused DAG queues what it is asked for
    tags=["driftd"],
)
def retrain() -> None:
    """Train on what the run's conf names."""

    @task(execution_timeout=timedelta(hours=12))
    def train() -> None:
        """Hand the retraining on to train.sh, which fails the task if it fails."""
        asked = dict(get_current_context()["dag_run"].conf or {})
        environment = {**os.environ, "DRIFTD_PAYLOAD": json.dumps(asked)}
        subprocess.run(["bash", str(FILES / "train.sh")], env=environment, check=True)

    train()


retrain()
