"""What every section of a config is."""

from pydantic import BaseModel, ConfigDict


class Node(BaseModel):
    """A section whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
