"use strict";
// The palette: pages, use cases, people, tasks and actions by their first letters.

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
