"use strict";
// The review desk: one item after the other, by keys.

Object.assign(pageKeys, reviewDesk(document.body.dataset.desk));

function reviewDesk(path) {
  const place = document.getElementById("item");
  const result = document.getElementById("result");
  const NO_ANSWER = word("no-answer");
  const GONE = ["review_closed", "review_taken", "review_superseded", "review_held", "review_unknown", "content_changed", "own_task"];
  const NOTHING_LEFT = ["nothing_to_undo", "review_known_case", "review_closed", "review_taken", "review_superseded", "review_unknown"];
  const MOST_DONE = 50;
  let current = null, following = null, busy = false, last = "", unsure = "";
  let done = drawer.read(`done:${usecase}`) || [];

  // What somebody types after "e" while an item is on its way: it belongs into its field.
  let early = null;

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
    node.dispatchEvent(new Event("restored", { bubbles: true }));
    if (id(node) || "empty" in node.dataset) drawer.write(`at:${usecase}`, id(node) || null);
    following = id(node) ? fetchNext(id(node)).catch(() => null) : null;
    if (!id(node)) setTimeout(refill, 3000);
    else if (node.dataset.blind === "yes") place.querySelector(".text").scrollIntoView({ block: "nearest" });
    if (!busy) write();
  }

  // Where a right answer begins: passages where they are picked, otherwise its first field.
  const answer = () => current && (current.querySelector("[data-cite-search]") || current.querySelector("[name^='output.']"));

  // A search begins with other words, which replace those of the question.
  function enter(field) {
    field.focus();
    if (field.matches("[data-cite-search]")) field.select();
  }

  function write() {
    const text = early;
    const field = text !== null && id(current) && answer();
    if (!field) return;
    early = null;
    enter(field);
    if (!text || field.matches("select, [type=checkbox]")) return;
    if (field.matches("[data-cite-search]")) field.value = "";
    field.value += text;
    keep();
  }

  function wait(event) {
    if (early === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.length === 1) early += event.key;
    else if (event.key === "Backspace") early = early.slice(0, -1);
    else if (event.key === "Escape") early = null;
    else if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopImmediatePropagation();
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
    const choice = told.querySelector("button:not([data-new])");  // a second Enter makes no new label
    if (choice) choice.focus();
    return told.dataset.code || "";
  }

  function say(text) {
    const told = part('<p class="told"></p>');
    told.textContent = text;
    result.replaceChildren(told);
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
    const said = part('<p class="small" data-typed><strong></strong> <span></span></p>');
    said.firstElementChild.textContent = word("typed");
    said.lastElementChild.textContent = Object.entries(fields)
      .map(([name, value]) => `${name.replace(/^output\./, "")}: ${value}`).join("; ");
    result.append(said);
  }

  async function advance(left) {
    const next = await following;
    // Whatever was fetched ahead may have been closed elsewhere or be what was just undone.
    show(next && id(next) && id(next) !== left ? next : await fetchNext(left));
    // The new item has the focus, so that it is read aloud; keys work as before.
    const text = place.querySelector(".text, .lead");
    if (text) { text.tabIndex = -1; text.focus({ preventScroll: true }); }
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
      if (taken) trouble(NO_ANSWER, word("stored"));
      else trouble(NO_ANSWER, word("try-again"));
      if (taken) follow(left);
    } finally {
      busy = false;
      write();
    }
  }

  // The verdict is on disk, only the next item is not here yet.
  function follow(left) {
    current = part('<p class="small"></p>');
    current.textContent = word("fetching");
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
    const cited = current.querySelector("[name=cited]");
    const typedAny = [...current.querySelectorAll("[name^='output.']")].some((output) => output.value);
    if (field && !field.value && !acted && !(cited && cited.value)) { enter(typedAny ? field : answer()); return; }
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
    if (!review) say(word("nothing"));
    if (!review || busy) return;
    busy = true;
    try {
      const answer = await ask(`${path}/${review}/undo`);
      if (answer.ok) {
        forget(review);
        const node = part(answer.html);
        const passed = id(node) === review ? "" : ` ${word("passed-on")}`;
        show(node);
        say(word("undone") + passed);
      } else if (tell(answer.html) === "nothing_to_undo" && unsure === review) {
        // It was taken back before: only the answer was lost.
        forget(review);
        show(await fetchNext("", review));
        say(word("undone"));
      } else if (NOTHING_LEFT.includes(result.firstElementChild.dataset.code)) forget(review);
      unsure = "";
    } catch {
      unsure = review;
      trouble(NO_ANSWER, word("press-u"));
    } finally {
      busy = false;
      write();
    }
  }

  async function begin() {
    const before = document.body.dataset.first || drawer.read(`at:${usecase}`);
    if (document.body.dataset.first) history.replaceState(null, "", path);  // a reload shows what is there then
    try {
      const node = await fetchNext("", before);
      if (node.dataset.lost) {
        trouble(node.dataset.lost, word("next"));
        tellTyped(drawer.read(`typed:${before}`));
      }
      show(node);
    } catch {
      trouble(NO_ANSWER, word("later"));
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
  document.addEventListener("keydown", wait, true);
  begin();

  const field = (selector) => current && current.querySelector(selector);
  return {
    a: () => id(current) && current.dataset.blind === "no" && current.dataset.answer === "yes" && verdict("accept"),
    e: () => {
      const at = answer();
      if (busy || !(id(current) || current && "empty" in current.dataset)) early = "";
      else if (at) enter(at);
    },
    x: () => verdict("reject"), s: () => send("/skip"), u: undo,
    w: () => { const at = field("[name='new_kind']"); if (at) { at.checked = !at.checked; keep(); } },
    p: () => { const at = field("[data-cite-search]"); if (at) enter(at); },
    n: () => { const at = field("[name='note']"); if (at) at.focus(); },
  };
}
