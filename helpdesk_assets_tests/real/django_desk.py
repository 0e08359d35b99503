"""A real help desk, django-helpdesk, as a separate program: `django_desk.py FOLDER COMMAND`.

It runs in an environment with Django and without this project. Commands: `create N`, `change N` and
`delete N` tickets; `tickets` prints all of them as JSON; `serve` serves until it is killed, and
first prints its base URL.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

FOLDER, COMMAND, *REST = sys.argv[1:]
EMAIL = "customer@planted.example"
TOKEN = os.environ["API_KEY"]


def configure() -> None:
    """Set Django up with django-helpdesk and its REST API."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="of this folder alone",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(FOLDER) / "desk.sqlite3",
            }
        },
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.humanize",
            "django.contrib.messages",
            "django.contrib.sessions",
            "django.contrib.sites",
            "rest_framework",
            "rest_framework.authtoken",
            "helpdesk",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"]
        },
        SITE_ID=1,
        HELPDESK_ACTIVATE_API_ENDPOINT=True,
        HELPDESK_TEAMS_MODE_ENABLED=False,
    )
    django.setup()
    from django.urls import include, path

    # Django looks for routes in this module, on the first request.
    globals()["urlpatterns"] = [path("helpdesk/", include("helpdesk.urls"))]


def create(count: str) -> None:
    """Create tickets of one customer, whose token the API accepts."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone
    from helpdesk.models import Queue, Ticket
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    user, _ = get_user_model().objects.get_or_create(username="customer", email=EMAIL)
    Token.objects.get_or_create(user=user, key=TOKEN)
    queue, _ = Queue.objects.get_or_create(title="Support", slug="support")
    for number in range(int(count)):
        Ticket.objects.create(
            title=f"Größe {number}: drucker druckt nicht 🔥",
            queue=queue,
            submitter_email=EMAIL,
            status=number % 5 + 1,
            due_date=timezone.now() + timedelta(days=number) if number % 2 else None,
        )


def change(count: str) -> None:
    """Rename tickets and reopen them."""
    from helpdesk.models import Ticket

    for ticket in Ticket.objects.order_by("id")[5 : 5 + int(count)]:
        ticket.title = f"renamed {ticket.id}"
        ticket.status = Ticket.REOPENED_STATUS
        ticket.save()


def delete(count: str) -> None:
    """Delete tickets in the middle of the list."""
    from helpdesk.models import Ticket

    for ticket in Ticket.objects.order_by("id")[100 : 100 + int(count)]:
        ticket.delete()


def tickets() -> None:
    """Print id, title, name of the status and creation of each ticket."""
    from helpdesk.models import Ticket

    found = [
        [ticket.id, ticket.title, ticket.get_status, ticket.created.isoformat()]
        for ticket in Ticket.objects.order_by("id")
    ]
    sys.stdout.write(json.dumps(found, default=str) + "\n")


def serve() -> None:
    """Serve on a free port of 127.0.0.1."""
    from django.core.wsgi import get_wsgi_application
    from waitress import create_server

    server = create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=4)
    sys.stdout.write(f"http://127.0.0.1:{server.effective_port}\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    configure()
    commands: dict[str, Callable[..., None]] = {
        "create": create,
        "change": change,
        "delete": delete,
        "tickets": tickets,
        "serve": serve,
    }
    commands[COMMAND](*REST)
