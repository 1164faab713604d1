"use strict";
// Data tables: how many rows are selected, and whether they fit. Without script, the buttons say nothing of the number
// and every table scrolls in its box.

function selection(form) {
  const boxes = [...form.elements].filter((field) => field.name === "row");
  const chosen = boxes.filter((box) => box.checked).length;
  const said = form.querySelector("[data-selected]");
  const text = said.dataset.selected.replace("{n}", chosen);
  if (form.hidden !== !chosen) form.hidden = !chosen;
  // Only what differs: writing it is itself a change of the page.
  if (said.textContent !== text) said.textContent = text;
}

const selections = () => document.querySelectorAll(".table-selected").forEach(selection);
document.addEventListener("change", (event) => {
  if (event.target.name === "row" && event.target.form) selection(event.target.form);
});
window.addEventListener("pageshow", selections);

const fitting = () => document.querySelectorAll(".table-box").forEach((box) => {
  const fits = box.firstElementChild.offsetWidth <= box.offsetWidth;
  if (box.classList.contains("fits") !== fits) box.classList.toggle("fits", fits);
});
window.addEventListener("pageshow", fitting);
window.addEventListener("resize", fitting);
// Parts of the page are replaced while it is open.
new MutationObserver(() => { selections(); fitting(); }).observe(document.getElementById("main"), {
  childList: true, subtree: true, attributes: true, attributeFilter: ["hidden", "class"],
});

// Space selects the row that has the focus.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target.closest("[data-list] > tr > th > :is(a, [tabindex])");
  const box = at && at.closest("th").querySelector("input[name=row]");
  if (!box) return;
  event.preventDefault();
  box.click();
});
