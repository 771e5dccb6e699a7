// What the guest answers with a tap: buttons, rows of a list, replies, reactions, places and files.

import { button, byId, call, make, picked, words, write } from "/basics.js";

const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
// Where the guest is when asked: a walk away from the hotel.
const HERE = { latitude: 32.0853, longitude: 34.7818, name: "My place" };

// The message that the next text answers.
let replied = null;
let refresh = () => {};

// The page's own way to look again, for after an answer.
export function onAnswer(look) {
  refresh = look;
}

async function answer(message) {
  const problem = byId("away");
  try {
    await write(message);
    problem.hidden = true;
  } catch {
    problem.hidden = false;
  }
  await refresh();
}

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

export function startReply(line, author) {
  replied = line;
  byId("reply-who").textContent = author;
  byId("reply-text").textContent = line.text;
  byId("replying").hidden = false;
  byId("text").focus();
}

export function stopReply() {
  replied = null;
  byId("replying").hidden = true;
}

// What a text is to be sent with; the next one answers nothing again.
export function takeReply() {
  const context = replied ? to(replied) : {};
  stopReply();
  return context;
}

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

const place = byId("place");

byId("share-place").addEventListener("click", () => place.showModal());
byId("place-form").addEventListener("submit", () => {
  const fields = new FormData(byId("place-form"));
  const location = { latitude: Number(fields.get("latitude")), longitude: Number(fields.get("longitude")) };
  for (const key of ["name", "address"]) {
    const value = fields.get(key).trim();
    if (value) location[key] = value;
  }
  answer({ type: "location", location, ...takeReply() });
});

const KINDS = [["image/webp", "sticker"], ["image/", "image"], ["video/", "video"], ["audio/", "audio"]];

byId("attach").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file || !picked()) return;
  const problem = byId("refused");
  try {
    const { id } = await call("POST", "media?filename=" + encodeURIComponent(file.name), file);
    const kind = KINDS.find(([start]) => file.type.startsWith(start))?.[1] || "document";
    problem.hidden = true;
    await answer({ type: kind, [kind]: { id }, ...takeReply() });
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});

byId("stop-reply").addEventListener("click", stopReply);
for (const dialog of [sheet, picker, place]) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
}
