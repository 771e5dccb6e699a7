// The guests' phones. Asks the control API once a second; nothing here knows the business's side.

import { attempt, byId, call, keyOf, make, nameOf, picked, timeOf } from "/basics.js";
import { onAnswer, say, stopReply } from "/answers.js";
import { clearChat, drawChat, toEnd } from "/chat.js";
import { drawSettings } from "/settings.js";
import "/sharing.js";

const app = byId("app");
const list = byId("guests");
const text = byId("text");
const dialog = byId("dialog");

// What is on the screen, so that only what changed is drawn again.
const shown = { guests: "", key: null };
let timer = 0;
let round = 0;

const direction = new URLSearchParams(location.search).get("dir");
if (direction === "rtl" || direction === "ltr") document.documentElement.dir = direction;

function avatar(guest) {
  const letters = [...nameOf(guest).replace(/^\+/, "")];
  const colour = [...keyOf(guest)].reduce((sum, c) => sum + c.codePointAt(0), 0) % 5;
  const node = make("span", "avatar c" + colour, (letters[0] || "?").toUpperCase());
  node.setAttribute("aria-hidden", "true");
  return node;
}

function drawGuests(guests) {
  const state = JSON.stringify([guests, picked()]);
  if (state === shown.guests) return;
  shown.guests = state;
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(...guests.map((guest) => {
    const button = make("button", "guest");
    button.type = "button";
    button.dataset.key = keyOf(guest);
    if (isPicked(guest)) button.setAttribute("aria-current", "true");
    const name = make("span", "name");
    name.append(make("bdi", "", nameOf(guest)));
    button.append(avatar(guest), name);
    const number = guest.hidden_number || !guest.phone ? "number hidden" : guest.phone;
    const last = make("span", "last", guest.last ? guest.last.text : number);
    last.dir = "auto";
    if (guest.last) button.append(timeOf(guest.last.at));
    button.append(last);
    const item = make("li");
    item.append(button);
    return item;
  }));
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  byId("no-guests").hidden = guests.length > 0;
}

function isPicked(guest) {
  const key = picked();
  return key !== null && [guest.bsuid, guest.phone, guest.wa_id].includes(key);
}

function drawWindow(answer) {
  const { open, expires_at: ends } = answer.guest.window;
  const node = byId("window");
  const minutes = Math.max(0, Math.ceil((ends - answer.now) / 60000));
  const left = minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes} min`;
  const words = open
    ? `Window open for another ${left}: the front desk may write anything`
    : ends ? "Window closed: only templates reach this guest" : "Has not written yet: only templates reach this guest";
  if (node.textContent !== words) node.textContent = words;
  node.classList.toggle("open", open);
  const guest = answer.guest;
  const number = guest.hidden_number || !guest.phone ? "number hidden" : guest.phone;
  byId("typing").hidden = !guest.typing;
  const owner = byId("owner");
  const known = nameOf(guest) === guest.phone ? [guest.phone] : [nameOf(guest), number];
  if (guest.marketing === "stop") known.push("no marketing");
  if (owner.dataset.known === known.join()) return;
  owner.dataset.known = known.join();
  owner.replaceChildren("phone of ", ...known.flatMap((part, at) => [at ? " · " : "", make("bdi", "", part)]));
}

function showPhone(key) {
  app.dataset.view = key ? "chat" : "list";
  byId("nothing").hidden = Boolean(key);
  byId("screen").hidden = !key;
  if (key === shown.key) return;
  shown.key = key;
  byId("refused").hidden = true;
  stopReply();
  clearChat();
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++round;
  const key = picked();
  showPhone(key);
  try {
    const guests = (await call("GET", "guests")).data;
    const answer = key ? await call("GET", `guests/${encodeURIComponent(key)}/chat`).catch(() => null) : null;
    if (mine !== round) return;
    byId("away").hidden = true;
    drawGuests(guests);
    if (answer) {
      drawWindow(answer);
      drawSettings(answer.guest);
      drawChat(answer);
    } else if (key) {
      location.hash = "";
    }
  } catch {
    if (mine === round) byId("away").hidden = false;
  }
  if (mine === round) timer = setTimeout(refresh, document.hidden ? 5000 : 1000);
}

async function send() {
  const body = text.value.trim();
  const key = picked();
  if (!body || !key) return;
  const sent = await attempt(() => {
    const sending = say(body);
    text.value = "";
    return sending;
  });
  if (!sent) text.value = body;
  await refresh();
  toEnd();
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopReply();
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});

list.addEventListener("click", (event) => {
  const button = event.target.closest(".guest");
  if (!button) return;
  location.hash = encodeURIComponent(button.dataset.key);
  // Where the list goes away there is nothing left to have the focus.
  if (matchMedia("(max-width: 46rem)").matches) byId("back").focus();
});

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...list.querySelectorAll(".guest")];
  buttons[buttons.indexOf(document.activeElement) + step]?.focus();
});

byId("back").addEventListener("click", () => { location.hash = ""; });
byId("new-guest").addEventListener("click", () => dialog.showModal());
byId("cancel").addEventListener("click", () => dialog.close());

byId("guest-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new FormData(form);
  const guest = { hidden_number: fields.has("hidden") };
  for (const key of ["name", "phone"]) {
    const value = fields.get(key).trim();
    if (value) guest[key] = value;
  }
  const problem = byId("form-problem");
  try {
    const made = await call("POST", "guests", guest);
    form.reset();
    problem.hidden = true;
    dialog.close();
    location.hash = encodeURIComponent(keyOf(made));
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});

onAnswer(async () => {
  await refresh();
  toEnd();
});
addEventListener("hashchange", refresh);
document.addEventListener("visibilitychange", refresh);
refresh();
