// The chat: bubbles, what they quote, and the reactions on them.

import { button, byId, dayOf, icon, make, timeOf, words } from "/basics.js";
import { answers, startEdit, startErase, startReaction, startReply } from "/answers.js";
import { contentOf } from "/content.js";

const chat = byId("chat");

// What is on the screen, so that only what changed is drawn again: a screen reader hears new lines only.
const shown = { chat: "", lines: new Map() };
const GONE = "M12 3a9 9 0 1 0 .01 0M6 6l12 12";

const TICKS = {
  accepted: ["M12 4v5l3 2M12 1a7 7 0 1 0 .01 0", "waiting"],
  sent: ["M5 8l3 3 7-8", "sent"],
  delivered: ["M2 8l3 3 7-8M9 10l1 1 7-8", "delivered"],
  read: ["M2 8l3 3 7-8M9 10l1 1 7-8", "read"],
  failed: ["M10 2v6M10 11v.5", "failed"],
};

function ticks(status) {
  const [path, label] = TICKS[status] || TICKS.accepted;
  return icon(path, status === "accepted" ? "2 0 20 16" : "0 0 20 14", "ticks " + status, label);
}

const author = (line) => (line.from === "guest" ? "You" : "Front desk");

function quote(line, all) {
  const quoted = line.context && all.get(line.context.id);
  if (!quoted) return [];
  const node = make("div", "quote");
  node.append(make("strong", "", author(quoted)), words(quoted.text, "words"));
  return [node];
}

function tools(line) {
  const node = make("div", "tools");
  node.append(
    button("tool", "Reply", () => startReply(line, author(line))),
    button("tool", "React", () => startReaction(line)),
  );
  if (line.from !== "guest") return node;
  if (line.type === "text" || line.content?.caption) node.append(button("tool", "Edit", () => startEdit(line)));
  node.append(button("tool", "Delete", () => startErase(line)));
  return node;
}

function foot(line) {
  const node = make("div", "foot");
  node.append(make("span", "hidden", author(line) + ","));
  if (line.edited) node.append(make("span", "", "Edited"));
  node.append(timeOf(line.at), ticks(line.status));
  return node;
}

// What WhatsApp says of the guest, to the guest.
function note({ content, text }) {
  if (content?.type === "user_changed_number") return `You changed your number to +${content.wa_id}`;
  return content?.type === "user_changed_user_id" ? "You have a new user id" : text;
}

// What stands where a message was.
function trace(line) {
  const node = make("li", "bubble mine deleted");
  const text = make("div", "words");
  text.append(icon(GONE, "0 0 24 24"), "You deleted this message");
  node.append(text, foot(line));
  node.dataset.status = line.status;
  return node;
}

function bubble(line, all) {
  if (line.type === "system") return make("li", "day", note(line));
  if (line.revoked) return trace(line);
  const mine = line.from === "guest";
  const node = make("li", mine ? "bubble mine" : "bubble");
  if (line.type === "sticker" && line.media) node.classList.add("bare");
  if (line.type === "template") node.append(make("div", "kind", "Template"));
  node.append(...quote(line, all), ...contentOf(line, answers), foot(line), make("div", "badges"), tools(line));
  node.dataset.status = line.status;
  return node;
}

// The newest reaction of each side to each message; one without an emoji takes the last one back.
function reactionsIn(lines) {
  const found = new Map();
  for (const line of lines) {
    if (line.type !== "reaction" || !line.content?.message_id) continue;
    const sides = found.get(line.content.message_id) || {};
    sides[line.from] = line.content.emoji || "";
    found.set(line.content.message_id, sides);
  }
  return found;
}

function drawBadges(reactions) {
  for (const [id, { node }] of shown.lines) {
    if (!node.querySelector(".badges")) continue;
    const sides = Object.entries(reactions.get(id) || {}).filter(([, emoji]) => emoji);
    const state = JSON.stringify(sides);
    const badges = node.querySelector(".badges");
    if (badges.dataset.state === state) continue;
    badges.dataset.state = state;
    badges.replaceChildren(...sides.map(([from, emoji]) => {
      const badge = make("span", "badge", emoji);
      badge.setAttribute("role", "img");
      badge.setAttribute("aria-label", `${from === "guest" ? "Your" : "The front desk’s"} reaction: ${emoji}`);
      return badge;
    }));
    node.classList.toggle("reacted", sides.length > 0);
  }
}

function belongs({ type, content }, all) {
  if (type === "reaction") return all.has(content?.message_id);
  return (type === "edit" || type === "revoke") && all.has(content?.original_message_id);
}

// Of a message that stands there already only what is new: its ticks, or all of it where its words are.
function redraw(known, line, shape, all) {
  if (known.shape !== shape) {
    const node = bubble(line, all);
    known.node.replaceWith(node);
    Object.assign(known, { node, shape });
  } else if (known.node.dataset.status && known.node.dataset.status !== line.status) {
    known.node.dataset.status = line.status;
    known.node.querySelector(".ticks").replaceWith(ticks(line.status));
  }
}

export function drawChat(answer) {
  const state = JSON.stringify(answer.data);
  if (state === shown.chat) return;
  shown.chat = state;
  const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80;
  const all = new Map(answer.data.map((line) => [line.id, line]));
  let day = shown.lines.size ? chat.dataset.day : "";
  for (const line of answer.data) {
    // A reaction is a badge on the message it belongs to, and an edit is in its words.
    if (belongs(line, all)) continue;
    const shape = JSON.stringify([line.content, line.edited, line.revoked, all.get(line.context?.id)?.text]);
    const known = shown.lines.get(line.id);
    if (known) {
      redraw(known, line, shape, all);
      continue;
    }
    const today = dayOf(line.at);
    if (today !== day) chat.append(make("li", "day", today));
    day = today;
    const node = bubble(line, all);
    shown.lines.set(line.id, { node, shape });
    chat.append(node);
  }
  drawBadges(reactionsIn(answer.data));
  chat.dataset.day = day;
  if (atEnd) chat.scrollTop = chat.scrollHeight;
}

export function clearChat() {
  shown.chat = "";
  shown.lines = new Map();
  chat.replaceChildren();
  chat.dataset.day = "";
}

export function toEnd() {
  chat.scrollTop = chat.scrollHeight;
}

// Pictures are as tall as they turn out to be, and must not push the newest line away.
chat.addEventListener("load", (event) => {
  if (!event.target.classList?.contains("media")) return;
  if (chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80 + event.target.clientHeight) toEnd();
}, true);
