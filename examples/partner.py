#!/usr/bin/env python3
"""A partner of a hotel: prints each guest's message once, also those that came while it was stopped.

Needs the published verifier of Standard Webhooks beside Python's own library: pip install standardwebhooks.
Bellhop must be allowed to deliver to this machine: BELLHOP_WEBHOOK_ALLOW_INSECURE=true make run.
What it knows (its webhook, its secret, what it has seen) stands in partner.json, in Bellhop's data folder.
"""

import argparse
import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

VERIFY_TOKEN = "partner-example"
# Ids that are remembered: a delivery comes at least once, and seldom twice.
REMEMBERED = 10_000


class Memory:
    """What outlives a stop."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.of = {"webhook_id": None, "secret": None, "sequence": 0, "seen": []}
        if path.exists():
            self.of = json.loads(path.read_text(encoding="utf-8"))
        self.ids = set(self.of["seen"])

    def save(self):
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(self.of, file)
        new.replace(self.path)

    def take(self, event):
        """Prints an event that is new, and remembers it before it is answered."""
        with self.lock:
            if event["id"] in self.ids:
                return
            print_message(event)
            self.ids.add(event["id"])
            self.of["seen"].append(event["id"])
            for forgotten in self.of["seen"][:-REMEMBERED]:
                self.ids.discard(forgotten)
            del self.of["seen"][:-REMEMBERED]
            self.of["sequence"] = max(self.of["sequence"], event.get("sequence", 0))
            self.save()


def print_message(event):
    if event["event"] == "inbound_message":
        data = event["data"]
        print(f"{event['created_at']} {data['guest_phone'] or data['guest_id']}: {data['message_content']}", flush=True)


def receiver(memory):
    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            """Bellhop asks whether this address wants the hotel's events."""
            asked = parse_qs(urlsplit(self.path).query)
            if asked.get("hub.verify_token") == [VERIFY_TOKEN]:
                self.answer(200, asked["hub.challenge"][0].encode())
            else:
                self.answer(403)

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if memory.of["secret"] is None:
                # A moment before the secret is known: Bellhop comes again.
                return self.answer(503)
            try:
                event = Webhook(memory.of["secret"]).verify(body, dict(self.headers))
            except WebhookVerificationError:
                return self.answer(401)
            memory.take(event)
            return self.answer(204)

        def answer(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Only guests' messages are printed."""

    return Receiver


class Bellhop:
    def __init__(self, handoff):
        self.base = handoff["api_url"]
        self.token = handoff["admin_token"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def subscribe(bellhop, memory, url):
    """Takes up the webhook of the last time, or makes one."""
    if memory.of["webhook_id"]:
        path = f"/webhooks/{memory.of['webhook_id']}"
        try:
            bellhop.ask("PATCH", path, {"webhook_url": url, "status": "active"})
            # What was missed comes again by itself, in time; asked for, it comes now.
            bellhop.ask("POST", f"{path}/replay", {"from_sequence": memory.of["sequence"] + 1})
            return
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
    made = bellhop.ask(
        "POST",
        "/webhooks/configure",
        {"webhook_url": url, "events": ["inbound_message"], "verify_token": VERIFY_TOKEN},
    )
    memory.of.update(webhook_id=made["id"], secret=made["signing_secret"])
    memory.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("BELLHOP_DATA_DIR") or "data", type=Path)
    parser.add_argument("--port", default=8099, type=int)
    given = parser.parse_args()
    handoff = json.loads((given.data / "standalone.json").read_text(encoding="utf-8"))
    memory = Memory(given.data / "partner.json")
    server = ThreadingHTTPServer(("127.0.0.1", given.port), receiver(memory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        subscribe(Bellhop(handoff), memory, f"http://127.0.0.1:{server.server_port}/")
    except urllib.error.HTTPError as error:
        problem = json.load(error)["error"]
        sys.exit(f"{problem['message']}\nWas Bellhop started with BELLHOP_WEBHOOK_ALLOW_INSECURE=true?")
    # Who looks after programs ends them with this, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("Waiting for guests' messages; Ctrl-C stops.", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        # What is printed is remembered too, and nothing more is begun.
        memory.lock.acquire()
        print("Stopped. What comes meanwhile is printed the next time.", file=sys.stderr)


if __name__ == "__main__":
    main()
