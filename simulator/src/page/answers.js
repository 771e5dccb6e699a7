// What the guest does with a message: taps, replies, reactions, edits, and deleting it.

import { attempt, button, byId, deed, make, words } from "/basics.js";

const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
// Where the guest is when asked: a walk away from the hotel.
const HERE = { latitude: 32.0853, longitude: 34.7818, name: "My place" };

// The message that the next text answers, or whose words it replaces.
let replied = null;
let edited = null;
let refresh = () => {};

// The page's own way to look again, for after an answer.
export function onAnswer(look) {
  refresh = look;
}

// Does what the guest asked for, and looks again. Answers whether it was done.
export async function act(what) {
  const done = await attempt(what);
  await refresh();
  return done;
}

export const answer = (message) => act(() => deed("messages", message));

const to = (line) => ({ context: { id: line.id } });

export const answers = {
  reply: (line, { id, title }) =>
    answer({ type: "interactive", interactive: { type: "button_reply", button_reply: { id, title } }, ...to(line) }),
  quickReply: (line, { text, payload }) =>
    answer({ type: "button", button: { payload: payload || text, text }, ...to(line) }),
  location: (line) => answer({ type: "location", location: HERE, ...to(line) }),
  list: (line, action) => openList(line, action),
  copy: async (code) => {
    try {
      await navigator.clipboard.writeText(code);
    } catch {
      // Without the right to the clipboard the code can still be read.
    }
  },
};

const sheet = byId("sheet");

function openList(line, action) {
  byId("sheet-title").textContent = action.button;
  const rows = (action.sections || []).map((section) => {
    const group = make("div", "section");
    group.setAttribute("role", "group");
    if (section.title) {
      const title = words(section.title, "kind");
      title.setAttribute("role", "heading");
      title.setAttribute("aria-level", "3");
      group.append(title);
      group.setAttribute("aria-label", section.title);
    }
    group.append(...section.rows.map((row) => rowOf(line, row)));
    return group;
  });
  byId("sheet-rows").replaceChildren(...rows);
  sheet.showModal();
}

function rowOf(line, row) {
  const node = button("row", "", () => {
    sheet.close();
    answer({ type: "interactive", interactive: { type: "list_reply", list_reply: row }, ...to(line) });
  });
  node.append(words(row.title, "name"));
  if (row.description) node.append(words(row.description, "footer"));
  return node;
}

function startBar(title, line) {
  byId("reply-title").textContent = title;
  byId("reply-text").textContent = line.text;
  byId("replying").hidden = false;
  byId("text").focus();
}

export function startReply(line, author) {
  stopReply();
  replied = line;
  startBar(`Replying to ${author}`, line);
}

export function startEdit(line) {
  stopReply();
  edited = line;
  byId("text").value = line.content.body ?? line.content.caption;
  startBar("Editing your message", line);
}

export function stopReply() {
  // The words of an edit that is given up are not the next message.
  if (edited) byId("text").value = "";
  replied = null;
  edited = null;
  byId("replying").hidden = true;
}

// What a message is to be sent with; the next one answers nothing again.
export function takeReply() {
  const context = replied ? to(replied) : {};
  stopReply();
  return context;
}

// Sends the words that were written: as a new message, or in place of others.
export async function say(body) {
  if (edited) {
    await deed("edit", { id: edited.id, text: body });
    edited = null;
  } else {
    const context = replied ? to(replied) : {};
    await deed("messages", { type: "text", text: { body }, ...context });
  }
  stopReply();
}

const eraser = byId("erase");
let doomed = null;

export function startErase(line) {
  doomed = line.id;
  byId("erase-text").textContent = line.text;
  eraser.showModal();
}

byId("erase-form").addEventListener("submit", async () => {
  await act(() => deed("revoke", { id: doomed }));
  byId("text").focus();
});

const picker = byId("emoji");

export function startReaction(line) {
  const react = (emoji) => {
    picker.close();
    // WhatsApp leaves the emoji out where a reaction is taken back.
    const reaction = emoji ? { message_id: line.id, emoji } : { message_id: line.id };
    answer({ type: "reaction", reaction });
  };
  const choices = EMOJI.map((emoji) => button("choice", emoji, () => react(emoji)));
  choices.push(button("plain", "Take back", () => react("")));
  byId("emoji-choices").replaceChildren(...choices);
  picker.showModal();
}

byId("stop-reply").addEventListener("click", stopReply);
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
}
