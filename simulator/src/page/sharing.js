// What the guest shares: files, voice notes, places and contacts.

import { act, answer, takeReply } from "/answers.js";
import { button, byId, call, deed, picked, words } from "/basics.js";

const KINDS = [["image/webp", "sticker"], ["image/", "image"], ["video/", "video"], ["audio/", "audio"]];
const CAPTIONED = ["image", "video", "document"];

// A file of this name for the next message; answers its id.
async function upload(file, name) {
  return (await call("POST", "media?filename=" + encodeURIComponent(name), file)).id;
}

const sheet = byId("sheet");

byId("attach").addEventListener("click", () => {
  const row = (name, what) => {
    const node = button("row", "", () => {
      sheet.close();
      what();
    });
    node.append(words(name, "name"));
    return node;
  };
  byId("sheet-title").textContent = "Share";
  byId("sheet-rows").replaceChildren(
    row("Photo, video, sticker or document", () => byId("file").click()),
    row("Voice note", startVoice),
    row("Location", () => byId("place").showModal()),
    row("Contact", () => byId("card").showModal()),
  );
  sheet.showModal();
});

const sender = byId("send-file");
let chosen = null;

byId("file").addEventListener("change", (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file || !picked()) return;
  const kind = KINDS.find(([start]) => file.type.startsWith(start))?.[1] || "document";
  chosen = { file, kind };
  const preview = byId("file-preview");
  preview.hidden = !["image", "sticker"].includes(kind);
  if (!preview.hidden) preview.src = URL.createObjectURL(file);
  byId("file-name").textContent = file.name;
  byId("file-caption").hidden = !CAPTIONED.includes(kind);
  byId("file-form").reset();
  sender.showModal();
});

sender.addEventListener("close", () => {
  const preview = byId("file-preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
});

byId("file-form").addEventListener("submit", (event) => {
  const { file, kind } = chosen;
  const caption = CAPTIONED.includes(kind) ? new FormData(event.target).get("caption").trim() : "";
  act(async () => {
    const content = { id: await upload(file, file.name), ...(caption && { caption }) };
    await deed("messages", { type: kind, [kind]: content, ...takeReply() });
  });
});

// Voice notes are what the browser can record of what WhatsApp takes.
const RECORDED = ["audio/ogg;codecs=opus", "audio/mp4;codecs=opus", "audio/mp4", "audio/aac"];
const voice = byId("voice");
const record = byId("record");
let recorder = null;
let ticking = 0;

const sendVoice = (file, name) => act(async () => {
  const audio = { id: await upload(file, name), voice: true };
  await deed("messages", { type: "audio", audio, ...takeReply() });
});

function startVoice() {
  const type = window.MediaRecorder && RECORDED.find((one) => MediaRecorder.isTypeSupported(one));
  record.hidden = !type || !navigator.mediaDevices;
  record.dataset.type = type || "";
  record.textContent = "Record";
  byId("voice-state").textContent = record.hidden
    ? "This browser records nothing that WhatsApp takes. Choose a recording instead."
    : "Record one here, or choose a recording.";
  voice.showModal();
}

async function startRecording() {
  const state = byId("voice-state");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    recorder = new MediaRecorder(stream, { mimeType: record.dataset.type });
  } catch {
    state.textContent = "The microphone cannot be used. Choose a recording instead.";
    return;
  }
  const pieces = [];
  let seconds = 0;
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => {
    clearInterval(ticking);
    for (const track of recorder.stream.getTracks()) track.stop();
    const { keep } = recorder;
    recorder = null;
    if (keep && picked()) sendVoice(new Blob(pieces, { type: record.dataset.type }), "voice note");
  });
  recorder.start();
  record.textContent = "Stop and send";
  state.textContent = "Recording…";
  ticking = setInterval(() => {
    seconds += 1;
    // Every second would be read out: what is heard is that it goes on.
    if (seconds % 5 === 0) state.textContent = `Recording… ${seconds} seconds`;
  }, 1000);
}

record.addEventListener("click", () => {
  if (!recorder) {
    startRecording();
    return;
  }
  recorder.keep = true;
  voice.close();
});

// Closing it in any other way throws the recording away.
voice.addEventListener("close", () => {
  if (recorder?.state === "recording") recorder.stop();
});

byId("choose-recording").addEventListener("click", () => {
  voice.close();
  byId("recording").click();
});

byId("recording").addEventListener("change", (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (file && picked()) sendVoice(file, file.name);
});

byId("place-form").addEventListener("submit", (event) => {
  const fields = new FormData(event.target);
  const location = { latitude: Number(fields.get("latitude")), longitude: Number(fields.get("longitude")) };
  for (const key of ["name", "address"]) {
    const value = fields.get(key).trim();
    if (value) location[key] = value;
  }
  answer({ type: "location", location, ...takeReply() });
});

byId("card-form").addEventListener("submit", (event) => {
  const fields = new FormData(event.target);
  const [name, phone] = ["name", "phone"].map((key) => fields.get(key).trim());
  const number = { phone, wa_id: phone.replace(/\D/g, ""), type: "CELL" };
  const names = { formatted_name: name, first_name: name.split(" ")[0] };
  answer({ type: "contacts", contacts: [{ name: names, phones: [number] }], ...takeReply() });
  event.target.reset();
});
