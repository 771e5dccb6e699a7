"""Uses heyoo, a client of Meta's Cloud API that others wrote, against a running simulator.

    python heyoo.py [--base-url http://127.0.0.1:8090] [--token T] [--phone-number-id N]

The environment has the same as BELLHOP_SIMULATOR_URL, BELLHOP_SIMULATOR_TOKEN and
BELLHOP_SIMULATOR_PHONE_NUMBER_ID. A token or number that is not given is asked of the simulator.
Every answer and what the simulator says it got are compared with what Meta documents. Ends with one
line and 0, or with what was different and 1.
"""

import argparse
import logging
import os
import sys
import tempfile
import time

# This file has the name of the library, and Python looks beside the script first.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != HERE]
# The simulator is on this machine: a proxy must not stand between.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"

# Refusals belong to the proof, and the library logs each.
logging.disable(logging.CRITICAL)

import requests  # noqa: E402
from heyoo import WhatsApp  # noqa: E402

PICTURE = "https://hotel.example/pool.jpg"
# Enough of each for what looks at the first bytes.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(64) + bytes.fromhex("ffd9")
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


class Different(Exception):
    """Something was not as Meta documents it."""


def same(what, got, expected):
    if got != expected:
        raise Different(f"{what}\n  expected {expected!r}\n  got      {got!r}")


class Simulator:
    """The control API: what the world outside does, and what the simulator got."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, **options):
        answer = requests.request(method, f"{self.url}/simulator/{path}", timeout=10, **options)
        if answer.status_code != 200:
            raise Different(f"{method} simulator/{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def guest(self, phone):
        return self.call("POST", "guests", json={"phone": f"+{phone}", "name": "Ann Lee"})

    def writes(self, phone, text):
        message = {"type": "text", "text": {"body": text}}
        return self.call("POST", f"guests/{phone}/messages", json=message)["id"]

    def chat(self, phone):
        return {message["id"]: message for message in self.call("GET", f"guests/{phone}/chat")["data"]}

    def template(self, name, body, examples):
        component = {"type": "BODY", "text": body, "example": {"body_text": [examples]}}
        self.call(
            "PUT",
            "templates",
            json={
                "name": name,
                "language": "en_US",
                "category": "UTILITY",
                "status": "APPROVED",
                "parameter_format": "POSITIONAL",
                "components": [component],
            },
        )


class Proof:
    """The client, a guest, and what the simulator's ledger must say in the end."""

    def __init__(self, simulator, token, phone_number_id):
        self.simulator = simulator
        self.client = WhatsApp(token, phone_number_id=phone_number_id)
        # The library has no option for it; its addresses are attributes.
        self.client.base_url = f"{simulator.url}/v14.0"
        self.client.v15_base_url = f"{simulator.url}/v15.0"
        self.client.url = f"{self.client.base_url}/{phone_number_id}/messages"
        # New at each run: a guest's own limit and window start afresh.
        self.guest = f"1555{time.time_ns() // 10_000_000 % 10_000_000:07}"
        self.expected = []

    def sent(self, answer, kind, content, **rest):
        """The answer of a send, and the payload that it must have been."""
        same(f"{kind}: messaging_product", answer.get("messaging_product"), "whatsapp")
        same(f"{kind}: contacts", answer.get("contacts"), [{"input": self.guest, "wa_id": self.guest}])
        same(f"{kind}: messages", len(answer.get("messages", [])), 1)
        wamid = answer["messages"][0]["id"]
        if not wamid.startswith("wamid."):
            raise Different(f"{kind}: {wamid!r} is no wamid")
        self.expected.append((wamid, kind, content, rest))
        return wamid

    def ledger(self):
        entries = self.simulator.call("GET", "messages", params={"to": self.guest})["data"]
        same("ledger: ids", [entry["id"] for entry in entries], [wamid for wamid, *_ in self.expected])
        for entry, (_, kind, content, rest) in zip(entries, self.expected):
            same(f"ledger: type of {kind}", entry["type"], kind)
            payload = entry["payload"]
            same(f"ledger: {kind}", payload[kind], content)
            same(f"ledger: recipient of {kind}", payload["to"], self.guest)
            for key, value in rest.items():
                same(f"ledger: {key} of {kind}", payload[key], value)


def before_the_guest_writes(proof):
    """A template reaches anybody; all else is refused until the guest has written."""
    refused = proof.client.send_message("Hello", proof.guest)
    same("closed window: code", refused.get("error", {}).get("code"), 131047)
    name = "heyoo_boat_trip"
    proof.simulator.template(name, "Dear {{1}}, the boat leaves at {{2}}.", ["Ann", "9 am"])
    values = [{"type": "text", "text": "Ann"}, {"type": "text", "text": "10 am"}]
    components = [{"type": "body", "parameters": values}]
    wamid = proof.sent(
        proof.client.send_template(name, proof.guest, components, lang="en_US"),
        "template",
        {"name": name, "language": {"code": "en_US"}, "components": components},
    )
    content = proof.simulator.chat(proof.guest)[wamid]["content"]
    same("template: what the guest reads", content["body"], "Dear Ann, the boat leaves at 10 am.")


def texts(proof, from_guest):
    client, guest = proof.client, proof.guest
    proof.sent(client.send_message("Good morning", guest), "text", {"preview_url": True, "body": "Good morning"})
    wamid = proof.sent(
        client.reply_to_message(from_guest, guest, "From 7 am", preview_url=False),
        "text",
        {"preview_url": False, "body": "From 7 am"},
        context={"message_id": from_guest},
    )
    same("reply: what it answers", proof.simulator.chat(guest)[wamid].get("context"), {"id": from_guest})
    proof.sent(
        client.send_reaction("\N{THUMBS UP SIGN}", from_guest, guest),
        "reaction",
        {"message_id": from_guest, "emoji": "\N{THUMBS UP SIGN}"},
    )
    same("read mark", client.mark_as_read(from_guest), {"success": True})
    same("read mark: what the guest sees", proof.simulator.chat(guest)[from_guest]["status"], "read")


def media_by_link(proof):
    client, guest = proof.client, proof.guest
    host = "https://hotel.example"
    proof.sent(
        client.send_image(PICTURE, guest, caption="The pool"), "image", {"link": PICTURE, "caption": "The pool"}
    )
    proof.sent(
        client.send_document(f"{host}/menu.pdf", guest, caption="Menu", filename="menu.pdf"),
        "document",
        {"link": f"{host}/menu.pdf", "caption": "Menu", "filename": "menu.pdf"},
    )
    proof.sent(client.send_audio(f"{host}/bell.mp3", guest), "audio", {"link": f"{host}/bell.mp3"})
    # The library writes null for what is not given.
    proof.sent(client.send_video(f"{host}/tour.mp4", guest), "video", {"link": f"{host}/tour.mp4", "caption": None})
    proof.sent(client.send_sticker(f"{host}/wave.webp", guest), "sticker", {"link": f"{host}/wave.webp"})


def uploaded(proof, folder, name, content):
    """Uploads a file and reads it back; its id."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    answer = proof.client.upload_media(path)
    if not (answer and answer.get("id")):
        raise Different(f"upload of {name}: no id in {answer!r}")
    kind = {"jpg": "image/jpeg", "pdf": "application/pdf"}[name.rsplit(".", 1)[1]]
    url = proof.client.query_media_url(answer["id"])
    if not (url and url.startswith(proof.simulator.url)):
        raise Different(f"media url of {name}: {url!r} is not on {proof.simulator.url}")
    saved = proof.client.download_media(url, kind, os.path.join(folder, "back"))
    with open(saved, "rb") as file:
        same(f"download of {name}", file.read(), content)
    return answer["id"]


def media_by_id(proof):
    client, guest = proof.client, proof.guest
    with tempfile.TemporaryDirectory() as folder:
        picture = uploaded(proof, folder, "key.jpg", JPEG)
        guide = uploaded(proof, folder, "guide.pdf", PDF)
    proof.sent(
        client.send_image(picture, guest, caption="Your key", link=False),
        "image",
        {"id": picture, "caption": "Your key"},
    )
    proof.sent(
        client.send_document(guide, guest, caption="Guide", link=False), "document", {"id": guide, "caption": "Guide"}
    )
    same("delete", client.delete_media(picture), {"success": True})
    same("deleted media", client.query_media_url(picture), None)
    refused = client.send_image(picture, guest, link=False)
    if "error" not in refused:
        raise Different(f"deleted media was sent: {refused!r}")


def places_and_people(proof):
    client, guest = proof.client, proof.guest
    # The library's own example has texts for numbers.
    proof.sent(
        client.send_location("-23.564", "-46.654", "Grand Plaza", "Rua Dois, 123", guest),
        "location",
        {"latitude": "-23.564", "longitude": "-46.654", "name": "Grand Plaza", "address": "Rua Dois, 123"},
    )
    contact = {
        "name": {"formatted_name": "Front Desk", "first_name": "Front", "last_name": "Desk"},
        "org": {"company": "Grand Plaza"},
        "phones": [{"phone": "+15550100001", "type": "WORK", "wa_id": "15550100001"}],
        "emails": [{"email": "desk@hotel.example", "type": "WORK"}],
        "addresses": [{"street": "Rua Dois, 123", "city": "Sao Paulo", "country_code": "br", "type": "WORK"}],
    }
    proof.sent(client.send_contacts([contact], guest), "contacts", [contact])


def interactive(proof):
    client, guest = proof.client, proof.guest
    replies = [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]
    buttons = {"type": "button", "body": {"text": "One more night?"}, "action": {"buttons": replies}}
    proof.sent(client.send_reply_button(buttons, guest), "interactive", buttons)
    rows = [{"id": "towels", "title": "Towels", "description": "Fresh ones"}]
    action = {"button": "Services", "sections": [{"title": "Room", "rows": rows}]}
    menu = {"header": "Menu", "body": "What may we bring?", "footer": "Day and night", "action": action}
    proof.sent(
        client.send_button(menu, guest),
        "interactive",
        {
            "type": "list",
            "action": action,
            "header": {"type": "text", "text": "Menu"},
            "body": {"text": "What may we bring?"},
            "footer": {"text": "Day and night"},
        },
    )


def arguments():
    environment = os.environ.get
    parser = argparse.ArgumentParser(description="heyoo against the simulator")
    parser.add_argument("--base-url", default=environment("BELLHOP_SIMULATOR_URL", "http://127.0.0.1:8090"))
    parser.add_argument("--token", default=environment("BELLHOP_SIMULATOR_TOKEN"))
    parser.add_argument("--phone-number-id", default=environment("BELLHOP_SIMULATOR_PHONE_NUMBER_ID"))
    return parser.parse_args()


def main():
    given = arguments()
    simulator = Simulator(given.base_url)
    account = simulator.call("GET", "account")
    proof = Proof(
        simulator,
        given.token or account["access_token"],
        given.phone_number_id or account["phone_number_id"],
    )
    simulator.guest(proof.guest)
    before_the_guest_writes(proof)
    from_guest = simulator.writes(proof.guest, "When is breakfast?")
    texts(proof, from_guest)
    media_by_link(proof)
    media_by_id(proof)
    places_and_people(proof)
    interactive(proof)
    proof.ledger()
    print(f"heyoo: {len(proof.expected)} messages, as Meta documents them")


if __name__ == "__main__":
    try:
        main()
    except (Different, requests.RequestException) as problem:
        sys.exit(f"heyoo: {problem}")
