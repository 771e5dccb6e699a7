// What every part of the page needs: nodes, times, names, and calls to the control API.

export const byId = (id) => document.getElementById(id);
export const keyOf = (guest) => guest.bsuid || guest.phone;
export const nameOf = (guest) => guest.name || guest.username || guest.phone || "Guest";
export const picked = () => decodeURIComponent(location.hash.slice(1)) || null;

export function make(tag, className, content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

// Words somebody wrote: their own direction, whatever the page's is.
export function words(text, className = "words") {
  const node = make("div", className, text);
  node.dir = "auto";
  return node;
}

export function button(className, label, tapped) {
  const node = make("button", className, label);
  node.type = "button";
  node.addEventListener("click", tapped);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(path, viewBox, className, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  if (className) svg.setAttribute("class", className);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const title = document.createElementNS(SVG, "title");
    title.textContent = label;
    svg.append(title);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const dayOf = (ms) => calendar.format(ms);

export function timeOf(ms) {
  const node = make("time", "", clock.format(ms));
  node.dateTime = new Date(ms).toISOString();
  node.dir = "auto";
  return node;
}

export async function call(method, path, body) {
  const file = body instanceof Blob;
  const response = await fetch("/simulator/" + path, {
    method,
    headers: body && !file ? { "content-type": "application/json" } : {},
    body: body && !file ? JSON.stringify(body) : body,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// What the guest whose phone is open does: "messages", "edit", "block" …
export const deed = (name, body) => call("POST", `guests/${encodeURIComponent(picked())}/${name}`, body);

// Does it, and shows why it was refused, if it was. Answers whether it was done.
export async function attempt(what) {
  const refused = byId("refused");
  try {
    await what();
    refused.hidden = true;
    return true;
  } catch (error) {
    refused.textContent = error instanceof TypeError ? "The simulator does not answer." : error.message;
    refused.hidden = false;
    return false;
  }
}
