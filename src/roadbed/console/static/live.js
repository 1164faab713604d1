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
