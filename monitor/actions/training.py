"""What all actions that ask a pipeline for a new model are told, and tell it."""

import json
from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from checks.verdict import Family
from monitor.action import Delivery
from monitor.config.scalars import Allowance, Delay, Duration
from monitor.plugins import Options
from monitor.problems import mistake
from monitor.retraining import Budget, RetrainPolicy


class TrainingOptions(Options):
    """When an action may ask, in the words of `monitor.retraining.RetrainPolicy`."""

    on: frozenset[Family] = Field(
        default=frozenset({Family.DRIFT, Family.PERFORMANCE}), min_length=1
    )
    """The families of incidents that speak for a new model."""
    after: Delay = timedelta(0)
    """How long what speaks for it must have stood."""
    min_labels: int = Field(default=0, ge=0)
    """Rows that must have been labelled since the last retraining."""
    cooldown: Delay = timedelta(days=7)
    """How long after a retraining none is asked for."""
    budget: Allowance | None = None
    """How many retrainings there may be, such as `2 per 30d`."""
    concurrency: int | None = Field(default=None, ge=1)
    """Retrainings of all models that may be under way here at once."""
    patience: Duration = timedelta(days=7)
    """How long a retraining without news counts as running."""
    approval: bool = False
    """Whether a person has to say yes: driftd retrainings --approve."""
    dry_run: bool = False
    """Whether nothing is asked for, and what would have been is told."""
    breaker: int = Field(default=3, ge=1)
    """Useless retrainings in a row after which none is asked for until a person says
    so."""
    relapse: Duration = timedelta(days=30)
    """How soon after a retraining trouble is back when that was of no use."""

    @model_validator(mode="after")
    def _one_brake(self) -> Self:
        if self.approval and self.dry_run:
            text = "what is not asked for needs no approval"
            raise mistake(text, "take approval or dry_run out.")
        return self

    @property
    def policy(self) -> RetrainPolicy:
        """When it may ask."""
        budget = self.budget
        return RetrainPolicy(
            on=self.on,
            after=self.after,
            min_labels=self.min_labels,
            cooldown=self.cooldown,
            budget=Budget(count=budget.count, per=budget.per) if budget else None,
            concurrency=self.concurrency,
            patience=self.patience,
            approval=self.approval,
            dry_run=self.dry_run,
            breaker=self.breaker,
            relapse=self.relapse,
        )


def variables(delivery: Delivery) -> dict[str, str]:
    """Return a retraining as plain variables, for targets that take no JSON.

    DRIFTD_PAYLOAD is all of it, in JSON.
    """
    body = delivery.body
    window = body.get("window") or {}
    plain = {
        "DRIFTD_ID": delivery.id,
        "DRIFTD_MODEL": delivery.model,
        "DRIFTD_MODEL_VERSION": body.get("model_version"),
        "DRIFTD_MONITOR": delivery.monitor,
        "DRIFTD_REASON": body.get("reason"),
        "DRIFTD_REFERENCE_ID": body.get("reference_id"),
        "DRIFTD_WINDOW_START": window.get("start"),
        "DRIFTD_WINDOW_END": window.get("end"),
        "DRIFTD_PAYLOAD": payload(delivery),
    }
    return {name: str(value) for name, value in plain.items() if value is not None}


def payload(delivery: Delivery) -> str:
    """Return a retraining as JSON text: the same for the same retraining.

    A dollar stands as its escape: GitLab would put a variable of the project's, and
    maybe a secret, in the place of a name after one.
    """
    whole = {**delivery.body, "id": delivery.id}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return text.replace("$", "\\u0024")
