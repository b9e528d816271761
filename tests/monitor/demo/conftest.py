"""The flights, loaded once: every test here reads them and none changes them."""

import pandas as pd
import pytest

from monitor.demo import flights


@pytest.fixture(scope="session")
def year() -> pd.DataFrame:
    return flights.load()


@pytest.fixture(scope="session")
def thin(year: pd.DataFrame) -> pd.DataFrame:
    """Keep every eighth flight: enough for a model, and fast."""
    return year.iloc[::8].reset_index(drop=True)
