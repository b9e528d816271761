"""What a config may say of series, and how every mistake in it is told."""

import re
from pathlib import Path

import pytest

from monitor.actions.base import ACTIONS
from monitor.config import verify
from monitor.sources.base import SOURCES
from tests.monitor.test_config import changed, loaded, mistakes

SEQUENCE = "        actions: [team]\n"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "{of: {check: wasserstien}}",
            "of.check: there is no check 'wasserstien'. Fix: did you mean `wass",
        ),
        (
            "{of: psi}",
            "of.check: the monitor does not make the check 'psi'. Fix: add `psi: true`",
        ),
        (
            "{of: {check: missing, column: agee}}",
            "of.column: there is no column 'agee'. Fix: did you mean `age`?",
        ),
        (
            "{of: {check: volume, column: age}}",
            "of.column: the check 'volume' is made on no column. Fix: take it out.",
        ),
        (
            "{of: missing, detector: cusun}",
            "detector: there is no detector 'cusun'. Fix: did you mean `cusum`?",
        ),
        (
            "{of: missing, detector: ddm}",
            "detector: ddm takes single outcomes, right or wrong, and a",
        ),
        (
            "{of: missing, convention: river}",
            "convention: river has no cusum. Fix: choose one of adwin, kswin,",
        ),
        (
            "{of: missing, options: {slak: 1}}",
            "options.slak: detector 'cusum' has no option 'slak'. Fix: did you mean",
        ),
        (
            "{of: missing, options: {slack: -1}}",
            "options: 'slack' is -1, below 0",
        ),
        (
            "{of: missing, options: {slack: big}}",
            "options: not every option is of the kind that cusum takes. Fix: such as ",
        ),
        (
            "{of: missing}, {of: missing, threshold: 1}",
            "of: it is the same as sequence[0]. Fix: take one out.",
        ),
        (
            "{of: missing}, {of: {check: missing, column: age}}",
            "of: it is the same as sequence[0]. Fix: take one out.",
        ),
        ("{detector: cusum}", "of: this key is required. Fix: add `of:`."),
    ],
)
def test_a_mistake_in_a_series_is_told_with_what_there_is(
    tmp_path: Path, written: str, told: str
) -> None:
    text = changed((SEQUENCE, f"{SEQUENCE}        sequence: [{written}]\n"))
    (line,) = mistakes(tmp_path, text)
    found = re.sub(r" \(line \d+\)", "", line)
    where = 1 if "same as" in told else 0
    assert f"models.churn.monitors.daily.sequence[{where}].{told}" in found


def test_a_series_may_be_written_in_a_word(tmp_path: Path) -> None:
    text = changed(
        (SEQUENCE, f"{SEQUENCE}        sequence: [roc_auc, {{of: missing}}]\n")
    )
    config = loaded(tmp_path, text)
    verify(config, sources=SOURCES, actions=ACTIONS)
    first, second = config.models["churn"].monitors["daily"].sequence
    assert ("roc_auc", "cusum", "budget") == (
        first.of.check,
        first.detector,
        first.convention,
    )
    assert ("missing", None, None) == (second.of.check, second.of.column, None)
