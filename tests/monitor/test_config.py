"""Configs: what they may say, and how every mistake in one is told."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from checks.correction import Correction
from checks.registry import Task
from checks.schema import Kind, Role
from monitor.actions.base import ACTIONS
from monitor.config import (
    Budget,
    Config,
    json_schema,
    load,
    options_of,
    unscheduled,
    verify,
)
from monitor.config.document import parse
from monitor.errors import ConfigErrors, PluginError
from monitor.sources.base import SOURCES

SECRET = "whsec_" + "c2VjcmV0" * 5

BASE = """\
actions:
  team: {type: slack, webhook_url: "${SLACK}"}
models:
  churn:
    task: binary_classification
    columns:
      id: {role: id}
      t: {role: timestamp}
      age: {kind: numeric}
      p: {role: score}
      gone: {role: label, kind: boolean}
    reference: {type: parquet, path: "reference-{version}.parquet"}
    source: {type: parquet, path: "log/*.parquet"}
    labels: {source: {type: parquet, path: labels}, delay: 3d}
    monitors:
      daily:
        window: 1d
        actions: [team]
"""
ENV = {"SLACK": "https://hooks.slack.com/services/hush"}


def written(folder: Path, text: str) -> Path:
    path = folder / "driftd.yaml"
    path.write_text(text, "utf-8")
    return path


def loaded(folder: Path, text: str, env: Mapping[str, str] = ENV) -> Config:
    return load(written(folder, text), env)


def mistakes(folder: Path, text: str, env: Mapping[str, str] = ENV) -> list[str]:
    """Return what is wrong with a config, without the file's name."""
    path = written(folder, text)
    with pytest.raises(ConfigErrors) as caught:
        verify(load(path, env), sources=SOURCES, actions=ACTIONS)
    told = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in told)
    return [line.removeprefix(f"{path}: ") for line in told]


def changed(*changes: tuple[str, str]) -> str:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_config_is_read_with_its_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, BASE)
    verify(config, sources=SOURCES, actions=ACTIONS)
    model = config.models["churn"]
    daily = model.monitors["daily"]
    assert model.task is Task.BINARY_CLASSIFICATION
    assert model.version.value == "1"
    assert model.false_alarm_budget == Budget(count=1, per=timedelta(days=90))
    assert model.labels is not None
    assert model.labels.delay == timedelta(days=3)
    assert (daily.every, daily.delay) == (timedelta(days=1), timedelta(0))
    assert (daily.for_, daily.of, daily.keep_firing_for) == (1, None, 1)
    assert (daily.correction, daily.min_rows) == (Correction.HOLM, 200)
    assert daily.reference.training
    assert daily.checks.default
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8787)


def test_columns_become_the_schema_of_the_checks(tmp_path: Path) -> None:
    table = loaded(tmp_path, BASE).models["churn"].table
    assert table.names == ("id", "t", "age", "p", "gone")
    assert [c.kind for c in table] == [
        Kind.CATEGORICAL,
        Kind.DATETIME,
        Kind.NUMERIC,
        Kind.NUMERIC,
        Kind.BOOLEAN,
    ]
    assert table.first(Role.TIMESTAMP) == "t"


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed(
        ('"${SLACK}"', '"${SLAK}"'),
        ("age: {kind: numeric}", "age: {kind: number}"),
        ("window: 1d", "widow: 1d\n        every: 1x"),
    )
    told = mistakes(tmp_path, text)
    daily = "models.churn.monitors.daily"
    assert told[0] == (
        "actions.team.webhook_url: the environment variable SLAK is not set (line 2). "
        "Fix: set it, or write ${SLAK:-default}."
    )
    assert told[1] == (
        "models.churn.columns.age.kind: 'number' is not numeric, categorical, boolean "
        "or datetime (line 9)."
    )
    assert told[2].startswith(f"{daily}.window: this key is required")
    assert told[3].startswith(
        f"{daily}.widow: there is no key `widow` (line 17). Fix: did you mean `window`?"
    )
    assert told[4] == (
        f"{daily}.every: '1x' is not a duration (line 18). "
        "Fix: write for example 15m, 1h or 1d."
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("delay: 3d", "delay: soon", "labels.delay: 'soon' is not a duration"),
        ("window: 1d", "window: 0s", "daily.window: 0s is no stretch of time"),
        ("window: 1d", "window: 86400", "daily.window: 86400 is not a duration"),
        ("window: 1d", "window: 99999999999999d", "is not a duration"),
        ("actions: [team]", "actions: [tema]", "did you mean `team`?"),
        ("actions: [team]", "for: 0", "daily.for: 0 does not fit"),
        ("actions: [team]", "for: two", "daily.for: 'two' is not a whole number"),
        ("actions: [team]", "for: 3\n        of: 2", "daily.of: 3 failing windows"),
        ("actions: [team]", "reference: yesterday", "is no reference"),
        (
            "actions: [team]",
            "reference: {trailing: 7d, same_weekday: 4}",
            "exactly one reference",
        ),
        ("actions: [team]", "correction: none at all", "is not holm, benj"),
        ("actions: [team]", "checks: {pssi: true}", "did you mean `psi`?"),
        (
            "actions: [team]",
            "checks: {psi: {treshold: 0.2}}",
            "checks.psi.treshold: check 'psi' has no option 'treshold'",
        ),
        (
            "actions: [team]",
            "checks: {psi: {groups: 1}}",
            "checks.psi.groups: option 'groups' of 'psi' is 1, not at least 2",
        ),
        (
            "actions: [team]",
            "checks: {quantile_shift: {share: 2.0}}",
            "is 2.0, not above 0 and below 1",
        ),
        (
            "actions: [team]",
            "checks: {psi: {threshold: high}}",
            "checks.psi.threshold: 'high' is not a number",
        ),
        (
            "actions: [team]",
            "checks: {psi: {columns: [agee]}}",
            "checks.psi.columns[0]: there is no column 'agee'",
        ),
        ("role: id", "role: ids", "columns.id.role: 'ids' is not feature"),
        ("role: score", "role: timestamp", "'t' has the role timestamp already"),
        ("role: score", "kind: numeric", "churn.task: it needs a column with the role"),
        (
            "role: id",
            "role: ignored",
            "churn.labels: it needs a column with the role id",
        ),
        ("role: label, ", "", "churn.labels: it needs a column with the role label"),
        (
            "type: slack",
            "type: slak",
            "there is no action 'slak'; did you mean `slack`?",
        ),
        ("type: slack, ", "", "actions.team: there is no `type`"),
        ("{type: parquet, path: labels}", "labels", "source: this is not a section"),
        ("path: labels", "pth: labels", "did you mean `path`?"),
        ("churn:", "churn model:", "'churn model' cannot be a name"),
        ("task: binary_classification", "version: 1.10", "put it in quotes"),
        ("task: binary_classification", "version: {key: v}", "a version is a text, or"),
        (
            "task: binary_classification",
            "false_alarm_budget: 1 in 90d",
            "'1 in 90d' is not a budget",
        ),
        (
            "task: binary_classification",
            "false_alarm_budget: 0 per 90d",
            "is not a budget",
        ),
        ("task: binary_classification", "task: none", None),
        (
            "task: binary_classification",
            'evaluation: {schedule: "0 99 * * *"}',
            "evaluation.schedule: '0 99 * * *' is not a cron line",
        ),
        (
            "task: binary_classification",
            "evaluation: {}",
            "a model without a task cannot be evaluated",
        ),
        ("columns:", "columns: &c", None),
        ("      age: {kind: numeric}\n", "      age: 7\n", "7 is not a mapping"),
        (
            "      age: {kind: numeric}\n",
            "      age: {kind: numeric}\n      shap_age: {role: attribution}\n",
            "columns.shap_age.role: one attribution alone has no place in an order",
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {attribution_drift: {}}\n",
            "checks.attribution_drift: it needs a column with the role attribution",
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {attribution_drift: false}\n",
            None,
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {jensen_shannon: {threshold: 3}}\n",
            (
                "checks.jensen_shannon.threshold: nothing exceeds 3: jensen_shannon is "
                "at most 1 (line 18). Fix: write less, such as 0.1, the default; "
                "jensen_shannon: false leaves the check out."
            ),
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {wasserstein: {threshold: 3}}\n",
            None,
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {missing: {warn: 0.2}}\n",
            "checks.missing.warn: it warns from 0.2, and fails from 0.05 already",
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {missing: {warn: 2, threshold: .1}}\n",
            "checks.missing.warn: it warns from 2, and fails from 0.1 already",
        ),
        (
            "        window: 1d\n",
            "        window: 1d\n        checks: {default: {threshold: 0.3}}\n",
            "checks.default.threshold: the standard suite as a whole has no threshold",
        ),
        (
            "      age: {kind: numeric}\n",
            "      age: {kind: numeric}\n      age: {kind: boolean}\n",
            "columns.age: the key stands twice, again on line 10",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_fix(
    tmp_path: Path, old: str, new: str, told: str | None
) -> None:
    text = changed((old, new))
    if told is None:
        loaded(tmp_path, text)
    else:
        assert told in "\n".join(mistakes(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the config is empty"),
        ("# only a comment\n", "the config is empty"),
        ("just text", "is not a mapping"),
        ("- a\n- b\n", "a list is not a mapping"),
        ("models: {}\n", "models: a mapping does not fit"),
        ("models: [a\n", "this is not YAML: "),
        ("models:\n\t- a\n", "at line 2, column 1"),
        ("? [a]\n: b\n", "a key is a list or a mapping"),
        ("models: &m [*m]\n", "unfold to too much"),
        ("a: &a [1,1]\n<<: *a\n", "brings in no mapping"),
        ("[" * 2_000, "this is not YAML"),
    ],
)
def test_what_is_no_config_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert told in "\n".join(mistakes(tmp_path, text))


def test_aliases_of_aliases_do_not_eat_the_machine(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "unfold to too much" in "\n".join(mistakes(tmp_path, "\n".join(lines)))


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"no\.yaml: there is no such file"):
        load(tmp_path / "no.yaml", {})
    with pytest.raises(ConfigErrors, match="the file cannot be read"):
        load(tmp_path, {})
    (tmp_path / "latin.yaml").write_bytes(b"models: \xe9")
    with pytest.raises(ConfigErrors, match="not UTF-8"):
        load(tmp_path / "latin.yaml", {})


def test_yaml_is_that_of_today() -> None:
    text = (
        "{on: on, yes: no, 1e3: 1e-6, 2013-04-01: 2013-04-01, n: 0o7, 010: 010, ~: ~}"
    )
    assert parse(text, {}).tree == {
        "on": "on",
        "yes": "no",
        "1e3": 1e-6,
        "2013-04-01": "2013-04-01",
        "n": "0o7",
        "010": 10,
        "~": None,
    }


def test_anchors_and_merges_save_repetition() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 5}, *a]}\n"
    tree = parse(text, {}).tree
    assert tree["b"] == {"x": 1, "y": 3}
    assert tree["c"] == {"x": 5, "y": 2}


@pytest.mark.parametrize(
    ("text", "env", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-}", {}, ""),
        ("${A:-a:b}/${B}", {"B": "y"}, "a:b/y"),
        ("$${A}", {}, "${A}"),
        ("cost $5", {}, "cost $5"),
        ("${A}", {"A": "${B}"}, "${B}"),
    ],
)
def test_environment_variables_are_put_in_once(
    text: str, env: dict[str, str], value: str
) -> None:
    document = parse(json.dumps({"k": text}), env)
    assert document.tree == {"k": value}
    assert document.problems == ()


@pytest.mark.parametrize("text", ["${}", "${A", "${A B}", "a${"])
def test_a_dollar_that_names_nothing_is_told(text: str) -> None:
    problems = parse(json.dumps({"k": text}), {}).problems
    assert [p.path for p in problems] == [("k",)]
    assert "names nothing" in problems[0].message


@given(st.text(alphabet="abc${}:-\\\"' \n#é☃"))
def test_any_text_in_quotes_is_read_or_told(text: str) -> None:
    document = parse(json.dumps({"k": text}), {"a": "1"})
    assert document.problems or isinstance(document.tree["k"], str)


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc:#'- ", max_size=5),
    lambda t: (
        st.lists(t, max_size=3) | st.dictionaries(st.text("ab1- "), t, max_size=3)
    ),
    max_leaves=8,
)


@given(trees)
def test_what_yaml_writes_is_read_back(tree: Any) -> None:
    document = parse(yaml.safe_dump({"k": tree}), {})
    assert document.tree == {"k": tree}


@given(st.text(max_size=60))
def test_any_text_is_read_or_told_and_never_crashes(text: str) -> None:
    document = parse(text, {})
    assert document.problems or document.tree is not NotImplemented


def test_secrets_stand_in_no_repr_message_or_hash(tmp_path: Path) -> None:
    text = changed(("window: 1d", "window: ${W}")) + (
        "  # more\nstore: postgresql://u:${PW}@db/driftd\n"
    )
    env = {"SLACK": "https://canary-1", "PW": "canary-2", "W": "canary"}
    told = "\n".join(mistakes(tmp_path, text, env))
    assert "daily.window: '${W}' is not a duration" in told
    assert "canary" not in told
    config = loaded(tmp_path, text, {**env, "W": "1d"})
    assert "canary" not in repr(config)
    other = {"SLACK": "https://rotated", "PW": "rotated", "W": "1d"}
    assert loaded(tmp_path, text, other).hash == config.hash
    options = options_of(config.actions["team"], ACTIONS)
    assert "canary" not in repr(options) + str(options)


def test_the_hash_follows_what_is_said_and_not_how(tmp_path: Path) -> None:
    same = "# a comment\n" + BASE.replace("delay: 3d", 'delay: "3d"')
    longer = changed(("delay: 3d", "delay: 4d"))
    first = loaded(tmp_path, BASE).hash
    assert loaded(tmp_path, same).hash == first
    assert loaded(tmp_path, longer).hash != first
    by_env = changed(("delay: 3d", "delay: '${D}'"))
    hashes = {loaded(tmp_path, by_env, {**ENV, "D": d}).hash for d in ("3d", "4d")}
    assert hashes == {first, loaded(tmp_path, longer).hash}


def test_a_secret_in_the_file_is_refused(tmp_path: Path) -> None:
    told = mistakes(tmp_path, changed(('"${SLACK}"', "https://hooks/canary")))
    fix = "write ${NAME} for an environment variable, or webhook_url_file: PATH."
    place = "actions.team.webhook_url: a secret stands in the file (line 2)"
    assert told == [f"{place}. Fix: {fix}"]


def test_a_secret_is_read_from_a_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://canary\n")
    text = changed(('webhook_url: "${SLACK}"', "webhook_url_file: hook"))
    config = loaded(tmp_path, text)
    verify(config, sources=SOURCES, actions=ACTIONS)
    url = getattr(options_of(config.actions["team"], ACTIONS), "webhook_url")  # noqa: B009 - the options are the plugin's own
    assert url.get_secret_value() == "https://canary"
    assert "canary" not in repr(config)


def test_a_secrets_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    text = changed(('webhook_url: "${SLACK}"', "webhook_url_file: nowhere"))
    assert "webhook_url_file: the secret's file" in mistakes(tmp_path, text)[0]
    both = changed(('"${SLACK}"', '"${SLACK}", webhook_url_file: nowhere'))
    assert "are both set" in "\n".join(mistakes(tmp_path, both))
    with pytest.raises(PluginError, match="cannot be read"):
        options_of(loaded(tmp_path, text).actions["team"], ACTIONS)


def test_a_relative_store_lies_beside_the_config(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE).store == f"sqlite:///{tmp_path}/driftd.db"
    for url in ("sqlite:////var/d.db", "sqlite:///:memory:", "postgresql://h/d"):
        assert loaded(tmp_path, BASE + f"store: '{url}'\n").store == url


def test_a_versions_file_lies_beside_the_config(tmp_path: Path) -> None:
    text = changed(("task: bin", "version: {file: reg/current.json}\n    task: bin"))
    version = loaded(tmp_path, text).models["churn"].version
    assert (version.file, version.key) == (tmp_path / "reg/current.json", "version")


def test_checks_are_the_default_with_changes_or_only_those_named(
    tmp_path: Path,
) -> None:
    some = "{default: true, psi: {threshold: '${T:-1e-1}'}, volume: false, missing: }"
    text = changed(("actions: [team]", f"checks: {some}"))
    checks = loaded(tmp_path, text).models["churn"].monitors["daily"].checks
    assert checks.default
    assert {n: c.threshold for n, c in checks.chosen.items()} == {
        "psi": 0.1,
        "missing": None,
    }
    assert checks.off == {"volume"}
    only = changed(("actions: [team]", "checks: {psi: true}"))
    assert not loaded(tmp_path, only).models["churn"].monitors["daily"].checks.default


def test_references_of_monitors_are_read(tmp_path: Path) -> None:
    for written_as, trailing, weekday in (
        ("{trailing: 7d}", timedelta(days=7), None),
        ("{same_weekday: 4}", None, 4),
    ):
        text = changed(("actions: [team]", f"reference: {written_as}"))
        found = loaded(tmp_path, text).models["churn"].monitors["daily"].reference
        assert (found.trailing, found.same_weekday) == (trailing, weekday)


def test_no_monitor_takes_the_name_of_the_re_evaluations(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, changed(("  daily:", "  evaluation:")))
    assert "monitors.evaluation: " in told
    assert "Fix: choose another name" in told


def test_an_incident_that_would_end_before_it_passes_is_refused(
    tmp_path: Path,
) -> None:
    text = changed(("actions: [team]", "keep_firing_for: 0"))
    (told,) = mistakes(tmp_path, text)
    assert "daily.keep_firing_for: " in told


def test_a_model_without_times_is_valid_but_not_scheduled(tmp_path: Path) -> None:
    config = loaded(tmp_path, changed(("role: timestamp", "role: ignored")))
    verify(config, sources=SOURCES, actions=ACTIONS)
    assert [p.path for p in unscheduled(config)] == [("models", "churn", "columns")]
    assert list(unscheduled(loaded(tmp_path, BASE))) == []


def test_importing_the_config_is_light() -> None:
    heavy = ["pandas", "pyarrow", "sqlalchemy", "httpx", "slack_sdk", "fastapi"]
    code = (
        f"import sys, monitor.config; print([m for m in {heavy} if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"


def test_the_json_schema_knows_every_key_and_plugin() -> None:
    schema = json_schema(sources=SOURCES, actions=ACTIONS)
    assert schema["$schema"].startswith("https://json-schema.org/")
    kinds = schema["properties"]["actions"]["additionalProperties"]["anyOf"]
    types = {kind["properties"]["type"]["const"] for kind in kinds}
    assert types == set(ACTIONS.names())
    slack = next(k for k in kinds if k["properties"]["type"]["const"] == "slack")
    assert "token_file" in slack["properties"]
    monitor = schema["$defs"]["Monitor"]["properties"]
    assert {"window", "for", "checks", "reference"} <= monitor.keys()
    json.dumps(schema)
