// What stands in a bubble, for every type of message.

import { button, icon, make, words } from "/basics.js";

const PIN = "M12 21s7-6.5 7-11.5A7 7 0 0 0 5 9.5C5 14.5 12 21 12 21zM12 12a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z";
const PAGE = "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5";
const LINK = "M10 14l4-4M9 11l-2 2a3 3 0 0 0 4 4l2-2M15 13l2-2a3 3 0 0 0-4-4l-2 2";
const LIST = "M5 7h14M5 12h14M5 17h9";
const PHONE = "M6 4l3-1 2 5-2 1a10 10 0 0 0 6 6l1-2 5 2-1 3a3 3 0 0 1-3 2A15 15 0 0 1 4 7a3 3 0 0 1 2-3z";
const COPY = "M9 9h10v11H9zM5 15V4h10";
const REPLY = "M10 7L5 12l5 5M5 12h8a6 6 0 0 1 6 6";

const KINDS = ["image", "video", "audio", "document", "sticker"];

function size(bytes) {
  const units = ["B", "KB", "MB"];
  let at = 0;
  while (bytes >= 1024 && at < units.length - 1) {
    bytes /= 1024;
    at += 1;
  }
  return `${at && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
}

// An address that a person may follow: anything but a web page stays text.
function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

function anchor(className, href) {
  const node = make("a", className);
  node.href = href;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return node;
}

function card(path, title, detail, node = make("div", "card")) {
  const text = make("span", "card-text");
  const name = make("strong", "", title);
  name.dir = "auto";
  text.append(name);
  if (detail) {
    const small = make("small", "", detail);
    small.dir = "auto";
    text.append(small);
  }
  node.append(icon(path, "0 0 24 24"), text);
  return node;
}

function linked(kind, content) {
  const href = webAddress(content.link);
  const node = href ? anchor("card", href) : make("div", "card");
  return card(LINK, content.filename || `${kind} at a link`, content.link, node);
}

function mediaNode(kind, content, media) {
  if (content.link) return linked(kind, content);
  if (!media) return card(PAGE, content.filename || kind, "No longer on this phone");
  const source = "/simulator/media/" + encodeURIComponent(media.id);
  const name = content.filename || media.filename || kind;
  if (kind === "document") {
    const node = make("a", "card");
    node.href = source;
    node.download = name;
    return card(PAGE, name, `${media.mime_type} · ${size(media.file_size)}`, node);
  }
  const node = make({ image: "img", sticker: "img", video: "video", audio: "audio" }[kind], "media " + kind);
  if (kind === "image" || kind === "sticker") {
    node.alt = content.caption || (kind === "image" ? "Picture" : "Sticker");
    node.loading = "lazy";
  } else {
    node.controls = true;
    node.preload = "metadata";
    node.setAttribute("aria-label", content.voice ? "Voice message" : kind === "video" ? "Video" : "Audio");
  }
  node.src = source;
  node.addEventListener("error", () => {
    node.replaceWith(card(PAGE, name, `Cannot be shown (${media.mime_type})`));
  }, { once: true });
  return node;
}

function mediaMessage(line) {
  const nodes = [mediaNode(line.type, line.content, line.media)];
  if (line.type === "audio" && line.content.voice) nodes.push(make("div", "kind", "Voice message"));
  if (line.content.caption) nodes.push(words(line.content.caption));
  return nodes;
}

function place(content) {
  const where = `${content.latitude}, ${content.longitude}`;
  const detail = content.address ? `${content.address} · ${where}` : where;
  return card(PIN, content.name || "Location", detail);
}

function people(contacts) {
  return contacts.map((contact) => {
    const node = make("div", "card contact");
    const name = contact.name?.formatted_name || "Contact";
    const initial = make("span", "avatar c2", [...name][0]?.toUpperCase());
    initial.setAttribute("aria-hidden", "true");
    const text = make("span", "card-text");
    const who = make("strong", "", name);
    who.dir = "auto";
    text.append(who);
    const more = [contact.org?.company, ...(contact.phones || []).map((one) => one.phone),
      ...(contact.emails || []).map((one) => one.email)].filter(Boolean);
    for (const one of more) text.append(make("bdi", "", one));
    node.append(initial, text);
    return node;
  });
}

function header(content, media) {
  const head = content.header;
  if (!head) return [];
  if (head.type === "text") return [words(head.text, "words head")];
  if (head.type === "location") return [place(head.location || {})];
  return [mediaNode(head.type, head[head.type] || {}, media)];
}

function action(path, label, tapped) {
  const node = button("tap", "", tapped);
  const text = make("span", "", label);
  text.dir = "auto";
  node.append(icon(path, "0 0 24 24"), text);
  return node;
}

function followed(path, label, address) {
  const href = webAddress(address) || (address.startsWith("tel:") ? address : null);
  const node = href ? anchor("tap", href) : make("span", "tap");
  const text = make("span", "", label);
  text.dir = "auto";
  node.title = address;
  node.append(icon(path, "0 0 24 24"), text);
  return node;
}

function interactiveActions(line, answers) {
  const { type, action: what = {} } = line.content;
  if (type === "button") {
    return (what.buttons || []).map(({ reply }) => action(REPLY, reply.title, () => answers.reply(line, reply)));
  }
  if (type === "list") return [action(LIST, what.button, () => answers.list(line, what))];
  if (type === "cta_url") return [followed(LINK, what.parameters.display_text, what.parameters.url)];
  if (type === "location_request_message") {
    return [action(PIN, "Send location", () => answers.location(line))];
  }
  return [];
}

function templateActions(line, answers) {
  return (line.content.buttons || []).map((one) => {
    if (one.type === "QUICK_REPLY") return action(REPLY, one.text, () => answers.quickReply(line, one));
    if (one.type === "URL") return followed(LINK, one.text, one.url);
    if (one.type === "PHONE_NUMBER") {
      return followed(PHONE, one.text, "tel:+" + one.phone_number.replace(/\D/g, ""));
    }
    if (one.type === "COPY_CODE") {
      return action(COPY, `${one.text}: ${one.code}`, () => answers.copy(one.code));
    }
    return make("span", "tap", one.text || one.type);
  });
}

function withParts(line, body, actions) {
  const nodes = [...header(line.content, line.media)];
  if (body) nodes.push(words(body));
  const footer = line.content.footer?.text || line.content.footer;
  if (typeof footer === "string") nodes.push(words(footer, "footer"));
  if (actions.length) {
    const taps = make("div", "taps");
    taps.append(...actions);
    nodes.push(taps);
  }
  return nodes;
}

function chosen(content) {
  const reply = content[content.type] || {};
  const nodes = [words(reply.title || reply.body || content.type)];
  if (reply.description) nodes.push(words(reply.description, "footer"));
  return nodes;
}

// The nodes of a message; `answers` is what the guest's taps do. A guest may have been made to write
// anything, so what is not in shape is shown by its words.
export function contentOf(line, answers) {
  try {
    return shapeOf(line, answers);
  } catch {
    return [words(line.text)];
  }
}

function shapeOf(line, answers) {
  const { type, content } = line;
  if (!content) return [words(line.text)];
  if (KINDS.includes(type)) return mediaMessage(line);
  if (type === "location") return [place(content)];
  if (type === "contacts") return people(content);
  if (type === "interactive") {
    if (line.from === "guest") return chosen(content);
    return withParts(line, content.body?.text, interactiveActions(line, answers));
  }
  if (type === "template") return withParts(line, content.body, templateActions(line, answers));
  return [words(line.text)];
}
