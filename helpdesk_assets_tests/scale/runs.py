"""The runs of a deployment, launched and looked up by the GraphQL API of its web server."""

import time
from collections import defaultdict
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
ALL = "{ runsOrError { ... on Runs { results { runId parentRunId } } } }"
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
            runs = self.ask(ALL)["runsOrError"]["results"]
            for run in runs:
                if run["parentRunId"] == run_id:
                    return str(run["runId"])
            assert time.monotonic() < deadline, runs
            time.sleep(0.5)

    def messages(self, run_id: str) -> str:
        """Return the messages of a run."""
        return "\n".join(f"{e.get('stepKey')} {e.get('message')}" for e in self._events(run_id))

    def errors(self, run_id: str) -> str:
        """Return the errors of a run."""
        return "\n".join(
            event["error"]["message"] for event in self._events(run_id) if event.get("error")
        )

    def steps_by_worker(self, run_id: str) -> dict[str, set[str]]:
        """Return the steps of a run that each Celery worker has executed."""
        found = defaultdict(set)
        for event in self._events(run_id):
            for entry in event.get("metadataEntries") or []:
                if entry["label"] == "Celery worker":
                    found[entry["text"].partition("@")[0]].add(event["stepKey"])
        return dict(found)

    def _events(self, run_id: str) -> list[dict[str, Any]]:
        return list(self.ask(LOGS, id=run_id)["logsForRun"]["events"])
