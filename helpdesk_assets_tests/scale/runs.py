"""The runs of a deployment, launched and looked up by the GraphQL API of its web server."""

import time
from collections import Counter, defaultdict
from typing import Any

from helpdesk_assets_tests.support.webserver import Webserver

LAUNCH = """
mutation ($job: String!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "helpdesk_assets", repositoryName: "__repository__", jobName: $job
    }
    runConfigData: "{}"
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ALL = """{
  runsOrError { ... on Runs { results { runId status parentRunId startTime endTime } } }
}"""
LOGS = """
query ($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events {
        ... on MessageEvent { message stepKey }
        ... on RunFailureEvent { error { message } }
        ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } }
      }
    }
  }
}
"""
BACKFILL = """
mutation ($job: String!, $partitions: [String!]!) {
  launchPartitionBackfill(backfillParams: {
    selector: {
      partitionSetName: $job
      repositorySelector: {
        repositoryLocationName: "helpdesk_assets", repositoryName: "__repository__"
      }
    }
    partitionNames: $partitions
  }) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


class Runs(Webserver):
    """The runs of a deployment."""

    def launch(self, job: str) -> str:
        """Launch a job, and return the id of the run."""
        launched = self.ask(LAUNCH, job=job)["launchRun"]
        return str(launched["run"]["runId"])

    def ended(self, run_id: str, seconds: float) -> str:
        """Wait until a run has ended, and return its status."""
        deadline = time.monotonic() + seconds
        while (status := self.status(run_id)) not in ENDED:
            assert time.monotonic() < deadline, (status, self.messages(run_id))
            time.sleep(0.5)
        return status

    def status(self, run_id: str) -> str:
        return str(self.ask(STATUS, id=run_id)["runOrError"]["status"])

    def retry_of(self, run_id: str, seconds: float) -> str:
        """Wait until the daemon retries a run, and return the id of that run."""
        deadline = time.monotonic() + seconds
        while True:
            runs = self._all()
            for run in runs:
                if run["parentRunId"] == run_id:
                    return str(run["runId"])
            assert time.monotonic() < deadline, runs
            time.sleep(0.5)

    def backfill(self, job: str, partitions: list[str]) -> None:
        """Let the daemon load partitions of a job."""
        names = {"job": f"{job}_partition_set", "partitions": partitions}
        launched = self.ask(BACKFILL, **names)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def by_status(self) -> Counter[str]:
        """Return the number of runs by their status."""
        return Counter(run["status"] for run in self._all())

    def most_at_once(self) -> int:
        """Return how many runs there were at a time, at most."""
        times = [(float(run["startTime"]), float(run["endTime"])) for run in self._all()]
        return max(sum(start <= moment < end for start, end in times) for moment, _ in times)

    def messages(self, run_id: str) -> str:
        """Return the messages of a run."""
        return "\n".join(f"{e.get('stepKey')} {e.get('message')}" for e in self._events(run_id))

    def errors(self, run_id: str) -> str:
        """Return the errors of a run."""
        return "\n".join(
            event["error"]["message"] for event in self._events(run_id) if event.get("error")
        )

    def failures(self) -> dict[str, str]:
        """Return the messages and errors of the runs that failed, by their id."""
        failed = [run["runId"] for run in self._all() if run["status"] == "FAILURE"]
        return {run_id: f"{self.messages(run_id)}\n{self.errors(run_id)}" for run_id in failed}

    def steps_by_worker(self, run_id: str) -> dict[str, set[str]]:
        """Return the steps of a run that each Celery worker has executed."""
        found = defaultdict(set)
        for event in self._events(run_id):
            for entry in event.get("metadataEntries") or []:
                if entry["label"] == "Celery worker":
                    found[entry["text"].partition("@")[0]].add(event["stepKey"])
        return dict(found)

    def _all(self) -> list[dict[str, Any]]:
        return list(self.ask(ALL)["runsOrError"]["results"])

    def _events(self, run_id: str) -> list[dict[str, Any]]:
        return list(self.ask(LOGS, id=run_id)["logsForRun"]["events"])
