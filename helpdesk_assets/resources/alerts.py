"""The resource for alerts on failed runs and checks: a webhook, Slack, both or neither."""

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import requests
from pydantic import Field
from tenacity import RetryError, Retrying, stop_after_attempt, wait_exponential

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.resources.secret import KeepsSecrets
from helpdesk_assets.settings import DEFAULT_DESK, Section, described

DEFAULT_UI_URL = "http://localhost:3000"
ATTEMPTS = 4
TIMEOUT = 10


@dataclass(frozen=True)
class Alert:
    """An alert, sent as JSON with these names.

    Attributes:
        title: what failed.
        sentence: the error message.
        job: the job that ran.
        run_id: the id of the run.
        run_url: the URL of the run in the Dagster UI.
    """

    title: str
    sentence: str
    job: str
    run_id: str
    run_url: str

    @property
    def text(self) -> str:
        """The alert as text."""
        return f"{self.title}\n{self.sentence}\n{self.run_url}"


class HelpDeskAlerts(KeepsSecrets):
    """The alert channels. No alerts are sent until a channel is configured."""

    desk: str = Field(
        default=DEFAULT_DESK, description="The name of the help desk that the settings belong to."
    )

    webhook_url: str | None = Field(
        default=None,
        description=(
            "The URL that alerts are posted to as JSON, with the fields title, sentence, job, "
            "run_id, run_url and text. Treated as a secret. "
            + described("alerts", "webhook_url", file="secrets")
        ),
        json_schema_extra={"dagster__is_secret": True},
    )
    slack_token: str | None = Field(
        default=None,
        description=(
            "The token of a Slack app that may post to the channel. Requires pip install "
            "'helpdesk_assets[slack]'. " + described("alerts", "slack_token", file="secrets")
        ),
        json_schema_extra={"dagster__is_secret": True},
    )
    slack_channel: str | None = Field(
        default=None,
        description=(
            "The Slack channel, such as #help-desk. " + described("alerts", "slack_channel")
        ),
    )
    ui_url: str | None = Field(
        default=None,
        description=(
            "The URL of the Dagster UI, for links to runs. "
            + described("alerts", "ui_url", default=DEFAULT_UI_URL)
        ),
    )

    @property
    def settings(self) -> Section:
        """The section of its settings."""
        return Section("alerts", self.desk)

    def run_url(self, run_id: str) -> str:
        """Return the URL of a run in the Dagster UI."""
        return f"{(self._config('ui_url') or DEFAULT_UI_URL).rstrip('/')}/runs/{run_id}"

    def send(self, alert: Alert) -> list[str]:
        """Send an alert to all configured channels, and return their names.

        Raises:
            dg.Failure: the alert could not be sent to a channel, even after retries. Raised after
                all channels were tried; the message does not contain the webhook URL.
        """
        errors = {"webhook": self._webhook(alert), "Slack": self._slack(alert)}
        failed = [f"{way} ({error})" for way, error in errors.items() if error]
        if failed:
            raise setting_failure(
                f"The alert could not be sent via {' and '.join(failed)}: check the settings under "
                f"alerts.{self.desk}. The alert: {alert.title}: {alert.sentence}"
            )
        return [way for way, error in errors.items() if error is not None]

    def _webhook(self, alert: Alert) -> str | None:
        url = self._secret("webhook_url")
        if not url:
            return None
        body = {**asdict(alert), "text": alert.text}
        try:
            for attempt in _attempts():
                with attempt:
                    _post(url, body)
        except RetryError as error:
            cause = error.last_attempt.exception()
            response = getattr(cause, "response", None)
            return f"HTTP {response.status_code}" if response is not None else type(cause).__name__
        return ""

    def _slack(self, alert: Alert) -> str | None:
        token, channel = self._secret("slack_token"), self._config("slack_channel")
        if not token or not channel:
            return None
        try:
            from dagster_slack import SlackResource
        except ImportError:
            return "dagster-slack is not installed: pip install 'helpdesk_assets[slack]'"
        client = SlackResource(token=token).get_client()
        try:
            for attempt in _attempts():
                with attempt:
                    # <, > and & have a meaning in Slack, such as to mention everyone.
                    text = html.escape(alert.text, quote=False)
                    client.chat_postMessage(channel=channel, text=text)
        except RetryError as error:
            return type(error.last_attempt.exception()).__name__
        return ""

    def _secret(self, name: str) -> str:
        value = getattr(self, name) or self.settings.secret(name)
        return str(value or "").strip()

    def _config(self, name: str) -> str:
        value = getattr(self, name) or self.settings.config(name, str)
        return str(value or "").strip()


def _post(url: str, body: Mapping[str, Any]) -> None:
    """Post to a URL, without following redirects.

    Raises:
        requests.RequestException: the request failed or was redirected.
    """
    # The empty auth keeps requests from looking for a password in a .netrc file.
    response = requests.post(
        url, json=body, timeout=TIMEOUT, allow_redirects=False, auth=lambda request: request
    )
    response.raise_for_status()
    if response.is_redirect:
        raise requests.HTTPError("The webhook redirects.", response=response)


def _attempts() -> Retrying:
    return Retrying(stop=stop_after_attempt(ATTEMPTS), wait=wait_exponential(max=10))
