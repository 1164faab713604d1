"use strict";
// Live pages: the server sends what changed, and the page takes it in without losing what somebody
// has chosen, opened, typed or is about to press.

// What somebody fills in, has chosen or has just sent is not changed under their hands: the next
// letter would be lost, or be taken for a command.
const FIELDS = ":is(input:not([type=hidden], [type=range]), textarea, select)";
const inUse = (field) => field === document.activeElement || changed(field);
function inHand(element) {
  if (element.matches(FIELDS) && inUse(element)) return true;
  return element.matches("[data-sent]") || element.querySelector("[data-sent]") !== null
    || [...element.querySelectorAll(FIELDS)].some(inUse);
}

// What a link, button or form does. Two that do the same are one, wherever they stand.
function does(element) {
  if (element.matches("a")) return `a ${element.getAttribute("href")}`;
  if (element.matches("form")) {
    const hidden = [...element.querySelectorAll("input[type=hidden]:not([data-read])")];
    return `form ${element.method} ${element.getAttribute("action")} ${hidden.map((input) => `${input.name}=${input.value}`).join("&")}`;
  }
  const form = element.closest("form");
  return `${element.localName} ${element.name || ""}=${element.value || ""} ${element.textContent.trim()} ${form ? does(form) : ""}`;
}

// Marks of what is the same before and after: rows are then matched by what stands in them, not by
// their place. A focused button would otherwise come to do what another one did.
const MARKED = ":is(a[href], form, form button):not([id])";
const numbers = new Map();
function mark(tree) {
  const times = new Map();
  const marked = [...tree.querySelectorAll(MARKED)];
  const ids = marked.map((element) => {
    const key = does(element);
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    times.set(key, (times.get(key) || 0) + 1);
    return `live-${numbers.get(key)}-${times.get(key)}`;
  });
  marked.forEach((element, at) => element.setAttribute("id", ids[at]));
}
const unmark = () => document.querySelectorAll("[id^='live-']").forEach((element) => element.removeAttribute("id"));

// A word is about what was read, also if the page has moved on under the reader: what such a field
// held when its reader first saw it is what goes out.
const read = new Map();
function asRead() {
  document.querySelectorAll("main [data-read]").forEach((input) => {
    const form = input.closest("form");
    const key = `${form ? form.getAttribute("action") : ""} ${input.name}`;
    if (!read.has(key)) read.set(key, input.value);
    input.setAttribute("value", read.get(key));
    input.value = read.get(key);
  });
}

function selected(node) {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
}

const KEEP = {
  morphStyle: "innerHTML",
  callbacks: {
    beforeNodeMorphed: (before) => {
      if (before.nodeType !== Node.ELEMENT_NODE) return !selected(before);
      if (before.matches("[type=range], [data-part], [data-own], dialog[open]")) return false;
      return !(before.matches(`form, ${FIELDS}`) && inHand(before));
    },
    beforeNodeRemoved: (node) => node.nodeType !== Node.ELEMENT_NODE || !(inHand(node) || node.matches("dialog[open]")),
    beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details, dialog")),
  },
};

function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const main = fresh.getElementById("main");
  if (!main) return;
  const focused = document.activeElement;
  const field = focused && focused.closest("main") && focused.matches(FIELDS) ? focused : null;
  const [start, end] = field && field.matches("textarea, [type=text], input:not([type])") ? [field.selectionStart, field.selectionEnd] : [];
  const meant = focused && focused.closest("main") && focused.matches("a, button") && does(focused);
  [[document.getElementById("main"), main], [document.querySelector(".tabs"), fresh.querySelector(".tabs")]].forEach(([old, now]) => {
    if (!old || !now) return;
    mark(old);
    mark(now);
    Idiomorph.morph(old, now.innerHTML, KEEP);
  });
  unmark();
  asRead();
  whatif();
  localTimes();
  const at = document.activeElement;
  // A field that was moved has lost the focus: the next letter would be a command.
  if (field && field.isConnected && at !== field) {
    field.focus({ preventScroll: true });
    if (start !== undefined) field.setSelectionRange(start, end);
  }
  if (meant && !(at && at.matches("a, button") && does(at) === meant)) {
    const again = [...document.querySelectorAll("main :is(a, button)")].find((element) => does(element) === meant);
    if (again) again.focus({ preventScroll: true });
    else if (at) at.blur();
  }
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).text();
}

if ("live" in document.body.dataset) {
  asRead();
  const button = document.querySelector("[data-pause]");
  const name = `roadbed:${person}:paused`;
  let paused = stored();
  let source = null, pieces = null, last = document.body.dataset.at || "";
  let turn = Promise.resolve();

  function stored() {
    try { return localStorage.getItem(name) === "yes"; } catch { return false; }
  }

  function arrive(event) {
    last = event.lastEventId || last;
    // One after the other: a packed event takes a moment, and the next one builds on it.
    turn = turn.then(async () => {
      const told = JSON.parse(event.type === "packed" ? await unpack(event.data) : event.data);
      pieces = told.all || told.steps.flatMap((step) => typeof step === "string" ? [step] : pieces.slice(step[0], step[0] + step[1]));
      take(pieces.join(""));
    });
  }

  // A page that nobody sees, or that is to stay as it is, has no stream. Afterwards it catches up.
  function listen() {
    const wanted = !paused && !document.hidden;
    if (wanted && (source === null || source.readyState === EventSource.CLOSED)) {
      source = new EventSource(`/live?page=${encodeURIComponent(location.pathname + location.search)}&at=${last}`);
      source.addEventListener("change", arrive);
      source.addEventListener("packed", arrive);
      source.addEventListener("ready", () => { document.body.dataset.streaming = ""; });
    }
    if (!wanted && source !== null) {
      source.close();
      source = null;
      delete document.body.dataset.streaming;
    }
    if (button) {
      button.hidden = false;
      button.setAttribute("aria-pressed", String(paused));
      button.textContent = paused ? button.dataset.paused : button.dataset.pause;
    }
  }

  if (button) button.addEventListener("click", () => {
    paused = !paused;
    try { localStorage.setItem(name, paused ? "yes" : "no"); } catch { /* then for this page only */ }
    listen();
  });
  document.addEventListener("visibilitychange", listen);
  listen();
}
