"""Makes a running Bellhop worth fuzzing, and writes the fuzzer's settings.

    python prepare.py API_URL TOKEN FOLDER

Random ids are unknown ids, and all that would be tested is 404. So there are messages and batches that
can still be paused, cancelled and answered, and the settings tell the fuzzer of them.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

GUEST = "+1234567890"

# What the API checks beyond the document (a cursor that it did not give, a guest in another conversation)
# is refused with 400 by right, so `positive_data_acceptance` would tell of nothing else;
# `object_level_authorization` needs a second hotel, which a test of the suite has.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
]


class Api:
    def __init__(self, url, token):
        self.url = url.rstrip("/")
        self.token = token

    def call(self, method, path, body=None):
        return self.send(method, path, None if body is None else json.dumps(body).encode(), "application/json")

    def upload(self, name, kind, content):
        parts = f'--x\r\nContent-Disposition: form-data; name="media_type"\r\n\r\n{kind}\r\n'
        parts += f'--x\r\nContent-Disposition: form-data; name="media"; filename="{name}"\r\n\r\n'
        form = parts.encode() + content + b"\r\n--x--\r\n"
        return self.send("POST", "media/upload", form, "multipart/form-data; boundary=x")["media_id"]

    def send(self, method, path, data, content_type):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        request = urllib.request.Request(f"{self.url}/{path}", data, headers, method=method)
        try:
            # No proxy: Bellhop is on this machine.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
        except OSError as error:
            sys.exit(f"{method} {path}: {error}")

    def ids(self, path, key):
        return [row[key] for row in self.call("GET", path)["data"]]


def make_work(api):
    """Scheduled messages and batches: they can be cancelled, paused and resumed for as long as this runs."""
    # Within the guest's 24-hour window, or a text is refused at once.
    later = (datetime.now(timezone.utc) + timedelta(hours=6)).isoformat()
    for number in range(12):
        text = {"guest_phone": GUEST, "message_type": "text", "content": {"text": f"Scheduled {number}"}}
        api.call("POST", "messages/send", text | {"send_at": later})
    for number in range(6):
        messages = [{"phone": GUEST, "content": f"Batch {number}"}, {"phone": "12", "content": "refused"}]
        api.call("POST", "messages/batch-send", {"name": f"Batch {number}", "messages": messages, "send_at": later})
    api.call("POST", "messages/send", {"guest_phone": GUEST, "message_type": "text", "content": {"text": "Now"}})


def dictionaries(api):
    words = ["Hello", "two\nlines", "\u05e9\u05dc\u05d5\u05dd", "\U0001f44d", "{{1}}", "=1+1", "a" * 1024, "a" * 4097]
    return {
        "phones": [GUEST, "+972541234567", "+15550007777"],
        "guests": api.ids("guests?phone=%2B1234567890", "guest_id"),
        "conversations": api.ids("conversations", "conversation_id"),
        "messages": api.ids("messages", "message_id"),
        "batches": api.ids("batches", "batch_id"),
        "media": [
            api.upload("pool.jpg", "image", bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")),
            api.upload("menu.txt", "document", b"Soup of the day"),
        ],
        "templates": ["welcome_checkin", "service_confirmation", "service_followup", "fuzz_gone"],
        # The others are to be there when a template is sent.
        "disposable_templates": ["fuzz_gone", "fuzz_other"],
        "languages": ["en", "en_US", "he"],
        "categories": ["UTILITY", "MARKETING"],
        "keys": [f"key-{number}" for number in range(300)],
        "preferences": ["wait=0", "wait=1", "respond-async"],
        "addresses": ["https://hotel.example/pool.jpg", "http://hotel.example", "ftp://hotel.example"],
        "words": words,
        "signatures": ["sha256=00", "sha1=00", ""],
    }


# Where a value of a dictionary stands instead of a random one, in so many cases of ten.
BINDINGS = {
    "path.conversation_id": ("conversations", 8),
    "path.message_id": ("messages", 8),
    "path.batch_id": ("batches", 8),
    "path.guest_id": ("guests", 8),
    "path.media_id": ("media", 8),
    "path.name": ("templates", 8),
    "query.phone": ("phones", 7),
    "query.guest_phone": ("phones", 7),
    "query.conversation_id": ("conversations", 7),
    "query.guest_id": ("guests", 7),
    "query.language": ("languages", 7),
    "header.Idempotency-Key": ("keys", 7),
    "header.Prefer": ("preferences", 7),
    "body.guest_phone": ("phones", 8),
    "body.guest_id": ("guests", 8),
    "body.conversation_id": ("conversations", 8),
    "body.message_id": ("messages", 8),
    "body.media_id": ("media", 8),
    "body.template_name": ("templates", 8),
    "body.language": ("languages", 8),
    "body.category": ("categories", 8),
    "body.link": ("addresses", 7),
    "header.X-Hub-Signature-256": ("signatures", 10),
    "body.content": ("words", 2),
    "body.content.text": ("words", 7),
    "body.caption": ("words", 5),
    "body.metadata.note": ("words", 5),
    "body.resolution_notes": ("words", 5),
    "body.parameters.guest_name": ("words", 5),
    "body.messages[*].content": ("words", 6),
    "body.messages[*].phone": ("phones", 8),
    "body.recipients[*].phone": ("phones", 8),
}


def settings(api):
    """The fuzzer's settings as TOML; JSON's strings, numbers and lists are TOML's too."""
    text = [f"[auth.openapi.bearer]\nbearer = {json.dumps(api.token)}\n", "[checks]\nenabled = false"]
    # 503 is in the document: it is how a service that is away, and a queue that is full, are told of.
    text += [f"{check}.enabled = true" for check in CHECKS]
    text.append('not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]')
    text.append("response_schema_conformance.validate-formats = true\n")
    for name, values in dictionaries(api).items():
        if values:
            text.append(f"[dictionaries.{name}]\nvalues = {json.dumps(values, ensure_ascii=False)}\n")
    text.append("[parameters]")
    for place, (name, tenths) in BINDINGS.items():
        text.append(f"{json.dumps(place)} = {{ dictionary = {json.dumps(name)}, probability = {tenths / 10} }}")
    text.append("\n[[operations]]\ninclude-operation-id = [\"delete_template\", \"change_template\"]")
    text.append('parameters = { "path.name" = { dictionary = "disposable_templates", probability = 1.0 } }')
    # A template that was made or removed in one language is rightly not there, or still there, in another.
    text.append("\n[[operations]]\ninclude-tag = \"Templates\"")
    text.append("checks = { use_after_free.enabled = false, ensure_resource_availability.enabled = false }")
    return "\n".join(text) + "\n"


def main():
    url, token, folder = sys.argv[1:]
    api = Api(url, token)
    make_work(api)
    path = os.path.join(folder, "schemathesis.toml")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(settings(api))
    print(path)


if __name__ == "__main__":
    main()
