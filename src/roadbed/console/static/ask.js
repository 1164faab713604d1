"use strict";
// Asking: Enter sends, Shift and Enter begin a new line.

document.querySelectorAll("[data-ask] textarea").forEach((field) => {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (field.value.trim()) field.form.requestSubmit();
  });
});
