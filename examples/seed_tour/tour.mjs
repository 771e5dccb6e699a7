// Runs every example of the integration guide against a running Bellhop, to the letter: only the host,
// the tokens and the ids (conv_abc123, msg_123456, doc_media_789) are this Bellhop's own.
//
//   node tour.mjs [path of standalone.json]
//
// Without a path, the one in BELLHOP_DATA_DIR, or data/standalone.json. Needs Node 18 or later.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const path = process.argv[2] ?? join(process.env.BELLHOP_DATA_DIR ?? 'data', 'standalone.json');
function stop(problem) {
  const why = problem.cause?.message ?? problem.message;
  console.error(`${why}\nStart Bellhop first (make run), or say where its standalone.json is.`);
  process.exit(1);
}

const found = await readFile(path, 'utf8').catch(stop);
const { api_url: apiUrl, staff_token: staffToken, admin_token: adminToken } = JSON.parse(found);

// ---- What stands between the guide's code and Bellhop

const calls = new Set();

/** The guide's addresses have no host. What was called is compared with the document in the end. */
async function fetch(address, options = {}) {
  const url = new URL(address, apiUrl);
  calls.add(`${options.method ?? 'GET'} ${url.pathname}`);
  return globalThis.fetch(url, options);
}

let passed = 0;
let failed = 0;

async function example(name, run) {
  try {
    const remark = await run();
    passed += 1;
    console.log(`ok      ${name}${remark ? `: ${remark}` : ''}`);
  } catch (problem) {
    failed += 1;
    console.log(`FAILED  ${name}: ${problem.message}`);
  }
}

function must(truth, what) {
  if (!truth) throw new Error(what);
}

/** The body of a successful answer. */
async function body(answer, ...statuses) {
  const text = await answer.clone().text();
  must(statuses.includes(answer.status), `${answer.status} instead of ${statuses.join(' or ')}: ${text.slice(0, 500)}`);
  return answer.json();
}

const IS = {
  id: (prefix) => [`an id ${prefix}_...`, (value) => typeof value === 'string' && value.startsWith(`${prefix}_`)],
  text: ['a text', (value) => typeof value === 'string' && value !== ''],
  list: ['a list', Array.isArray],
  object: ['an object', (value) => value !== null && typeof value === 'object' && !Array.isArray(value)],
  number: ['a number', Number.isFinite],
  truth: ['true or false', (value) => typeof value === 'boolean'],
  time: ['a time', (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value))],
  address: ['an http address', (value) => /^https?:\/\//.test(value)],
  orNull: ([what, is]) => [`${what} or null`, (value) => value === null || is(value)],
  one: (...words) => [words.join(', '), (value) => words.includes(value)],
};

/** What the guide reads of an answer must be there, `null` included: `undefined` is what breaks a page. */
function reads(answer, fields) {
  for (const [name, [what, is]] of Object.entries(fields)) {
    must(name in answer && is(answer[name]), `${name} is ${JSON.stringify(answer[name])}, not ${what}`);
  }
}

const ON_THE_WAY = ['queued', 'sending'];
const THERE = ['sent', 'delivered', 'read'];
const sent = [];

/** Of the answer to a send: its message's id. */
async function accepted(answer) {
  const message = await body(answer, 202);
  reads(message, { message_id: IS.id('msg'), status: IS.one(...ON_THE_WAY, ...THERE) });
  sent.push(message.message_id);
  return message.message_id;
}

// ---- Files: the smallest JPEG and PDF that any program opens

const jpeg = Uint8Array.from(
  atob(
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////' +
      '////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI' +
      'AQEAAD8AR//Z',
  ),
  (character) => character.charCodeAt(0),
);

function pdf() {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>',
  ];
  let text = '%PDF-1.4\n';
  const places = objects.map((object, at) => {
    const place = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(place).padStart(10, '0')} 00000 n \n`;
  });
  const start = text.length;
  text += `xref\n0 4\n0000000000 65535 f \n${places.join('')}`;
  text += `trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return new TextEncoder().encode(text);
}

// ---- The ids: of the demo's guest, who has written already

async function conversationOf(phone) {
  const answer = await globalThis.fetch(`${apiUrl}/conversations?guest_phone=${encodeURIComponent(phone)}`, {
    headers: { Authorization: `Bearer ${staffToken}` },
  });
  const { data } = await body(answer, 200);
  must(data.length === 1, `${phone} has ${data.length} conversations: is this a Bellhop with its demo?`);
  return data[0].conversation_id;
}

async function upload(blob, filename, mediaType) {
  const formData = new FormData();
  formData.append('media', blob, filename);
  formData.append('media_type', mediaType);
  return fetch('/api/v1/whatsapp/media/upload', {
    method: 'POST',
    headers: { Authorization: `Bearer ${staffToken}` },
    body: formData,
  });
}

const conv_abc123 = await conversationOf('+1234567890').catch(stop);
let msg_123456;

// ---- Basic text messaging

await example('Send simple text message', async () => {
  const textMessage = await fetch('/api/v1/whatsapp/messages/send', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      message_type: 'text',
      content: {
        text: 'Welcome to Grand Plaza Hotel! How can we assist you today?'
      },
      conversation_id: conv_abc123,
      staff_member_id: 'staff_456'
    })
  });
  msg_123456 = await accepted(textMessage);
});

// ---- Template messaging

await example('Send welcome template message', async () => {
  const welcomeTemplate = await fetch('/api/v1/whatsapp/templates/send', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      template_name: 'welcome_checkin',
      language: 'en',
      parameters: {
        guest_name: 'John Smith',
        hotel_name: 'Grand Plaza Hotel',
        room_number: '205',
        checkin_time: '3:00 PM',
        checkout_date: 'January 18, 2024'
      },
      conversation_metadata: {
        booking_reference: 'RB123456',
        guest_tier: 'gold_member'
      }
    })
  });
  await accepted(welcomeTemplate);
});

await example('Send service confirmation template', async () => {
  const serviceTemplate = await fetch('/api/v1/whatsapp/templates/send', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      template_name: 'service_confirmation',
      language: 'en',
      parameters: {
        service_type: 'Spa Massage',
        appointment_time: 'Tomorrow at 2:00 PM',
        location: 'Wellness Center - Room 3',
        estimated_duration: '90 minutes'
      }
    })
  });
  await accepted(serviceTemplate);
});

// ---- Rich media messaging

let media_id;
await example('Upload media file first', async () => {
  const fileBlob = new Blob([jpeg], { type: 'image/jpeg' });
  const formData = new FormData();
  formData.append('media', fileBlob, 'room_key_info.jpg');
  formData.append('media_type', 'image');
  const mediaUpload = await fetch('/api/v1/whatsapp/media/upload', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`
    },
    body: formData
  });
  const answer = await body(mediaUpload, 200, 201);
  reads(answer, { media_id: IS.id('media'), media_url: IS.address });
  media_id = answer.media_id;
});

await example('Send image with caption', async () => {
  must(media_id, 'the upload failed');
  const imageMessage = await fetch('/api/v1/whatsapp/messages/send-media', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      media_id: media_id,
      media_type: 'image',
      caption: 'Here is your digital room key information. Tap your phone on the door reader to access your room.',
      conversation_id: conv_abc123
    })
  });
  await accepted(imageMessage);
});

await example('Send document', async () => {
  // The guide has this one's upload behind it.
  const guide = await upload(new Blob([pdf()], { type: 'application/pdf' }), 'hotel_amenities_guide.pdf', 'document');
  const doc_media_789 = (await body(guide, 200, 201)).media_id;
  const documentMessage = await fetch('/api/v1/whatsapp/messages/send-media', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      media_id: doc_media_789,
      media_type: 'document',
      filename: 'hotel_amenities_guide.pdf',
      caption: 'Complete guide to all hotel amenities and services'
    })
  });
  await accepted(documentMessage);
});

// ---- Interactive messaging

await example('Send message with quick reply buttons', async () => {
  const interactiveMessage = await fetch('/api/v1/whatsapp/messages/send-interactive', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      interactive_type: 'buttons',
      content: {
        text: 'How would you like to extend your stay?',
        buttons: [
          {
            id: 'extend_1_night',
            title: '1 More Night'
          },
          {
            id: 'extend_2_nights',
            title: '2 More Nights'
          },
          {
            id: 'call_front_desk',
            title: 'Call Front Desk'
          }
        ]
      }
    })
  });
  await accepted(interactiveMessage);
});

await example('Send list message for service options', async () => {
  const listMessage = await fetch('/api/v1/whatsapp/messages/send-interactive', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567890',
      interactive_type: 'list',
      content: {
        text: 'What service would you like to request?',
        button_text: 'View Services',
        sections: [
          {
            title: 'Room Services',
            rows: [
              { id: 'housekeeping', title: 'Housekeeping', description: 'Extra towels, cleaning' },
              { id: 'room_service', title: 'Room Service', description: 'Food and beverage delivery' },
              { id: 'maintenance', title: 'Maintenance', description: 'Technical issues' }
            ]
          },
          {
            title: 'Guest Services',
            rows: [
              { id: 'concierge', title: 'Concierge', description: 'Local recommendations, bookings' },
              { id: 'transportation', title: 'Transportation', description: 'Taxi, shuttle service' }
            ]
          }
        ]
      }
    })
  });
  await accepted(listMessage);
});

// ---- Conversation management

await example('Get conversation history', async () => {
  const conversation = await fetch(`/api/v1/whatsapp/conversations/${conv_abc123}`, {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const conversationData = await body(conversation, 200);
  // Returns: messages, participants, status, metadata
  reads(conversationData, { messages: IS.list, participants: IS.list, status: IS.one('active'), metadata: IS.object });
  const isThere = conversationData.messages.some((message) => message.message_id === msg_123456);
  must(isThere, 'the text sent before is missing');
  reads(conversationData.metadata, { booking_reference: IS.one('RB123456'), guest_tier: IS.one('gold_member') });
});

await example('Get all conversations for a guest', async () => {
  const guestConversations = await fetch('/api/v1/whatsapp/conversations?guest_phone=%2B1234567890&status=active', {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const { data } = await body(guestConversations, 200);
  must(data.some((conversation) => conversation.conversation_id === conv_abc123), `${conv_abc123} is not in the list`);
});

await example('Mark conversation as resolved', async () => {
  const resolveConversation = await fetch(`/api/v1/whatsapp/conversations/${conv_abc123}/resolve`, {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      resolution_notes: 'Guest room service request completed successfully',
      satisfaction_rating: 5,
      follow_up_required: false
    })
  });
  reads(await body(resolveConversation, 200), { conversation_id: IS.one(conv_abc123), status: IS.one('resolved') });
});

// ---- Message status tracking

await example('Get message status', async () => {
  const messageStatus = async () => fetch(`/api/v1/whatsapp/messages/${msg_123456}/status`, {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const orNull = IS.orNull(IS.time);
  let answer;
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 200))) {
    answer = await body(await messageStatus(), 200);
    reads(answer, { status: IS.text, sent_at: orNull, delivered_at: orNull, read_at: orNull });
    reads(answer, { failure_reason: IS.orNull(IS.object) });
    if (!ON_THE_WAY.includes(answer.status)) break;
  }
  // sent, delivered, read, failed: the last would be a defect here.
  reads(answer, { status: IS.one(...THERE), sent_at: IS.time });
  return answer.status;
});

await example('Get delivery analytics for a conversation', async () => {
  const deliveryAnalytics = await fetch(`/api/v1/whatsapp/conversations/${conv_abc123}/analytics`, {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const analytics = await body(deliveryAnalytics, 200);
  // Returns: delivery rates, response times, satisfaction scores
  reads(analytics, { delivery_rates: IS.object, response_times: IS.object, satisfaction_scores: IS.object });
  must(analytics.delivery_rates.sent >= 1, 'nothing was sent');
});

// ---- Template management

await example('Get available templates', async () => {
  const templates = await fetch('/api/v1/whatsapp/templates?language=en&category=guest_services', {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const templateList = await body(templates, 200);
  reads(templateList, { data: IS.list });
  must(templateList.data.length > 0, 'no template is in this language and category');
  return `${templateList.data.length}`;
});

await example('Get template details', async () => {
  const templateDetails = await fetch('/api/v1/whatsapp/templates/welcome_checkin', {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  reads(await body(templateDetails, 200), {
    name: IS.one('welcome_checkin'),
    category: IS.text,
    language: IS.text,
    status: IS.one('APPROVED'),
    components: IS.list,
    parameters: IS.list,
    example: IS.object,
  });
});

await example('Submit new template for approval', async () => {
  const newTemplate = await fetch('/api/v1/whatsapp/templates', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${adminToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      name: 'late_checkout_confirmation',
      category: 'UTILITY',
      language: 'en',
      components: [
        {
          type: 'HEADER',
          format: 'TEXT',
          text: 'Late Checkout Confirmed'
        },
        {
          type: 'BODY',
          text: 'Hi {{1}}, your late checkout until {{2}} has been confirmed for room {{3}}. Additional charges: {{4}}.'
        },
        {
          type: 'FOOTER',
          text: 'Thank you for staying with us!'
        }
      ]
    })
  });
  // A name can be submitted once: from the second tour on, this is the right answer.
  if (newTemplate.status === 409) {
    const { error } = await newTemplate.json();
    reads(error, { code: IS.one('TEMPLATE_EXISTS') });
    return 'was submitted by an earlier tour';
  }
  reads(await body(newTemplate, 201), { name: IS.one('late_checkout_confirmation'), status: IS.text });
});

// ---- Message window management

await example('Check if guest is within messaging window', async () => {
  const windowStatus = await fetch(`/api/v1/whatsapp/conversations/${conv_abc123}/window-status`, {
    headers: {
      'Authorization': `Bearer ${staffToken}`
    }
  });
  const answer = await body(windowStatus, 200);
  reads(answer, { within_window: IS.truth, window_expires_at: IS.time, hours_remaining: IS.number });
  must(answer.within_window && answer.hours_remaining > 0, 'the guest has written, but the window is closed');
});

// ---- Rate limiting and optimization

await example('Batch send messages with rate limiting', async () => {
  const messages = [
    { phone: '+1234567890', content: 'Message 1' },
    { phone: '+1234567891', content: 'Message 2' },
    // ... more messages
  ];
  const batchSend = await fetch('/api/v1/whatsapp/messages/batch-send', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      messages: messages,
      rate_limit: {
        messages_per_second: 10,
        batch_size: 100
      },
      delivery_options: {
        retry_failed: true,
        track_delivery: true
      }
    })
  });
  const answer = await body(batchSend, 202);
  reads(answer, { batch_id: IS.id('batch'), estimated_completion: IS.time });
  // The second guest has never written, and a text to such a guest is refused, line by line.
  return `${answer.accepted} accepted, ${answer.rejected} refused`;
});

// ---- What the guide takes for granted

await example('Each message has reached WhatsApp', async () => {
  for (const id of sent) {
    let status;
    for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 200))) {
      const headers = { Authorization: `Bearer ${staffToken}` };
      ({ status } = await body(await globalThis.fetch(`${apiUrl}/messages/${id}/status`, { headers }), 200));
      if (!ON_THE_WAY.includes(status)) break;
    }
    must(THERE.includes(status), `${id} is ${status}`);
  }
  return `${sent.length}`;
});

// ---- Error response handling

await example('Error response', async () => {
  const answer = await fetch('/api/v1/whatsapp/messages/send', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${staffToken}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      guest_phone: '+1234567891',
      message_type: 'text',
      content: {
        text: 'Welcome to Grand Plaza Hotel! How can we assist you today?'
      }
    })
  });
  const { error } = await body(answer, 403);
  reads(error, { code: IS.one('MESSAGE_WINDOW_EXPIRED'), message: IS.text });
  reads(error, { details: IS.object, recovery_options: IS.list });
  reads(error.details, { guest_phone: IS.one('+1234567891'), suggested_templates: IS.list });
  reads(error.details, { last_guest_message: IS.orNull(IS.time), window_expires: IS.orNull(IS.time) });
});

// ---- The document

await example('The document has each of these calls', async () => {
  const document = await (await globalThis.fetch(new URL('/openapi.json', apiUrl))).json();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => new RegExp(`^${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '[^/]+')}$`)),
  );
  const missing = [...calls].filter((call) => !operations.some((operation) => operation.test(call)));
  must(missing.length === 0, `not in it: ${missing.join(', ')}`);
  return `${calls.size}`;
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
