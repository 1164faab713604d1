"use strict";
// Keys, the review desk, live figures. Nothing here decides anything: every verb is a request.

const typing = (at) => at.closest("input, textarea, select");
const usecase = document.body.dataset.usecase;

async function ask(path, body) {
  const answer = await fetch(path, { method: "POST", body, headers: { "x-part": "1" } });
  return { ok: answer.ok, html: await answer.text() };
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
    i: usecase && `/usecases/${usecase}/proposals`,
    y: "/account", m: usecase && `/usecases/${usecase}/members`,
    p: usecase && `/usecases/${usecase}/trust`, d: usecase && `/usecases/${usecase}/deliveries`,
    v: usecase && `/usecases/${usecase}/releases`, n: usecase && `/usecases/${usecase}/notebook`,
    l: usecase && `/usecases/${usecase}/versions`, o: usecase && `/usecases/${usecase}/outcomes`,
  };
  if (places[key]) location.assign(places[key]);
}

function move(step) {
  const links = [...document.querySelectorAll("[data-list] > li > a, [data-list] > tr > th > a")];
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

// --- the palette: pages, use cases, people, tasks and actions by their first letters

const palette = document.getElementById("palette");
const asked = palette && palette.querySelector("input");
let lastAsked = 0;

function openPalette() {
  if (!palette || palette.open) return;
  asked.value = "";
  palette.showModal();
  offer();
}

async function offer() {
  const turn = ++lastAsked;
  const answer = await fetch(`/palette?q=${encodeURIComponent(asked.value)}`, { headers: { "x-part": "1" } });
  if (!answer.ok || turn !== lastAsked) return;
  palette.querySelector("[data-offered]").replaceChildren(part(await answer.text()));
  choose(0);
}

function choose(step) {
  const options = [...palette.querySelectorAll("[role=option]")];
  if (!options.length) return;
  const at = options.findIndex((option) => option.ariaSelected === "true");
  const next = options[(Math.max(at, 0) + step + options.length) % options.length];
  options.forEach((option) => { option.ariaSelected = String(option === next); });
  asked.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

if (palette) {
  asked.addEventListener("input", offer);
  palette.addEventListener("keydown", (event) => {
    const chosen = palette.querySelector("[aria-selected=true] a");
    const act = {
      ArrowDown: () => choose(1), ArrowUp: () => choose(-1),
      Enter: () => chosen && location.assign(chosen.href),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (going) { going = false; go(event.key); return; }
  const search = document.querySelector("[data-search]");
  const act = {
    "?": () => document.getElementById("keys").showModal(),
    g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
    j: () => move(1), k: () => move(-1), t: tables,
    "/": () => search && search.focus(),
  }[event.key] || (desk && desk.keys[event.key]) || keyed(event.key);
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

// A form goes out once; what takes a while says so on its button.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method !== "post") return;
  event.target.dataset.sent = "1";
  const button = event.submitter;
  if (button) setTimeout(() => { button.setAttribute("aria-busy", "true"); }, 400);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-sent]").forEach((form) => { delete form.dataset.sent; });
  document.querySelectorAll("[aria-busy]").forEach((element) => { element.removeAttribute("aria-busy"); });
});

async function copy(button, text) {
  const before = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
  catch { window.prompt("Copy:", text); }
  setTimeout(() => { button.textContent = before; }, 1200);
}

// --- what must outlive a reload: in this tab, for whoever is signed in

const person = (document.querySelector("[data-person]") || { dataset: {} }).dataset.person;
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

// --- the review desk

const desk = document.body.dataset.desk ? reviewDesk(document.body.dataset.desk) : null;

function reviewDesk(path) {
  const place = document.getElementById("item");
  const result = document.getElementById("result");
  const NO_ANSWER = "The server does not answer.";
  const GONE = ["review_closed", "review_taken", "review_superseded", "review_held", "review_unknown", "content_changed", "own_task"];
  const NOTHING_LEFT = ["nothing_to_undo", "review_known_case", "review_closed", "review_taken", "review_superseded", "review_unknown"];
  const MOST_DONE = 50;
  let current = null, following = null, busy = false, last = "", unsure = "";
  let done = drawer.read(`done:${usecase}`) || [];

  const id = (node) => (node && node.dataset.review) || "";
  const fetchNext = async (after, first) =>
    part((await ask(`${path}/next?after=${after}${first ? `&first=${encodeURIComponent(first)}` : ""}`)).html);

  function remember(review) {
    done = done.filter((earlier) => earlier !== review).concat(review).slice(-MOST_DONE);
    drawer.write(`done:${usecase}`, done);
  }

  function forget(review) {
    done = done.filter((earlier) => earlier !== review);
    drawer.write(`done:${usecase}`, done.length ? done : null);
  }

  // What somebody typed, by the name of each field; null where nothing is typed.
  const typed = (node) => {
    const fields = [...node.querySelectorAll(":is(input:not([type=hidden]), textarea, select)[name]")].filter(changed);
    return fields.length ? Object.fromEntries(fields.map((field) => [field.name, field.type === "checkbox" ? field.checked : field.value])) : null;
  };

  function keep() {
    if (id(current)) drawer.write(`typed:${id(current)}`, typed(current));
  }

  function restore(node) {
    Object.entries(drawer.read(`typed:${id(node)}`) || {}).forEach(([name, value]) => {
      const field = node.querySelector(`[name="${CSS.escape(name)}"]`);
      if (!field) return;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      const folded = field.closest("details");
      if (folded) folded.open = true;
    });
  }

  function show(node) {
    current = node;
    if (id(node)) restore(node);
    place.replaceChildren(node);
    if (id(node) || "empty" in node.dataset) drawer.write(`at:${usecase}`, id(node) || null);
    following = id(node) ? fetchNext(id(node)).catch(() => null) : null;
    if (!id(node)) setTimeout(refill, 3000);
    else if (node.dataset.blind === "yes") place.querySelector(".text").scrollIntoView({ block: "nearest" });
  }

  async function refill() {
    if (current && id(current)) return;
    try { show(await fetchNext("")); }
    catch { setTimeout(refill, 3000); }
  }

  function tell(html) {
    const told = part(html);
    if (told.dataset.waiting) document.getElementById("waiting").textContent = told.dataset.waiting;
    result.replaceChildren(told);
    const choice = told.querySelector("button");
    if (choice) choice.focus();
    return told.dataset.code || "";
  }

  function trouble(problem, more) {
    const told = part('<p class="problem" role="alert"><strong></strong> <span></span></p>');
    told.firstElementChild.textContent = problem;
    told.lastElementChild.textContent = more;
    result.replaceChildren(told);
  }

  // An item that is not for us any more: what was typed for it can still be read and copied.
  function tellTyped(fields) {
    if (!fields) return;
    const said = part('<p class="small" data-typed>You had typed: <span></span></p>');
    said.lastElementChild.textContent = Object.entries(fields)
      .map(([name, value]) => `${name.replace(/^output\./, "")}: ${value}`).join("; ");
    result.append(said);
  }

  async function advance(left) {
    const next = await following;
    // Whatever was fetched ahead may have been closed elsewhere or be what was just undone.
    show(next && id(next) && id(next) !== left ? next : await fetchNext(left));
  }

  async function send(suffix, body) {
    if (busy || !id(current)) return;
    busy = true;
    const left = id(current);
    let taken = false;
    try {
      const answer = await ask(`${path}/${left}${suffix}`, body);
      const code = tell(answer.html);
      if (answer.ok) {
        taken = true;
        remember(left);
        if (!suffix) drawer.write(`typed:${left}`, null);
        await advance(left);
      } else if (GONE.includes(code)) {
        tellTyped(typed(current));
        if (code === "review_closed") drawer.write(`typed:${left}`, null);
        show(await fetchNext(code === "content_changed" ? "" : left));
      }
    } catch {
      if (taken) trouble(NO_ANSWER, "Your verdict is stored. The next review appears when the server answers.");
      else trouble(NO_ANSWER, "What you typed is still here; try again.");
      if (taken) follow(left);
    } finally { busy = false; }
  }

  // The verdict is on disk, only the next item is not here yet.
  function follow(left) {
    current = part('<p class="small">Fetching the next one …</p>');
    place.replaceChildren(current);
    const again = () => fetchNext(left).then(show).catch(() => setTimeout(again, 1000));
    setTimeout(again, 1000);
  }

  function verdict(kind, more) {
    if (!id(current)) return undefined;
    last = kind;
    const body = new URLSearchParams(new FormData(current));
    body.set("verdict", kind);
    Object.entries(more || {}).forEach(([name, value]) => body.set(name, value));
    return send("", body);
  }

  function correct() {
    const field = current.querySelector("[name^='output.']");
    // Whoever changes the actions alone leaves the answer as it is.
    const acted = current.dataset.answer === "yes" && [...current.querySelectorAll("[name^='action.']")].some(changed);
    if (field && !field.value && !acted) { field.focus(); return; }
    verdict("correct");
  }

  // The known label in the place of the one that was stopped.
  function use(button) {
    const field = current.querySelector(`[name="output.${CSS.escape(button.dataset.field)}"]`);
    if (!field) return;
    const whole = field.matches("input, select");
    field.value = whole ? button.dataset.use : field.value.replaceAll(JSON.stringify(button.dataset.typed), JSON.stringify(button.dataset.use));
    keep();
    verdict("correct");
  }

  async function undo() {
    const review = done[done.length - 1];
    if (!review || busy) return;
    busy = true;
    try {
      const answer = await ask(`${path}/${review}/undo`);
      if (answer.ok) {
        forget(review);
        const node = part(answer.html);
        const passed = id(node) === review ? "" : " You were shown what the decider said, so somebody else labels it.";
        show(node);
        result.replaceChildren(part(`<p class="told">Undone.${passed}</p>`));
      } else if (tell(answer.html) === "nothing_to_undo" && unsure === review) {
        // It was taken back before: only the answer was lost.
        forget(review);
        show(await fetchNext("", review));
        result.replaceChildren(part('<p class="told">Undone.</p>'));
      } else if (NOTHING_LEFT.includes(result.firstElementChild.dataset.code)) forget(review);
      unsure = "";
    } catch {
      unsure = review;
      trouble(NO_ANSWER, "Nothing is lost. Press u again.");
    } finally { busy = false; }
  }

  async function begin() {
    const before = drawer.read(`at:${usecase}`);
    try {
      const node = await fetchNext("", before);
      if (node.dataset.lost) {
        trouble(node.dataset.lost, "This is the next review.");
        tellTyped(drawer.read(`typed:${before}`));
      }
      show(node);
    } catch {
      trouble(NO_ANSWER, "The next review appears when the server answers.");
      setTimeout(begin, 3000);
    }
  }

  place.addEventListener("submit", (event) => { event.preventDefault(); correct(); });
  place.addEventListener("input", keep);
  place.addEventListener("change", keep);
  place.addEventListener("click", (event) => {
    const at = event.target.closest("button[data-verdict], button[data-skip]");
    if (!at || at.type === "submit") return;
    if ("skip" in at.dataset) send("/skip");
    else verdict(at.dataset.verdict);
  });
  result.addEventListener("click", (event) => {
    const at = event.target.closest("button[data-use], button[data-new]");
    if (!at) return;
    if (at.dataset.use) use(at);
    else verdict(last, { new_labels: "yes" });
  });
  begin();

  const field = (selector) => current && current.querySelector(selector);
  return { keys: {
    a: () => id(current) && current.dataset.blind === "no" && current.dataset.answer === "yes" && verdict("accept"),
    e: () => { const at = field("[name^='output.']"); if (at) at.focus(); },
    x: () => verdict("reject"), s: () => send("/skip"), u: undo,
    w: () => { const at = field("[name='new_kind']"); if (at) { at.checked = !at.checked; keep(); } },
    n: () => { const at = field("[name='note']"); if (at) at.focus(); },
  } };
}

// --- what another limit would mean

function whatif() {
  document.querySelectorAll("[data-whatif]").forEach((holder) => {
    const said = holder.querySelector("p");
    const slider = holder.querySelector("input");
    const tell = () => { said.textContent = holder.querySelectorAll("li")[slider.value].textContent; };
    slider.addEventListener("input", tell);
    tell();
  });
}
whatif();

// What somebody fills in, has chosen or has just sent is not pulled away from under their hands: the
// next letter would be lost, or be taken for a command.
function inHand() {
  const fields = "main :is(input:not([type=hidden]), textarea, select)";
  return (document.activeElement && document.activeElement.matches(fields)) || document.querySelector("main [data-sent]")
    || [...document.querySelectorAll(fields)].some(changed);
}

// What tells that a link or button does the same on the next version of the page.
function same(element) {
  const form = element.closest("form");
  return element.getAttribute("href") || element.outerHTML + (form ? form.outerHTML : "");
}

function changed(field) {
  if (field.type === "range") return false;
  if (field.options) return field.selectedIndex !== Math.max([...field.options].findIndex((option) => option.defaultSelected), 0);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

// On a narrow page the tabs scroll: the current one is in view.
document.querySelectorAll(".tabs [aria-current]").forEach((tab) => tab.scrollIntoView({ block: "nearest", inline: "center" }));

// --- live figures: on a tick, fetch the page again and put the new parts in place

if ("live" in document.body.dataset) {
  let waiting = false;
  let missed = false;
  let first = true;
  new EventSource("/live").onmessage = () => {
    if (first) first = false;
    else renew();
  };
  const catchUp = () => { if (missed) renew(); };
  document.addEventListener("focusout", () => setTimeout(catchUp));
  document.addEventListener("visibilitychange", catchUp);
  async function renew() {
    if (waiting || document.hidden || inHand()) { missed = true; return; }
    waiting = true;
    missed = false;
    try {
      const fresh = new DOMParser().parseFromString(await (await fetch(location.href, { headers: { "x-live": "1" } })).text(), "text/html");
      if (inHand()) { missed = true; return; }  // begun while the parts were on their way
      const main = fresh.getElementById("main");
      const focused = document.activeElement && document.activeElement.closest("main") && same(document.activeElement);
      const open = [...document.querySelectorAll("[data-table]")].map((table) => table.open);
      const slid = [...document.querySelectorAll("[data-whatif] input")].map((input) => input.value);
      const read = document.querySelector("main [data-read]");
      if (main) document.getElementById("main").replaceChildren(...main.childNodes);
      const [tabs, counted] = [document.querySelector(".tabs"), fresh.querySelector(".tabs")];
      if (tabs && counted && !tabs.contains(document.activeElement)) tabs.replaceChildren(...counted.childNodes);
      // A word is about what was read, also if the page has moved on under the reader.
      const now = document.querySelector("main [data-read]");
      if (read && now) now.value = read.value;
      document.querySelectorAll("[data-table]").forEach((table, at) => { table.open = open[at]; });
      document.querySelectorAll("[data-whatif] input").forEach((input, at) => { if (slid[at]) input.value = slid[at]; });
      whatif();
      const again = focused && [...document.querySelectorAll("main :is(a, button, summary)")].find((element) => same(element) === focused);
      if (again) again.focus({ preventScroll: true });
    } finally {
      // What happened meanwhile may have been the last thing for a long time.
      setTimeout(() => { waiting = false; catchUp(); }, 1000);
    }
  }
}
