"use strict";
// Keys, dialogs and forms of every page. Nothing here decides anything: every verb is a request.
// The scripts after this one use its names: classic scripts share one scope.

const typing = (at) => at.closest("input, textarea, select");
const usecase = document.body.dataset.usecase;
const person = (document.querySelector("[data-person]") || { dataset: {} }).dataset.person;
const pageKeys = {};  // what one page adds, by key

async function ask(path, body) {
  const answer = await fetch(path, { method: "POST", body, headers: { "x-part": "1" } });
  return { ok: answer.ok, html: await answer.text() };
}

// A text of the page in the language of its reader.
function word(name) {
  return document.querySelector(`[data-word="${name}"]`).textContent;
}

function part(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
}

// --- moving about

let going = false;
function go(key) {
  const places = {
    h: "/", u: "/usecases", t: "/receipts", r: usecase && `/usecases/${usecase}/reviews`,
    i: usecase && `/usecases/${usecase}/proposals`, a: usecase && `/usecases/${usecase}/ask`,
    y: "/account", m: usecase && `/usecases/${usecase}/members`,
    p: usecase && `/usecases/${usecase}/trust`, d: usecase && `/usecases/${usecase}/deliveries`,
    v: usecase && `/usecases/${usecase}/releases`, n: usecase && `/usecases/${usecase}/notebook`,
    l: usecase && `/usecases/${usecase}/versions`, o: usecase && `/usecases/${usecase}/outcomes`,
  };
  if (places[key]) location.assign(places[key]);
}

function move(step) {
  const links = [...document.querySelectorAll("[data-list] > li > a, [data-list] > tr > th > :is(a, [tabindex])")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + step, 0), links.length - 1)].focus();
}

// A button or link that names its key.
function keyed(key) {
  const wanted = `[data-key="${CSS.escape(key)}"]`;
  // In a list of cards that all have the same keys, the one with the focus is meant.
  const card = document.activeElement && document.activeElement.closest("[data-list] > li");
  const at = (card && card.querySelector(wanted)) || document.querySelector(wanted);
  return at && (() => at.click());
}

function tables() {
  const all = [...document.querySelectorAll("[data-table]")];
  const open = all.some((details) => !details.open);
  all.forEach((details) => { details.open = open; });
}

// The browser honours autofocus with the first frame; who types at once would lose a letter.
const first = document.querySelector("[autofocus]");
if (first) first.focus();

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A key that is held down acts once, also if the page it opened has an act of the same key.
  if (event.repeat && event.key === "Enter" && !event.target.matches("textarea")) { event.preventDefault(); return; }
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.repeat && !"jk".includes(event.key)) return;
  if (event.key.length === 1 && event.key !== "?" && kept.read("keys") === "off") return;
  if (going) { going = false; go(event.key); return; }
  const search = document.querySelector("[data-search]");
  const act = {
    "?": () => document.getElementById("keys").showModal(),
    g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
    j: () => move(1), k: () => move(-1), t: tables,
    "/": () => search && search.focus(),
  }[event.key] || pageKeys[event.key] || keyed(event.key);
  if (act) { event.preventDefault(); act(); }
});

document.addEventListener("click", async (event) => {
  const at = event.target.closest("button");
  if (!at) return;
  if (at.dataset.edit) edit(document.getElementById(at.dataset.edit));
  if ("palette" in at.dataset) openPalette();
  if (at.dataset.open) document.getElementById(at.dataset.open).showModal();
  if (at.dataset.copy) await copy(at, at.dataset.copy);
  if ("copyLink" in at.dataset) await copy(at, location.href);
});

function edit(details) {
  details.open = true;
  details.querySelector("textarea, input:not([type=hidden])").focus();
}

// Parts that take a while to make come after the page.
document.querySelectorAll("[data-part]").forEach(async (place) => {
  const answer = await fetch(place.dataset.part, { headers: { "x-part": "1" } });
  if (answer.ok) place.replaceChildren(part(await answer.text()));
});

// Enter in a field does not choose among several answers: browsers take the first button. It goes there.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || event.defaultPrevented || !field.matches("input") || !field.form) return;
  const answers = [...field.form.elements].filter((at) => at.matches("button[name]") && at.type === "submit" && !at.disabled);
  if (answers.length < 2) return;
  event.preventDefault();
  answers[0].focus();
});

// A form goes out once; what takes a while says so on its button.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method !== "post") return;
  event.target.dataset.sent = "1";
  const button = event.submitter;
  if (button) setTimeout(() => { button.dataset.busy = word("working"); button.setAttribute("aria-busy", "true"); }, 400);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-sent]").forEach((form) => { delete form.dataset.sent; });
  document.querySelectorAll("[aria-busy]").forEach((element) => { element.removeAttribute("aria-busy"); });
});

async function copy(button, text) {
  const before = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = word("copied"); }
  catch { window.prompt(word("copy"), text); }
  setTimeout(() => { button.textContent = before; }, 1200);
}

// --- what this browser keeps for whoever is signed in

const kept = {
  at: (name) => `roadbed:${person}:${name}`,
  read(name) {
    try { return localStorage.getItem(kept.at(name)); } catch { return null; }
  },
  write(name, value) {
    try { localStorage.setItem(kept.at(name), value); } catch { /* then for this page only */ }
  },
};
// Single keys can be switched off: what listens to speech types letters too.
const singleKeys = document.getElementById("single-keys");
if (singleKeys) {
  singleKeys.checked = kept.read("keys") !== "off";
  singleKeys.addEventListener("change", () => kept.write("keys", singleKeys.checked ? "on" : "off"));
}

// Moments are shown in the reader's own time, and in UTC where the pointer rests.
function localTimes() {
  document.querySelectorAll("time[data-exact]").forEach((time) => {
    const at = new Date(time.dateTime);
    if (time.dataset.exact === "done" || Number.isNaN(at.getTime())) return;
    time.title = time.textContent;
    time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    time.dataset.exact = "done";
  });
}
localTimes();

// --- what must outlive a reload: in this tab, for whoever is signed in

const drawer = {
  at: (name) => `roadbed:${person}:${name}`,
  read(name) {
    try { return JSON.parse(sessionStorage.getItem(drawer.at(name))); } catch { return null; }
  },
  write(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(drawer.at(name));
      else sessionStorage.setItem(drawer.at(name), JSON.stringify(value));
    } catch { /* a browser may keep nothing: then only a reload loses it */ }
  },
  // Nothing is kept for somebody who signed out, or for whoever comes after them.
  clear(all) {
    try {
      const own = `roadbed:${person}:`;
      Object.keys(sessionStorage).filter((key) => key.startsWith("roadbed:") && (all || !person || !key.startsWith(own)))
        .forEach((key) => sessionStorage.removeItem(key));
    } catch { /* as above */ }
  },
};
drawer.clear(false);
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/sign-out") drawer.clear(true);
});

function changed(field) {
  if (field.type === "range") return false;
  if (field.options) return field.selectedIndex !== Math.max([...field.options].findIndex((option) => option.defaultSelected), 0);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

// --- what another limit would mean

function whatif() {
  document.querySelectorAll("[data-whatif]").forEach((holder) => {
    holder.querySelector("p").textContent = holder.querySelectorAll("li")[holder.querySelector("input").value].textContent;
  });
}
document.addEventListener("input", (event) => {
  const holder = event.target.closest("[data-whatif]");
  if (!holder) return;
  whatif();
  // The view is a link: the address says which limit is looked at.
  const address = new URL(location.href);
  address.searchParams.set("limit", holder.querySelectorAll("li")[event.target.value].dataset.limit);
  history.replaceState(null, "", address);
});
whatif();

// On a narrow page the tabs scroll: the current one is in view.
document.querySelectorAll(".tabs [aria-current]").forEach((tab) => tab.scrollIntoView({ block: "nearest", inline: "center" }));
