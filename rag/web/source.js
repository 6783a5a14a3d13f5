// The source beside the answer: the page of a PDF or the text, at the place, with the exact words highlighted.

import { ApiError, call, image, problemOf } from "./api.js";
import { place } from "./citations.js";
import { byId, el, points } from "./dom.js";
import { t } from "./i18n.js";

const AROUND = 3000;
let shown = null;
let turn = 0;

// `citations`, `index`: which of them to show; `answer` tells what the documents were then, null where it does not matter;
// `from`: where the focus goes back to. A citation whose `start` is null is a document to be looked at.
export function showSource({ citations, index, answer, from }) {
  shown = { citations, index, answer, from, asText: false, page: null };
  byId("source").hidden = false;
  document.body.classList.add("has-source");
  draw();
  byId("source").querySelector("h2").focus({ preventScroll: true });
}

// A place that a link names. Of the words it knows no more than their checksum.
export function showLinked(params, from) {
  const [start, end, page] = ["start", "end", "page"].map((name) => (/^\d{1,9}$/.test(params.get(name)) ? Number(params.get(name)) : null));
  const span = start === null || end === null ? { start: null, end: null } : { start, end };
  showSource({ citations: [{ document: params.get("document") ?? "", page, crc32: params.get("crc32"), ...span }], index: 0, answer: null, from });
}

export function closeSource() {
  if (!shown) return;
  const { from } = shown;
  shown = null;
  byId("source").hidden = true;
  byId("source").replaceChildren();
  document.body.classList.remove("has-source");
  if (from?.isConnected) from.focus();
}

function step(by) {
  shown.index = (shown.index + by + shown.citations.length) % shown.citations.length;
  shown.page = null;
  draw();
}

function draw() {
  const citation = shown.citations[shown.index];
  const many = shown.citations.length > 1;
  const body = el("div", { class: "body", tabindex: "0", role: "region", "aria-label": citation.document });
  const note = el("div", { class: "notes", role: "status" });
  const tool = (name, label, act) => el("button", { type: "button", class: "plain", "aria-label": t(name), title: t(name), text: label, onclick: act });
  const isPdf = /\.pdf$/i.test(citation.document);
  const tabs = isPdf
    ? el("div", { class: "tabs", role: "group" }, ...[false, true].map((asText) =>
        el("button", { type: "button", class: "plain", "aria-pressed": String(shown.asText === asText), text: t(asText ? "asText" : "asPage"), onclick: () => { shown.asText = asText; draw(); } })))
    : null;
  byId("source").replaceChildren(
    el(
      "header",
      {},
      el("h2", { tabindex: "-1", text: place(citation) }),
      el(
        "div",
        { class: "tools" },
        tabs,
        many && tool("previous", "‹", () => step(-1)),
        many && el("span", { class: "figure", role: "status", text: t("position", { n: shown.index + 1, all: shown.citations.length }) }),
        many && tool("next", "›", () => step(1)),
        tool("close", "×", closeSource),
      ),
    ),
    note,
    body,
  );
  const mine = ++turn;
  load(citation, isPdf && !shown.asText, { body, note, isMine: () => mine === turn && shown !== null });
}

async function load(citation, asPage, to) {
  to.body.append(el("p", { class: "quiet", text: t("loading") }));
  try {
    const now = citation.start === null ? citation : await where(citation, to.note);
    if (!to.isMine()) return;
    if (!now) to.body.replaceChildren(citation.quote === undefined ? "" : el("blockquote", { text: citation.quote }));
    else if (!asPage || !(await page(now, to))) await text(now, to);
  } catch (error) {
    if (to.isMine()) to.body.replaceChildren(el("p", { class: "problem", text: problemOf(error) }));
  }
}

// Where the words stand now: where they stood, elsewhere, or nowhere (null); a note says so.
async function where(citation, note) {
  const then = shown.answer?.receipt.documents?.[citation.document];
  const params = { document: citation.document, start: citation.start, end: citation.end };
  const isLink = citation.quote === undefined;
  const say = (key) => note.replaceChildren(el("p", { class: "note warn", text: t(key) }));
  let found = null;
  try {
    found = await call("GET", "documents/text", { params });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    say(isLink ? "linkGone" : "gone");
  }
  if (found && (isLink ? [null, crc32(found.text)].includes(citation.crc32) : found.text === citation.quote)) {
    if (then && found.sha256 !== then) say("changedHere");
    return citation;
  }
  if (isLink) {
    if (found) say("linkChanged");
    return found && { ...citation, start: null, end: null };
  }
  const moved = shown?.answer ? await traced(citation) : null;
  if (moved) say("moved");
  else if (found) say("changed");
  return moved;
}

// As `zlib.crc32` of the server.
function crc32(text) {
  let sum = ~0;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (~sum >>> 0).toString(16).padStart(8, "0");
}

// Verification finds words that moved, also in a file that goes by another name now.
async function traced(citation) {
  const { claims } = await call("POST", "verify", { json: shown.answer });
  const same = (other) => other.document === citation.document && other.start === citation.start && other.end === citation.end;
  const now = claims.flatMap((claim) => claim.citations).find(same)?.now;
  return now ? { ...citation, place: null, ...now } : null; // rows and section are those of then
}

async function page(citation, { body, note, isMine }) {
  const number = shown.page ?? citation.page ?? 1;
  const isThere = citation.start !== null && number === (citation.page ?? number);
  const span = isThere ? { start: citation.start, end: citation.end } : {};
  let picture;
  try {
    picture = await image({ document: citation.document, page: number, scale: 2, ...span });
  } catch (error) {
    if (!(error instanceof ApiError) || ![409, 422].includes(error.status)) throw error;
    if (isMine()) note.append(el("p", { class: "note", text: t("noPicture", { why: error.message }) }));
    return false;
  }
  if (!isMine()) return true;
  if (isThere && !picture.marks) note.append(el("p", { class: "note", text: t("noMarks") }));
  const alt = t(isThere ? "pageAlt" : "pagePlain", { n: number, document: citation.document });
  const drawn = el("img", { src: picture.url, alt, onload: () => URL.revokeObjectURL(picture.url) });
  const turnTo = (by) => () => { shown.page = number + by; draw(); };
  const turner = el(
    "p",
    { class: "turner" },
    el("button", { type: "button", class: "plain", disabled: number === 1, text: t("previousPage"), onclick: turnTo(-1) }),
    el("span", { class: "figure", text: t("page", { n: number }) }),
    el("button", { type: "button", class: "plain", disabled: number >= picture.pages, text: t("nextPage"), onclick: turnTo(1) }),
  );
  body.replaceChildren(drawn, turner);
  return true;
}

async function text(citation, { body, isMine }) {
  const start = citation.start ?? 0;
  const end = citation.end ?? 0;
  const first = Math.max(0, start - AROUND);
  const found = await call("GET", "documents/text", { params: { document: citation.document, start: first, end: end + AROUND } });
  if (!isMine()) return;
  const all = points(found.text);
  const part = (from, to) => all.slice(from - found.start, to - found.start).join("");
  const mark = el("mark", { text: part(start, end) });
  const written = el("div", { class: "document" }, part(found.start, start), citation.start === null ? "" : mark, part(end, found.end));
  const more = (from, to, put) => el("button", { type: "button", class: "plain more", text: t("more"), onclick: (event) => widen(citation.document, from, to, event.target, put) });
  body.replaceChildren(
    ...[
      found.start > 0 && more(Math.max(0, found.start - 4 * AROUND), found.start, (words) => written.prepend(words)),
      written,
      found.end < found.length && more(found.end, found.end + 4 * AROUND, (words) => written.append(words)),
    ].filter(Boolean),
  );
  if (citation.start !== null) body.scrollTop = mark.offsetTop - body.clientHeight / 3;
}

// Put the next part of a text before or after what is shown, and go on from there if it is asked for again.
async function widen(document, from, to, button, put) {
  button.disabled = true;
  let found;
  try {
    found = await call("GET", "documents/text", { params: { document, start: from, end: to } });
  } catch (error) {
    button.disabled = false;
    byId("source").querySelector(".notes").replaceChildren(el("p", { class: "problem", text: problemOf(error) }));
    return;
  }
  put(found.text);
  const next = button.previousElementSibling ? [found.end, found.end + 4 * AROUND] : [Math.max(0, from - 4 * AROUND), from];
  const isDone = button.previousElementSibling ? found.end >= found.length : from === 0;
  if (isDone) button.remove();
  else button.replaceWith(el("button", { type: "button", class: "plain more", text: t("more"), onclick: (event) => widen(document, ...next, event.target, put) }));
}
