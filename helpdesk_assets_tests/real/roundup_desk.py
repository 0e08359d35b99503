"""A real help desk, Roundup, as a separate program: `roundup_desk.py FOLDER COMMAND`.

It runs in an environment with Roundup and without this project. Commands: `create N`, `change N`
and `retire N` issues; `issues` and `messages` print all of them as JSON; `serve` serves until it is
killed, and first prints its base URL.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from roundup import instance
from roundup.admin import AdminTool
from roundup.configuration import CoreConfig
from roundup.password import Password

FOLDER, COMMAND, *REST = sys.argv[1:]
HOME = Path(FOLDER) / "tracker"
USER, KEY = "reader", os.environ["API_KEY"]


def set_up() -> None:
    """Install Roundup's classic tracker, with a user whose time zone is eleven hours behind."""
    tool = AdminTool()
    tool.tracker_home = str(HOME)
    # Its output is hidden, because the first line that the test reads must be the base URL.
    with redirect_stdout(StringIO()):
        tool.do_install(str(HOME), ["install", "classic", "sqlite"])
    config = CoreConfig(str(HOME))
    config["TRACKER_WEB"] = "http://127.0.0.1/"
    config["MAIL_DOMAIN"] = "planted.example"
    config["MAIL_HOST"] = "127.0.0.1"
    # Roundup writes mail to this file instead of sending it.
    config["MAIL_DEBUG"] = str(HOME / "mail.txt")
    # Passwords are hashed for every request, so few rounds save time.
    config["PASSWORD_PBKDF2_DEFAULT_ROUNDS"] = 1000
    config.save()
    tracker = instance.open(str(HOME))
    tracker.init(Password("of this folder alone", config=tracker.config))
    database = tracker.open("admin")
    database.user.create(
        username=USER,
        password=Password(KEY, config=tracker.config),
        address=f"{USER}@planted.example",
        roles="User",
        timezone="-11",
    )
    database.commit()
    database.close()


def opened() -> Any:
    """Return the database, opened as its administrator."""
    return instance.open(str(HOME)).open("admin")


def create(count: str) -> None:
    """Create issues, each with a message."""
    if not HOME.exists():
        set_up()
    database = opened()
    statuses, priorities = sorted(database.status.list()), sorted(database.priority.list())
    reader = database.user.lookup(USER)
    for number in range(int(count)):
        message = database.msg.create(author=reader, content=f"Es brennt, {number} 🔥")
        database.issue.create(
            title=f"Größe {number}: drucker druckt nicht 🔥",
            # Some issues have none.
            status=[*statuses, None][number % (len(statuses) + 1)],
            priority=priorities[number % len(priorities)],
            assignedto=reader if number % 2 else None,
            messages=[message],
        )
    database.commit()
    database.close()


def age() -> None:
    """Move all times thirty days into the past."""
    database = opened()
    for table in ("issue", "msg"):
        for column in ("creation", "activity"):
            database.sql(
                f"update _{table} set _{column} = strftime('%Y%m%d%H%M%S',"
                f" substr(_{column}, 1, 4) || '-' || substr(_{column}, 5, 2) || '-'"
                f" || substr(_{column}, 7, 2) || ' ' || substr(_{column}, 9, 2) || ':'"
                f" || substr(_{column}, 11, 2) || ':' || substr(_{column}, 13, 2), '-30 days')"
            )
    database.commit()
    database.close()


def change(count: str) -> None:
    """Rename issues and add messages."""
    database = opened()
    for number in sorted(database.issue.list(), key=int)[5 : 5 + int(count)]:
        message = database.msg.create(author="1", content="Wasser kommt.")
        issue = database.issue.getnode(number)
        database.issue.set(
            number, title=f"renamed {number}", status="3", messages=[*issue.messages, message]
        )
    database.commit()
    database.close()


def retire(count: str) -> None:
    """Delete issues in the middle of the list, which Roundup calls retiring."""
    database = opened()
    for number in sorted(database.issue.list(), key=int)[100 : 100 + int(count)]:
        database.issue.retire(number)
    database.commit()
    database.close()


def issues() -> None:
    """Print id, title, status, creation, activity and assignee of each issue."""
    database = opened()
    found = []
    for number in sorted(database.issue.list(), key=int):
        issue = database.issue.getnode(number)
        found.append(
            [
                int(number),
                issue.title,
                issue.status and database.status.get(issue.status, "name"),
                issue.creation.pretty("%Y-%m-%d %H:%M:%S"),
                issue.activity.pretty("%Y-%m-%d %H:%M:%S"),
                issue.assignedto and int(issue.assignedto),
            ]
        )
    sys.stdout.write(json.dumps(found) + "\n")


def messages() -> None:
    """Print id, author and content of each message, and the issue that it belongs to."""
    database = opened()
    of_issue = {
        message: int(number)
        for number in database.issue.list()
        for message in database.issue.get(number, "messages")
    }
    found = [
        [int(number), int(message.author), message.content, of_issue.get(number)]
        for number in sorted(database.msg.list(), key=int)
        for message in [database.msg.getnode(number)]
    ]
    sys.stdout.write(json.dumps(found) + "\n")


def serve() -> None:
    """Serve on a free port of 127.0.0.1."""
    from roundup.cgi.wsgi_handler import RequestDispatcher
    from waitress import create_server

    server = create_server(RequestDispatcher(str(HOME)), host="127.0.0.1", port=0, threads=4)
    sys.stdout.write(f"http://127.0.0.1:{server.effective_port}\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "create": create,
        "age": age,
        "change": change,
        "retire": retire,
        "issues": issues,
        "messages": messages,
        "serve": serve,
    }
    commands[COMMAND](*REST)
