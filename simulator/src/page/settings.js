// What the guest decides: to block the business, to stop its marketing, to hide the number or change it.

import { act } from "/answers.js";
import { button, byId, call, deed, keyOf, words } from "/basics.js";

// The guest whose phone is open, as last heard of.
let guest = null;

export function drawSettings(now) {
  guest = now;
  byId("blocked").hidden = !guest.blocked;
  byId("composer").hidden = guest.blocked;
}

const block = (blocked) => act(() => deed("block", { blocked }));

// Whoever makes this phone another one's would lose it from sight: the page follows its key.
const follow = async (changing) => {
  location.hash = encodeURIComponent(keyOf(await changing));
};

const show = (body) => act(() => follow(call("POST", "guests", { ...identity(), ...body })));
const identity = () => (guest.bsuid ? { bsuid: guest.bsuid } : { phone: guest.phone });

function choices() {
  const { blocked, marketing, hidden_number: hidden, phone } = guest;
  const all = [
    blocked
      ? ["Unblock the front desk", "What it sends arrives again", () => block(false)]
      : ["Block the front desk", "Nothing it sends arrives any more", () => block(true)],
    marketing === "stop"
      ? ["Resume marketing messages", "Offers arrive again", () => choose("resume")]
      : ["Stop marketing messages", "Offers are refused, all else arrives", () => choose("stop")],
    hidden
      ? ["Show my number", "The front desk sees it again", () => show({ hidden_number: false })]
      : ["Hide my number", "The front desk sees a username in its place", startHiding],
    ["Change my number", phone ? `It is ${phone} now` : "There is none now", () => byId("move").showModal()],
  ];
  // A guest who never had a number has none to show.
  return phone ? all : all.filter(([name]) => name !== "Show my number");
}

const choose = (value) => act(() => deed("marketing", { value }));

function startHiding() {
  const field = byId("hide-form").elements.username;
  field.value = guest.username || (guest.name || "").toLowerCase().replace(/[^a-z0-9]+/g, ".").replace(/^\.|\.$/g, "");
  byId("hide").showModal();
}

const sheet = byId("sheet");

byId("open-menu").addEventListener("click", () => {
  if (!guest) return;
  byId("sheet-title").textContent = "Settings of this phone";
  byId("sheet-rows").replaceChildren(...choices().map(([name, detail, what]) => {
    const row = button("row", "", () => {
      sheet.close();
      what();
    });
    row.append(words(name, "name"), words(detail, "footer"));
    return row;
  }));
  sheet.showModal();
});

byId("unblock").addEventListener("click", async () => {
  await block(false);
  byId("text").focus();
});

byId("hide-form").addEventListener("submit", (event) => {
  show({ hidden_number: true, username: new FormData(event.target).get("username").trim() });
});

byId("move-form").addEventListener("submit", (event) => {
  const fields = new FormData(event.target);
  const change = { phone: fields.get("phone"), ...(fields.has("fresh") && { bsuid: "new" }) };
  event.target.reset();
  act(() => follow(deed("number", change)));
});
