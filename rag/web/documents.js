// The documents: browse by folder, search by name, see what could not be read, add and delete uploads.

import { call, problemOf, upload } from "./api.js";
import { limitTo } from "./asking.js";
import { confirmed } from "./dialog.js";
import { announce, byId, el } from "./dom.js";
import { t } from "./i18n.js";
import { showSource } from "./source.js";

const at = { folder: "", text: "", type: "", failed: false };
let mayWrite = false;
let isAdmin = false;
let sought = 0;

export function startDocuments(may) {
  mayWrite = may("write");
  isAdmin = may("admin");
}

export function openDocuments() {
  const search = el("input", { type: "search", "aria-label": t("searchDocuments"), placeholder: t("searchDocuments"), value: at.text });
  search.addEventListener("input", () => { at.text = search.value; list(); });
  const type = el("input", { type: "text", size: "6", "aria-label": t("filterType"), placeholder: t("filterType"), value: at.type });
  type.addEventListener("input", () => { at.type = type.value.trim(); list(); });
  const failed = el("input", { type: "checkbox", id: "failed", checked: at.failed });
  failed.addEventListener("change", () => { at.failed = failed.checked; list(); });
  byId("view-documents").replaceChildren(
    ...[
      el("h1", { text: t("documents") }),
      mayWrite && dropZone(),
      el("div", { class: "tools" }, search, type, el("label", { for: "failed" }, failed, ` ${t("failedOnly")}`)),
      el("nav", { id: "trail", "aria-label": t("folders") }),
      el("ul", { id: "documents", class: "documents" }),
    ].filter(Boolean),
  );
  list();
}

// Words are looked for everywhere, whatever folder is open.
const wanted = () => ({ ...at, folder: at.text ? "" : at.folder });

async function list() {
  const mine = ++sought;
  trail();
  let found;
  try {
    found = await call("GET", "documents", { params: { ...wanted(), limit: 1000 } });
  } catch (error) {
    byId("documents").replaceChildren(el("li", { class: "problem", text: problemOf(error) }));
    return;
  }
  if (mine !== sought || !byId("documents")) return;
  show(found.documents, found.next, mine);
}

// All that is known so far, drawn anew with every page: a folder may go on in the next one.
function show(documents, next, mine) {
  byId("documents").replaceChildren(...rows(documents));
  if (next) byId("documents").append(more(documents, next, mine));
}

function rows(documents) {
  const isFlat = at.text || at.type || at.failed;
  const folders = new Map();
  const here = [];
  for (const state of documents) {
    const folder = isFlat ? null : folderIn(state);
    if (folder) folders.set(folder, (folders.get(folder) ?? 0) + 1);
    else here.push(state);
  }
  const found = [...[...folders].map(([folder, n]) => folderRow(folder, n)), ...here.map(row)];
  return found.length ? found : [el("li", { class: "quiet", text: t("nothingFound") })];
}

function more(documents, next, mine) {
  const problem = el("span", { class: "problem", role: "alert" });
  const go = async () => {
    try {
      const found = await call("GET", "documents", { params: { ...wanted(), limit: 1000, after: next } });
      if (mine === sought && byId("documents")) show([...documents, ...found.documents], found.next, mine);
    } catch (error) {
      problem.textContent = problemOf(error);
    }
  };
  return el("li", {}, el("button", { type: "button", text: t("more"), onclick: go }), problem);
}

// The folder of a document below the one that is open, null where it lies in it itself. A source's prefix is a folder too.
function folderIn({ document, source }) {
  const prefix = `${source}:`;
  if (!at.folder && document.startsWith(prefix)) return prefix;
  const base = !at.folder ? "" : at.folder.endsWith(":") ? at.folder : `${at.folder}/`;
  const slash = document.split("!/")[0].indexOf("/", base.length);
  return slash < 0 ? null : document.slice(0, slash);
}

const nameOf = (path) => path.replace(/:$/, "").split(/[/:]/).pop();

function folderRow(folder, n) {
  return el("li", { class: "folder" }, el("button", { type: "button", class: "plain", text: nameOf(folder), onclick: () => enter(folder) }), el("span", { class: "quiet figure", text: n }));
}

function enter(folder) {
  at.folder = folder;
  list();
}

function trail() {
  const parts = [["", t("allFolders")]];
  const split = /^([^/]*:)?(.*)$/.exec(at.folder);
  if (split[1]) parts.push([split[1], nameOf(split[1])]);
  let path = split[1] ?? "";
  split[2].split("/").filter(Boolean).forEach((name, index) => {
    path += (index ? "/" : "") + name;
    parts.push([path, name]);
  });
  const links = parts.map(([folder, name]) => el("button", { type: "button", class: "plain", text: name, "aria-current": folder === at.folder ? "page" : null, onclick: () => enter(folder) }));
  byId("trail").hidden = at.text !== "";
  byId("trail").replaceChildren(
    ...links.flatMap((link, index) => (index ? [el("span", { "aria-hidden": "true", text: "›" }), link] : [link])),
    at.folder ? el("button", { type: "button", text: t("askHere"), onclick: () => { limitTo(at.folder); location.hash = "#/"; } }) : "",
  );
}

function row(state) {
  const { document, title, type, language, pages, status, reason, source, changed } = state;
  const about = [type.toUpperCase(), language, pages && t("pagesN", { n: pages }), changed].filter(Boolean).join(" · ");
  const open = el("button", {
    type: "button",
    class: "plain name",
    text: at.text || at.type || at.failed ? document : nameOf(document),
    disabled: status === "failed",
    onclick: () => showSource({ citations: [{ document, page: null, start: null, end: null, quote: "" }], index: 0, answer: null, from: open }),
  });
  const isUpload = mayWrite && source === "uploads" && !document.includes("!/");
  const act = (name, does) => el("button", { type: "button", class: "plain", text: t(name), "aria-label": `${t(name)}: ${document}`, onclick: () => does(document) });
  return el(
    "li",
    { class: status },
    open,
    el("span", { class: "quiet", text: status === "failed" ? reason : title && title !== document ? `${title} · ${about}` : about }),
    (isUpload || isAdmin) && act("readAgain", again),
    isUpload && act("delete", remove),
  );
}

async function remove(document) {
  if (!(await confirmed(t("deleteDocument", { name: document }), t("delete")))) return;
  try {
    const { is_removed: isRemoved } = await call("DELETE", "documents", { params: { document } });
    if (!isRemoved) tell([el("li", { text: t("busyDelete") })]);
  } catch (error) {
    tell([el("li", { class: "problem", text: problemOf(error) })]);
  }
  list();
}

async function again(document) {
  const line = el("li", {}, el("span", { class: "name", text: document }), ` ${t("status_queued")}`);
  tell([line]);
  try {
    await call("POST", "documents/again", { params: { document } });
    for (let wait = 300; byId("uploads"); wait = Math.min(wait * 1.5, 5000)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const found = await call("GET", "documents", { params: { text: document, limit: 1000 } });
      const failed = await call("GET", "documents", { params: { text: document, failed: true, limit: 1000 } });
      const state = [...found.documents, ...failed.documents].find((one) => one.document === document);
      if (!state || state.is_queued) continue;
      tell([el("li", { class: state.status }, el("span", { class: "name", text: document }), ` ${t(`status_${state.status}`)}${state.reason ? `: ${state.reason}` : ""}`)]);
      break;
    }
  } catch (error) {
    tell([el("li", { class: "problem", text: problemOf(error) })]);
  }
  if (byId("documents")) list();
}

function tell(items) {
  byId("uploads").replaceChildren(...items);
}

function dropZone() {
  const input = el("input", { type: "file", id: "files", multiple: true, class: "unseen" });
  const zone = el(
    "div",
    { class: "drop" },
    el("strong", { text: t("uploadTitle") }),
    el("span", { class: "quiet" }, `${t("uploadHint")} `, input, el("label", { for: "files", class: "link", text: t("choose") })),
    el("ul", { id: "uploads", role: "status" }),
  );
  input.addEventListener("change", () => { send([...input.files]); input.value = ""; });
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    send([...event.dataTransfer.files]);
  });
  return zone;
}

async function send(files) {
  if (!files.length) return;
  const bar = el("progress", { max: "1", value: "0", "aria-label": t("uploadTitle") });
  const line = el("span", { text: t("uploading", { n: 0 }) });
  tell([el("li", {}, bar, line)]);
  try {
    let taken = await upload(files, (share) => {
      bar.value = share;
      line.textContent = t("uploading", { n: Math.round(share * 100) });
    });
    for (let wait = 300; ; wait = Math.min(wait * 1.5, 5000)) {
      tell(taken.files.map((file) => el("li", { class: file.status }, el("span", { class: "name", text: file.name }), ` ${t(`status_${file.status}`)}${file.reason ? `: ${file.reason}` : ""}`)));
      if (taken.is_done || !byId("uploads")) break;
      await new Promise((resolve) => setTimeout(resolve, wait));
      taken = await call("GET", `documents/uploads/${taken.id}`);
    }
    announce(taken.files.map((file) => `${file.name}: ${t(`status_${file.status}`)}`).join(". "));
    if (byId("documents")) list();
  } catch (error) {
    tell([el("li", { class: "problem", text: problemOf(error) })]);
  }
}
