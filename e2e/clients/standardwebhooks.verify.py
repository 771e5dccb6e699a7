"""Verifies deliveries with the published library of Standard Webhooks; says accepted or refused of each file."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        delivery = json.load(file)
    try:
        Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"], json_parse=False)
        print("accepted")
    except WebhookVerificationError:
        print("refused")
