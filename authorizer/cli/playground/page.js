"use strict";
// The page works without this, which comes after the script of all pages. With it, buttons change the page in place, the time that a token has
// left counts down, and a changed policy is shown at once.
(() => {
  const page = () => document.getElementById("page");
  let busy = 0;

  const show = (text) => {
    const read = new DOMParser().parseFromString(text, "text/html");
    const next = read.getElementById("page");
    if (!next) return location.reload();
    const open = [...page().querySelectorAll("details[id]")].filter((one) => one.open).map((one) => one.id);
    page().replaceWith(document.adoptNode(next));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    document.querySelectorAll(".frame").forEach(watchFrame);
    tick();
  };

  const send = async (form, action, body, pressed) => {
    busy += 1;
    document.body.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(action, { method: "POST", body });
      document.getElementById("gone").hidden = true;
      show(await response.text());
    } catch {
      document.getElementById("gone").hidden = false;
      return;
    } finally {
      busy -= 1;
      document.body.removeAttribute("aria-busy");
    }
    const trouble = document.getElementById("trouble");
    const said = trouble || page().querySelector("[data-say]");
    document.getElementById("said").textContent = said ? said.textContent : "";
    if (pressed) {
      const same = [...page().querySelectorAll(`[name="${CSS.escape(pressed.name)}"]`)];
      same.find((one) => one.value === pressed.value || one.tagName === "SELECT")?.focus({ preventScroll: true });
    }
    (trouble || document.getElementById(form.dataset.show))?.scrollIntoView({ block: "start" });
  };

  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    event.preventDefault();
    if (busy) return;
    const data = new FormData(form);
    if (button?.name) data.set(button.name, button.value);
    const pressed = button?.name ? { name: button.name, value: button.value } : null;
    send(form, form.getAttribute("action"), new URLSearchParams(data), pressed);
  });

  document.addEventListener("change", (event) => {
    const action = event.target.dataset.action;
    if (!action) return;
    const body = new URLSearchParams({ [event.target.name]: event.target.value });
    send({ dataset: {} }, action, body, { name: event.target.name });
  });

  const tick = () => {
    for (const timer of document.querySelectorAll("[data-expires]")) {
      const left = Number(timer.dataset.expires) - Math.floor(Date.now() / 1000);
      const all = Math.abs(left), two = (number) => String(number).padStart(2, "0");
      const hours = Math.floor(all / 3600), rest = `${two(Math.floor((all % 3600) / 60))}:${two(all % 60)}`;
      timer.textContent = `${left > 0 ? timer.dataset.left : timer.dataset.gone} ${hours ? `${hours}:` : ""}${rest}`;
    }
  };
  setInterval(tick, 1000);

  const poll = async () => {
    if (!busy && !document.hidden) {
      try {
        const version = await (await fetch("version")).text();
        document.getElementById("gone").hidden = true;
        if (version !== page().dataset.version && !busy) show(await (await fetch("./")).text());
      } catch {
        document.getElementById("gone").hidden = false;
      }
    }
    setTimeout(poll, 1000);
  };

  tick();
  poll();
})();
