"use strict";
// Asking: Enter sends, Shift and Enter begin a new line. A question is kept until it has a page.

document.querySelectorAll("[data-ask]").forEach((form) => {
  const field = form.querySelector("textarea");
  const place = `ask:${usecase}`;
  const offline = form.querySelector("[data-offline]");
  // The page of a question has come, so nothing of it is kept. A browser ends its lines with one sign.
  const asked = (form.dataset.asked || "").trim();
  if (asked && (drawer.read(place) || "").trim() === asked) drawer.write(place, null);
  if (!field.value) field.value = drawer.read(place) || "";
  field.addEventListener("input", () => drawer.write(place, field.value || null));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();  // of nothing but blanks too: the answer says what to do
  });
  form.addEventListener("submit", (event) => {
    offline.hidden = navigator.onLine;
    if (!navigator.onLine) event.preventDefault();  // the browser's own page would take the place of this one
  });
  window.addEventListener("online", () => { offline.hidden = true; });
});
