(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.querySelector("table");
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const reasons = [...document.querySelector(".reasons > ol").children];
  const form = document.querySelector("form");
  const status = document.getElementById("shown");
  const card = document.getElementById("card");
  const outcomes = [...form.querySelectorAll("input[type=checkbox]")];
  const titles = heads.map((head) => head.dataset.title);
  const routes = rows.map((row) => row.cells[0].dataset.title);

  form.hidden = document.querySelector(".screen").hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());

  // --- what is shown ---
  const shownColumns = new Set(heads.keys());
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text, wanted) => wanted.every((word) => text.toLowerCase().includes(word));

  function showColumns(wanted) {
    const columns = table.querySelectorAll("col.each");
    heads.forEach((head, at) => {
      const show = wanted.has(at);
      if (show === shownColumns.has(at)) return;
      if (show) shownColumns.add(at); else shownColumns.delete(at);
      head.hidden = !show;
      columns[at].hidden = !show;
      for (const row of rows) row.cells[at + 1].hidden = !show;
    });
  }

  function filter() {
    hideCard();
    const on = new Set(outcomes.filter((box) => box.checked).map((box) => box.value));
    for (const box of outcomes) table.classList.toggle(`off-${box.value}`, !box.checked);
    const who = words(form.elements.who.value);
    const where = words(form.elements.route.value);
    const named = [...heads.keys()].filter((at) => has(titles[at], who));
    const wanted = on.size === outcomes.length ? new Set(named) : new Set();
    let count = 0;
    rows.forEach((row, at) => {
      let show = has(routes[at], where);
      if (show && on.size < outcomes.length) {
        const found = named.filter((column) => on.has(row.cells[column + 1].className));
        for (const column of found) wanted.add(column);
        show = found.length > 0;
      }
      row.hidden = !show;
      reasons[at].hidden = !show;
      if (show) count += 1;
    });
    showColumns(wanted);
    status.textContent = `${count} of ${rows.length} routes and ${shownColumns.size} of ${heads.length} columns are shown`;
    tellBeyond();
    enterable();
  }

  // --- what there is no room for ---
  const sheet = document.querySelector(".sheet");
  const note = document.getElementById("beyond");

  function tellBeyond() {
    const start = table.tHead.rows[0].cells[0].getBoundingClientRect().right;
    const end = sheet.getBoundingClientRect().left + sheet.clientLeft + sheet.clientWidth;
    const shown = heads.filter((head) => !head.hidden).map((head) => head.getBoundingClientRect());
    const right = shown.filter((box) => box.right > end + 1).length;
    const left = shown.filter((box) => box.left < start - 1).length;
    const side = right ? "right" : "left";
    note.textContent = right || left ? `, ${right || left} of them further to the ${side}: scroll the table` : "";
  }

  sheet.addEventListener("scroll", tellBeyond, { passive: true });
  window.addEventListener("resize", tellBeyond);

  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  form.addEventListener("reset", () => { clearTimeout(waiting); waiting = setTimeout(filter, 0); });

  // --- why a cell says so: on hover, and by keyboard ---
  let current = null;
  let described = null;

  function line(text, className, parent) {
    const element = document.createElement(parent.tagName === "UL" ? "li" : "span");
    element.textContent = text;
    if (className) element.className = className;
    parent.append(element);
    return element;
  }

  function fill(cell) {
    const at = cell.cellIndex - 1;
    const row = rows.indexOf(cell.parentElement);
    const detail = data.cells[cell.dataset.d === undefined ? 0 : Number(cell.dataset.d)];
    const title = document.createElement("strong");
    title.textContent = `${titles[at]} on ${routes[row]}: ${detail[0]}`;
    const why = document.createElement("div");
    why.textContent = detail[1];
    const list = document.createElement("ul");
    for (const number of detail[2]) {
      const [rule, where] = data.rules[number];
      const item = line("", "", list);
      const text = document.createElement("code");
      text.textContent = rule;
      item.append(text);
      line(` ${where}`, "where", item);
    }
    card.replaceChildren(title, why, list);
  }

  function showCard(cell) {
    if (described === cell) return;
    hideCard();
    fill(cell);
    card.hidden = false;
    cell.setAttribute("aria-describedby", "card");
    described = cell;
    const box = cell.getBoundingClientRect();
    const room = window.innerHeight - box.bottom;
    const top = room > card.offsetHeight + 4 || room > box.top ? box.bottom + 2 : box.top - card.offsetHeight - 2;
    const left = Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    card.style.top = `${Math.max(4, Math.min(top, window.innerHeight - card.offsetHeight - 4))}px`;
    card.style.left = `${Math.max(4, left)}px`;
  }

  function hideCard() {
    if (described) described.removeAttribute("aria-describedby");
    described = null;
    card.hidden = true;
  }

  let leaving = 0;
  const stay = () => clearTimeout(leaving);
  const leave = () => { stay(); leaving = setTimeout(() => { if (document.activeElement !== described) hideCard(); }, 250); };
  const cellOf = (event) => event.target.closest && event.target.closest("td");
  table.addEventListener("mouseover", (event) => { const cell = cellOf(event); if (cell) { stay(); showCard(cell); } });
  table.addEventListener("mouseout", leave);
  card.addEventListener("mouseenter", stay);
  card.addEventListener("mouseleave", leave);
  document.querySelector(".sheet").addEventListener("scroll", () => {
    if (document.activeElement !== described) hideCard();
  }, { passive: true });

  // One cell is in the order of the Tab key; the arrow keys go on from there.
  function enterable() {
    if (current && !current.hidden && !current.parentElement.hidden) return;
    if (current) current.removeAttribute("tabindex");
    const row = rows.find((one) => !one.hidden);
    const column = [...shownColumns].sort((one, other) => one - other)[0];
    current = row && column !== undefined ? row.cells[column + 1] : null;
    if (current) current.tabIndex = 0;
  }

  function goTo(cell) {
    if (!cell) return;
    if (current) current.removeAttribute("tabindex");
    current = cell;
    cell.tabIndex = 0;
    cell.focus();
  }

  function beside(cell, step) {
    let next = cell;
    do { next = step > 0 ? next.nextElementSibling : next.previousElementSibling; } while (next && next.hidden);
    return next && next.tagName === "TD" ? next : null;
  }

  function below(cell, step) {
    let row = cell.parentElement;
    do { row = step > 0 ? row.nextElementSibling : row.previousElementSibling; } while (row && row.hidden);
    return row && row.cells[cell.cellIndex];
  }

  const keys = {
    ArrowRight: (cell) => beside(cell, 1),
    ArrowLeft: (cell) => beside(cell, -1),
    ArrowDown: (cell) => below(cell, 1),
    ArrowUp: (cell) => below(cell, -1),
    Home: (cell) => [...cell.parentElement.cells].find((one) => one.tagName === "TD" && !one.hidden),
    End: (cell) => [...cell.parentElement.cells].reverse().find((one) => one.tagName === "TD" && !one.hidden),
  };
  table.addEventListener("keydown", (event) => {
    const cell = cellOf(event);
    const move = keys[event.key];
    if (cell && move && !event.altKey && !event.ctrlKey && !event.metaKey) { event.preventDefault(); goTo(move(cell)); }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideCard(); });
  table.addEventListener("focusin", (event) => { const cell = cellOf(event); if (cell) { stay(); requestAnimationFrame(() => showCard(cell)); } });
  table.addEventListener("focusout", hideCard);
  table.addEventListener("click", (event) => { const cell = cellOf(event); if (cell) goTo(cell); });
  filter();
})();
