"use strict";
// Only comfort: without scripts, every page works, and a reload shows what is new.

// A button beside each text that people copy.
for (const source of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${source.dataset.copy}`);
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(source.textContent);
            button.textContent = "Copied";
        } catch {
            getSelection().selectAllChildren(source);
            button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    source.after(button);
}

// Tables that grow while the page is open: the server sends rows as data, and text stays text.
const tables = new Map([...document.querySelectorAll("table[data-live]")].map(table => [table.dataset.live, table]));
// One for all tables of a page.
const state = document.querySelector("[data-state]");
let last = tables.size ? tables.values().next().value.dataset.after : "";
let stream = null;

function say(text) {
    state.textContent = text;
    state.hidden = !text;
}

function put({ table: name, id, cells }) {
    const table = tables.get(name);
    if (!table) return;
    const row = document.createElement("tr");
    row.id = id;
    row.className = "new";
    for (const { text, href, class: kind } of cells) {
        const cell = row.insertCell(), isolated = document.createElement("bdi");
        if (kind) cell.className = kind;
        isolated.textContent = text;
        if (href) {
            const link = document.createElement("a");
            link.href = href;
            link.append(isolated);
            cell.append(link);
        } else {
            cell.append(isolated);
        }
    }
    const body = table.tBodies[0], old = document.getElementById(id);
    if (old) old.replaceWith(row); else body.prepend(row);
    while (body.rows.length > Number(table.dataset.limit)) body.lastElementChild.remove();
    table.parentElement.querySelector(".empty").hidden = true;
}

function listen() {
    stream = new EventSource(`/console/events?after=${encodeURIComponent(last)}`);
    stream.addEventListener("open", () => say("Live: new rows appear here."));
    stream.addEventListener("error", () => say("The connection is lost; trying again."));
    stream.addEventListener("row", event => put(JSON.parse(event.data)));
    stream.addEventListener("position", event => { last = event.lastEventId; });
    stream.addEventListener("gap", event => {
        last = event.lastEventId;
        say("Some rows are missing here: reload the page.");
    });
}

// A browser opens few connections to one host: a page that nobody sees gives its own back.
function watch() {
    if (stream) stream.close();
    stream = null;
    if (tables.size && !document.hidden) listen();
}
document.addEventListener("visibilitychange", watch);
watch();
