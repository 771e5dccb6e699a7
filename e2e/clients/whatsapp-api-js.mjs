// Uses whatsapp-api-js, a client of Meta's Cloud API that others wrote, against a running simulator.
//
//   node whatsapp-api-js.mjs [base url] [token] [phone_number_id]
//
// The environment has the same as BELLHOP_SIMULATOR_URL, BELLHOP_SIMULATOR_TOKEN and
// BELLHOP_SIMULATOR_PHONE_NUMBER_ID. A token or number that is not given is asked of the simulator.
// The library is looked for beside this file, or in the folder BELLHOP_NODE. Where nobody takes the
// simulator's webhooks, the library takes them and checks their signatures. Ends with one line and 0,
// or with what was different and 1.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const VERSION = "v23.0";
const PICTURE = "https://hotel.example/pool.jpg";
// Enough of each for what looks at the first bytes.
const JPEG = Buffer.from("/9j/4AAQSkZJRgABAQAAAQABAAD/2Q==", "base64");
const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

// Modules are not looked for in NODE_PATH, so they are imported by path.
const home = process.env.BELLHOP_NODE
  ? pathToFileURL(join(process.env.BELLHOP_NODE, "x.js"))
  : import.meta.url;
const library = (name) => import(pathToFileURL(createRequire(home).resolve(name)).href);
const messages = await library("whatsapp-api-js/messages");
const { WhatsAppAPI } = await library("whatsapp-api-js/middleware/node-http");

/** The control API: what the world outside does, and what the simulator got. */
class Simulator {
  constructor(url) {
    this.url = url.replace(/\/+$/, "");
  }

  async call(method, path, body) {
    const answer = await fetch(`${this.url}/simulator/${path}`, {
      method,
      body: body && JSON.stringify(body),
    });
    assert.equal(answer.status, 200, `${method} simulator/${path}: ${await answer.clone().text()}`);
    return answer.json();
  }

  async writes(phone, text) {
    return (await this.call("POST", `guests/${phone}/messages`, { type: "text", text: { body: text } })).id;
  }

  async message(phone, id) {
    return (await this.call("GET", `guests/${phone}/chat`)).data.find((message) => message.id === id);
  }

  template(name, body, examples) {
    return this.call("PUT", "templates", {
      name,
      language: "en_US",
      category: "UTILITY",
      status: "APPROVED",
      parameter_format: "POSITIONAL",
      components: [{ type: "BODY", text: body, example: { body_text: [examples] } }],
    });
  }
}

/** The client, a guest, and what the simulator's ledger must say in the end. */
class Proof {
  constructor(simulator, account) {
    this.simulator = simulator;
    this.account = account;
    this.verifyToken = "only-for-this-run";
    this.client = new WhatsAppAPI({
      token: account.access_token,
      appSecret: account.app_secret,
      webhookVerifyToken: this.verifyToken,
      v: VERSION,
      // The host is fixed in the library; a media address is the simulator's own already.
      ponyfill: {
        fetch: (url, options) =>
          fetch(String(url).replace("https://graph.facebook.com", simulator.url), options),
      },
    });
    // New at each run: a guest's own limit and window start afresh.
    this.guest = `1556${String(Math.floor(Date.now() / 10) % 10_000_000).padStart(7, "0")}`;
    this.expected = [];
  }

  /** Sends; the answer and, in the end, the ledger must be as documented. */
  async send(message, content, context) {
    const kind = message._type;
    const answer = await this.client.sendMessage(this.account.phone_number_id, this.guest, message, context);
    assert.equal(answer.messaging_product, "whatsapp", `${kind}: ${JSON.stringify(answer)}`);
    assert.deepEqual(answer.contacts, [{ input: this.guest, wa_id: this.guest }], `${kind}: contacts`);
    assert.equal(answer.messages.length, 1, `${kind}: messages`);
    assert.match(answer.messages[0].id, /^wamid\../, `${kind}: wamid`);
    this.expected.push({ id: answer.messages[0].id, kind, content, context });
    return answer.messages[0].id;
  }

  async ledger() {
    const { data } = await this.simulator.call("GET", `messages?to=${this.guest}`);
    assert.deepEqual(
      data.map((entry) => entry.id),
      this.expected.map((one) => one.id),
      "ledger: ids",
    );
    this.expected.forEach(({ kind, content, context }, at) => {
      const { type, payload } = data[at];
      assert.equal(type, kind, "ledger: type");
      assert.equal(payload.to, this.guest, `ledger: recipient of ${kind}`);
      // Of contacts the library writes a text of JSON, which Meta reads as what is in it.
      const written = payload[kind];
      assert.deepEqual(
        typeof written === "string" ? JSON.parse(written) : written,
        content,
        `ledger: ${kind}`,
      );
      assert.deepEqual(payload.context, context && { message_id: context }, `ledger: context of ${kind}`);
    });
  }
}

/** A template reaches anybody; all else is refused until the guest has written. */
async function beforeTheGuestWrites(proof) {
  const { client, account, guest, simulator } = proof;
  const refused = await client.sendMessage(account.phone_number_id, guest, new messages.Text("Hello"));
  assert.equal(refused.error?.code, 131047, "closed window");
  const name = "js_boat_trip";
  await simulator.template(name, "Dear {{1}}, the boat leaves at {{2}}.", ["Ann", "9 am"]);
  const { BodyComponent, BodyParameter, Template } = messages;
  const values = new BodyComponent(new BodyParameter("Ann"), new BodyParameter("10 am"));
  const parameters = [
    { type: "text", text: "Ann" },
    { type: "text", text: "10 am" },
  ];
  const wamid = await proof.send(new Template(name, "en_US", values), {
    name,
    language: { policy: "deterministic", code: "en_US" },
    components: [{ type: "body", parameters }],
  });
  const { content } = await simulator.message(guest, wamid);
  assert.equal(content.body, "Dear Ann, the boat leaves at 10 am.", "template: what the guest reads");
}

async function texts(proof, fromGuest) {
  const { Reaction, Text } = messages;
  await proof.send(new Text("Good morning https://hotel.example", true), {
    body: "Good morning https://hotel.example",
    preview_url: true,
  });
  const reply = await proof.send(new Text("From 7 am"), { body: "From 7 am" }, fromGuest);
  const { context } = await proof.simulator.message(proof.guest, reply);
  assert.deepEqual(context, { id: fromGuest }, "reply: what it answers");
  await proof.send(new Reaction(fromGuest, "\u{1F44D}"), { message_id: fromGuest, emoji: "\u{1F44D}" });
  // Without an emoji the reaction is taken back.
  await proof.send(new Reaction(fromGuest), { message_id: fromGuest, emoji: "" });
}

async function readMark(proof, fromGuest) {
  const answer = await proof.client.markAsRead(proof.account.phone_number_id, fromGuest, "text");
  assert.deepEqual(answer, { success: true }, "read mark");
  assert.equal(
    (await proof.simulator.message(proof.guest, fromGuest)).status,
    "read",
    "read mark: what the guest sees",
  );
  assert.equal((await proof.simulator.call("GET", `guests/${proof.guest}`)).typing, true, "typing");
}

async function mediaByLink(proof) {
  const { Audio, Document, Image, Sticker, Video } = messages;
  const at = (name) => `https://hotel.example/${name}`;
  await proof.send(new Image(PICTURE, false, "The pool"), { link: PICTURE, caption: "The pool" });
  await proof.send(new Document(at("menu.pdf"), false, "Menu", "menu.pdf"), {
    link: at("menu.pdf"),
    caption: "Menu",
    filename: "menu.pdf",
  });
  await proof.send(new Audio(at("bell.ogg"), false, true), { link: at("bell.ogg"), voice: true });
  await proof.send(new Video(at("tour.mp4")), { link: at("tour.mp4") });
  await proof.send(new Sticker(at("wave.webp")), { link: at("wave.webp") });
}

/** Uploads a file and reads it back; its id. */
async function uploaded(proof, name, type, content) {
  const { client, account, simulator } = proof;
  const form = new FormData();
  form.set("file", new Blob([content], { type }), name);
  const { id, ...rest } = await client.uploadMedia(account.phone_number_id, form);
  assert.ok(id, `upload of ${name}: ${JSON.stringify(rest)}`);
  const about = await client.retrieveMedia(id, account.phone_number_id);
  assert.equal(about.id, id, `media of ${name}: ${JSON.stringify(about)}`);
  assert.equal(about.mime_type, type, `type of ${name}`);
  assert.equal(Number(about.file_size), content.length, `size of ${name}`);
  assert.ok(about.url.startsWith(simulator.url), `address of ${name}: ${about.url}`);
  const back = await client.fetchMedia(about.url);
  assert.equal(back.status, 200, `download of ${name}`);
  assert.deepEqual(Buffer.from(await back.arrayBuffer()), content, `content of ${name}`);
  return id;
}

async function mediaById(proof) {
  const { Document, Image } = messages;
  const { client, account, guest } = proof;
  const picture = await uploaded(proof, "key.jpg", "image/jpeg", JPEG);
  const guide = await uploaded(proof, "guide.pdf", "application/pdf", PDF);
  await proof.send(new Image(picture, true), { id: picture });
  await proof.send(new Document(guide, true, "Guide", "guide.pdf"), {
    id: guide,
    caption: "Guide",
    filename: "guide.pdf",
  });
  assert.deepEqual(await client.deleteMedia(picture, account.phone_number_id), { success: true }, "delete");
  assert.equal((await client.retrieveMedia(picture)).error?.code, 100, "deleted media");
  const refused = await client.sendMessage(account.phone_number_id, guest, new Image(picture, true));
  assert.ok(refused.error, "deleted media was sent");
}

async function placesAndPeople(proof) {
  const { Address, Contacts, Email, Location, Name, Organization, Phone, Url } = messages;
  await proof.send(new Location(-46.654, -23.564, "Grand Plaza", "Rua Dois, 123"), {
    longitude: -46.654,
    latitude: -23.564,
    name: "Grand Plaza",
    address: "Rua Dois, 123",
  });
  const contact = new Contacts([
    new Name("Front Desk", "Front", "Desk"),
    new Organization("Grand Plaza"),
    new Phone("+15550100001", "WORK", "15550100001"),
    new Email("desk@hotel.example", "WORK"),
    new Url("https://hotel.example", "WORK"),
    new Address("Brazil", "br", undefined, "Sao Paulo", "Rua Dois, 123", undefined, "WORK"),
  ]);
  await proof.send(contact, JSON.parse(JSON.stringify(contact.component)));
}

async function interactive(proof) {
  const { ActionButtons, ActionCTA, ActionList, ActionLocation, Body, Button, Footer, Header, Interactive } =
    messages;
  const { ListSection, Row } = messages;
  const buttons = new ActionButtons(new Button("yes", "Yes"), new Button("no", "No"));
  const asked = await proof.send(
    new Interactive(buttons, new Body("One more night?"), new Header("Your stay"), new Footer("Grand Plaza")),
    {
      type: "button",
      action: {
        buttons: [
          ["yes", "Yes"],
          ["no", "No"],
        ].map(([id, title]) => ({ type: "reply", reply: { title, id } })),
      },
      body: { text: "One more night?" },
      header: { type: "text", text: "Your stay" },
      footer: { text: "Grand Plaza" },
    },
  );
  const sections = [
    new ListSection("Room", new Row("towels", "Towels", "Fresh ones")),
    new ListSection("Food", new Row("tea", "Tea")),
  ];
  await proof.send(new Interactive(new ActionList("Services", ...sections), new Body("What may we bring?")), {
    type: "list",
    action: {
      button: "Services",
      sections: [
        { title: "Room", rows: [{ id: "towels", title: "Towels", description: "Fresh ones" }] },
        { title: "Food", rows: [{ id: "tea", title: "Tea" }] },
      ],
    },
    body: { text: "What may we bring?" },
  });
  await proof.send(
    new Interactive(new ActionCTA("Book", "https://hotel.example/spa"), new Body("The spa is open.")),
    {
      type: "cta_url",
      action: { name: "cta_url", parameters: { display_text: "Book", url: "https://hotel.example/spa" } },
      body: { text: "The spa is open." },
    },
  );
  await proof.send(new Interactive(new ActionLocation(), new Body("Where shall we pick you up?")), {
    type: "location_request_message",
    action: { name: "send_location" },
    body: { text: "Where shall we pick you up?" },
  });
  return asked;
}

/** The library as the receiver of webhooks, when nobody else is. Null otherwise. */
async function receiver(proof) {
  const { client, simulator, account } = proof;
  if ((await simulator.call("GET", "webhooks")).callback !== null) return null;
  const got = { messages: [], statuses: [], refused: [] };
  // Of this guest only: a simulator that was used before delivers what has waited first.
  client.on.message = ({ recipient, message }) =>
    recipient.phone === proof.guest && got.messages.push(message);
  client.on.status = ({ recipient, id, status }) =>
    recipient.phone === proof.guest && got.statuses.push(`${id} ${status}`);
  const server = createServer(async (request, response) => {
    if (request.method === "GET") return response.end(client.handle_get(request));
    response.statusCode = await client.handle_post(request);
    // Of templates the library understands nothing, after it has checked the signature.
    if (response.statusCode !== 200) got.refused.push(response.statusCode);
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const subscriptions = `${simulator.url}/${VERSION}/${account.waba_id}/subscribed_apps`;
  const headers = { authorization: `Bearer ${account.access_token}`, "content-type": "application/json" };
  const callback = {
    override_callback_uri: `http://127.0.0.1:${server.address().port}/`,
    verify_token: proof.verifyToken,
  };
  const answer = await fetch(subscriptions, { method: "POST", headers, body: JSON.stringify(callback) });
  assert.equal(answer.status, 200, `webhooks: ${await answer.text()}`);
  const end = async () => {
    await fetch(subscriptions, { method: "DELETE", headers });
    server.closeAllConnections();
    server.close();
  };
  return { ...got, end };
}

async function eventually(what, found) {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const value = await found();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come within 15 s`);
}

/** A guest's tap, and what became of a message, through the library's own check of signatures. */
async function webhooks(proof, inbox, asked, words) {
  const { simulator, guest, expected } = proof;
  await simulator.call("POST", `guests/${guest}/messages`, {
    type: "interactive",
    context: { id: asked },
    interactive: { type: "button_reply", button_reply: { id: "yes", title: "Yes" } },
  });
  const text = await eventually("the guest's text", () => inbox.messages.find((one) => one.type === "text"));
  assert.equal(text.text.body, words, "webhook: text");
  const tap = await eventually("the guest's tap", () =>
    inbox.messages.find((one) => one.type === "interactive"),
  );
  assert.deepEqual(tap.interactive.button_reply, { id: "yes", title: "Yes" }, "webhook: tap");
  assert.equal(tap.context.id, asked, "webhook: what was tapped");
  for (const status of ["sent", "delivered", "read"]) {
    await eventually(`${status} of a message`, () => inbox.statuses.includes(`${expected[0].id} ${status}`));
  }
}

async function main() {
  const [url, token, number] = process.argv.slice(2);
  const environment = process.env;
  const simulator = new Simulator(url ?? environment.BELLHOP_SIMULATOR_URL ?? "http://127.0.0.1:8090");
  const account = await simulator.call("GET", "account");
  account.access_token = token ?? environment.BELLHOP_SIMULATOR_TOKEN ?? account.access_token;
  account.phone_number_id =
    number ?? environment.BELLHOP_SIMULATOR_PHONE_NUMBER_ID ?? account.phone_number_id;
  const proof = new Proof(simulator, account);
  const inbox = await receiver(proof);
  try {
    await simulator.call("POST", "guests", { phone: `+${proof.guest}`, name: "J\u00f6rg \u{1F600}" });
    await beforeTheGuestWrites(proof);
    // Not ASCII: the signature is over the escaped body.
    const words = "Wann gibt es Fr\u00fchst\u00fcck? \u{1F950}";
    const fromGuest = await simulator.writes(proof.guest, words);
    await texts(proof, fromGuest);
    await readMark(proof, fromGuest);
    await mediaByLink(proof);
    await mediaById(proof);
    await placesAndPeople(proof);
    const asked = await interactive(proof);
    await proof.ledger();
    if (inbox) await webhooks(proof, inbox, asked, words);
  } finally {
    await inbox?.end();
  }
  const signed = inbox ? ", and signed webhooks back" : "; webhooks left to who takes them";
  console.log(`whatsapp-api-js: ${proof.expected.length} messages, as Meta documents them${signed}`);
}

main().catch((problem) => {
  console.error(`whatsapp-api-js: ${problem.message}`);
  process.exit(1);
});
