// Numbers of citations: the same words have one number in an answer, given in the order in which a reader meets them.

import { t } from "./i18n.js";
import { byId, el, points } from "./dom.js";

const key = (citation) => `${citation.start} ${citation.end} ${citation.document}`;

export class Numbers {
  constructor() {
    this.all = [];
    this.known = new Map();
  }

  of(citation) {
    const name = key(citation);
    if (!this.known.has(name)) {
      this.all.push(citation);
      this.known.set(name, this.all.length);
    }
    return this.known.get(name);
  }

  take(claims) {
    for (const claim of claims) claim.citations.forEach((citation) => this.of(citation));
    for (const claim of claims) {
      (claim.contradicted_by ?? []).forEach((citation) => this.of(citation));
      if (claim.suggestion) this.of(claim.suggestion);
    }
  }
}

// Where the words stand, as a reader of such a file would say it: page, sheet or slide, section, rows.
export function place(citation) {
  const { label = "", section = "", rows } = citation.place ?? {};
  return [citation.document, pageOf(citation.page, label), section, rows && rowsOf(rows)].filter(Boolean).join(", ");
}

// A sheet, slide or table goes by its name; a page by its number, with the name that is printed on it.
function pageOf(page, label) {
  const [, kind, name] = /^(sheet|slide|table|page) (.+)$/s.exec(label) ?? [];
  if (kind && kind !== "page") return t(`of_${kind}`, { n: name });
  if (!page) return label;
  return t("page", { n: page }) + (name ? ` (${name})` : "");
}

function rowsOf([first, last]) {
  return first === last ? t("row", { n: first }) : t("rows", { first, last });
}

export function short(text, limit) {
  const line = points(text.replace(/\s+/g, " ").trim());
  return line.length <= limit ? line.join("") : `${line.slice(0, limit - 1).join("").trimEnd()}…`;
}

// A numbered button; `open(number)` shows the source.
export function chip(citation, number, open) {
  const label = t("citation", { n: number, place: place(citation), quote: short(citation.quote, 200) });
  const button = el("button", { class: "chip", type: "button", "aria-label": label, text: number, onclick: () => open(number, button) });
  button.addEventListener("mouseenter", () => peek(button, citation));
  button.addEventListener("focus", () => button.matches(":focus-visible") && peek(button, citation));
  button.addEventListener("mouseleave", unpeek);
  button.addEventListener("blur", unpeek);
  return button;
}

function peek(button, citation) {
  const box = byId("peek");
  box.replaceChildren(el("strong", { text: place(citation) }), el("q", { text: short(citation.quote, 320) }));
  box.hidden = false;
  const around = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(around.left - 12, innerWidth - box.offsetWidth - 8));
  const above = around.top - box.offsetHeight - 8;
  box.style.left = `${left}px`;
  box.style.top = `${above > 8 ? above : around.bottom + 8}px`;
}

export function unpeek() {
  byId("peek").hidden = true;
}
