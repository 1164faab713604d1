"use strict";
// Passages of the library as the citations of a right answer: search, choose, remove.

const cites = (at) => at.closest && at.closest("[data-cite]");
const cited = (place) => {
  try { return JSON.parse(place.querySelector("[name=cited]").value) || []; } catch { return []; }
};

function cite(place, chosen) {
  const field = place.querySelector("[name=cited]");
  field.value = chosen.length ? JSON.stringify(chosen) : "";
  showCited(place);
  field.dispatchEvent(new Event("input", { bubbles: true }));  // a page may keep what was typed
}

function showCited(place) {
  const chosen = cited(place);
  const rows = chosen.map(([passage, label]) => {
    const row = part('<li><span></span> <button type="button" class="quiet"></button></li>');
    row.firstElementChild.textContent = label;
    row.lastElementChild.textContent = place.querySelector('[data-cite-word="remove"]').textContent;
    row.lastElementChild.dataset.uncite = passage;
    return row;
  });
  place.querySelector("[data-cited]").replaceChildren(...rows);
  place.querySelectorAll("[data-passage]").forEach((box) => { box.checked = chosen.some(([passage]) => passage === box.dataset.passage); });
}

async function findPassages(place) {
  const list = place.querySelector("[data-cite-found]");
  const words = place.querySelector("[data-cite-search]").value;
  try {
    const answer = await ask(place.dataset.cite, new URLSearchParams({ q: words }));
    list.replaceChildren(part(answer.html));
    showCited(place);
    const first = answer.ok && list.querySelector("input");
    if (first) first.focus();
  } catch {
    list.replaceChildren(place.querySelector('[data-cite-word="failed"]').cloneNode(true));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-cite-search]")) return;
  event.preventDefault();  // it does not send the form around it
  findPassages(cites(event.target));
});
document.addEventListener("change", (event) => {
  const box = event.target;
  if (!box.matches("[data-passage]")) return;
  const others = cited(cites(box)).filter(([passage]) => passage !== box.dataset.passage);
  cite(cites(box), box.checked ? [...others, [box.dataset.passage, box.dataset.label]] : others);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-uncite]");
  if (!button) return;
  const place = cites(button);
  cite(place, cited(place).filter(([passage]) => passage !== button.dataset.uncite));
  place.querySelector("[data-cite-search]").focus();
});
document.querySelectorAll("[data-cite]").forEach(showCited);  // a form that came back with what was chosen
document.addEventListener("restored", (event) => event.target.querySelectorAll("[data-cite]").forEach(showCited));
