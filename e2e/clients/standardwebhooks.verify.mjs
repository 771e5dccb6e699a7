// Verifies deliveries with the published library of Standard Webhooks; says accepted or refused of each file.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const modules = createRequire(join(process.env.BELLHOP_NODE, 'package.json'));
const { Webhook, WebhookVerificationError } = modules('standardwebhooks');

for (const path of process.argv.slice(2)) {
  const delivery = JSON.parse(readFileSync(path, 'utf8'));
  try {
    new Webhook(delivery.secret).verify(delivery.body, delivery.headers);
    console.log('accepted');
  } catch (error) {
    // With one bit flipped the body may be no JSON any more; that would be another error.
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log('refused');
  }
}
