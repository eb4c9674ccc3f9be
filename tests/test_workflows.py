"""What the public host runs: actions pinned by commit, few permissions, and commands that there are."""

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications.commands import COMMANDS
from tests.tiny import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return YAML(typ="safe").load(path)


def steps(path: Path) -> list[dict]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@workflows
def test_actions_are_pinned_by_commit_and_say_their_version(path):
    text = path.read_text(encoding="utf-8")
    used = [line for line in text.splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    names = {re.search(r"uses: (\S+)@", line)[1] for line in used}
    pins = {re.search(r"uses: (\S+)", line)[1] for line in used}
    assert len(names) == len(pins), "one version of each action"


@workflows
def test_a_workflow_may_read_and_no_more_unless_a_job_says_so(path):
    content = read(path)
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 180
        assert set(job.get("permissions", {})) <= {"contents", "issues", "pages", "id-token"}
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@workflows
def test_its_commands_are_those_of_the_suite(path):
    for step in steps(path):
        for line in step.get("run", "").splitlines():
            assert "${{" not in line, "nothing of an event stands in a shell's text"
            words = shlex.split(line.replace("||", " ").replace("&&", " "))
            if "replications" in words:
                assert words[words.index("replications") + 1] in COMMANDS, line


def test_the_alarm_has_a_set_to_train():
    runs = "".join(step.get("run", "") for step in steps(ROOT / ".github/workflows/alarm.yml"))
    sets = YAML(typ="safe").load(ROOT / "recheck.yaml")
    assert re.search(r"replications recheck --set (\w+)", runs)[1] in sets["sets"]
