// One question and its answer: the work as it goes, claims as they arrive, then the answer and what it rests on.

import { actions } from "./actions.js";
import { call, problemOf } from "./api.js";
import { chip, Numbers, place, short } from "./citations.js";
import { checking, reasonOf } from "./checking.js";
import { announce, el, points } from "./dom.js";
import { count, t } from "./i18n.js";
import { showSource } from "./source.js";

const STAGES = ["retrieve", "generate", "check"];
const SIGNS = { supported: "✓", contradicted: "✗", not_enough: "?" };
const isBlock = (text) => text.includes("\n") || text.includes(" | ");

export class Turn {
  constructor(question) {
    this.question = question;
    this.answer = null;
    this.numbers = new Numbers();
    this.stages = el("p", { class: "stages" });
    this.text = el("div", { class: "text" });
    this.rest = el("div", { class: "rest" });
    this.node = el(
      "article",
      { class: "turn" },
      el("h2", { class: "question", text: question, tabindex: "-1" }),
      this.stages,
      this.text,
      this.rest,
    );
  }

  stage(name) {
    const now = STAGES.indexOf(name);
    const shown = now < 0 ? [...STAGES, name] : STAGES;
    const at = now < 0 ? STAGES.length : now;
    this.stages.replaceChildren(
      ...shown.map((stage, index) =>
        el("span", { class: index < at ? "done" : index === at ? "now" : "later", text: t(`stage_${stage}`) }),
      ),
    );
    announce(t(`told_${name}`));
  }

  claim(claim) {
    if (this.text.hasChildNodes()) this.text.append(isBlock(claim.text) ? "\n" : " ");
    this.text.append(this.claimNode(claim));
    announce(claim.text);
  }

  // `changed`: names of cited documents that are not as they were; `nearest`: how to search again for an abstention.
  finish(answer, { changed = [], nearest = null, isNew = false } = {}) {
    this.answer = answer;
    this.numbers = new Numbers();
    this.numbers.take(answer.claims);
    this.numbers.take(answer.withheld);
    const bad = answer.claims.filter((claim) => claim.verdict !== "supported").length;
    const policy = answer.receipt.policy?.name ?? "strict";
    this.stages.replaceChildren(...this.summary(answer, bad, policy));
    this.text.replaceChildren(...(answer.abstained ? [el("p", { class: "abstained", text: answer.text })] : this.written(answer)));
    this.rest.replaceChildren(
      ...[
        answer.reason === "fallback_quotes" && el("p", { class: "note", text: t("quotedInstead") }),
        answer.reason === "generator_failed" && !answer.abstained && el("p", { class: "note warn", text: t("without") }),
        answer.abstained && this.nearest(answer, nearest, isNew),
        this.disputes(answer),
        this.withheld(answer),
        changed.length && el("p", { class: "note warn", text: t("changedSince", { names: changed.join(", ") }) }),
        this.sources(answer),
        el("div", { class: "foot" }, checking(answer), actions(this)),
      ].filter(Boolean),
    );
    if (isNew) announce(answer.abstained ? answer.text : this.stages.textContent);
  }

  hide() {
    this.stages.replaceChildren();
    this.text.replaceChildren(el("p", { class: "note warn", text: t("hidden") }));
  }

  fail(message, retry) {
    this.stages.replaceChildren(el("span", { class: "problem", role: "alert", text: message }));
    this.rest.replaceChildren(el("button", { type: "button", text: t("retry"), onclick: retry }));
  }

  summary(answer, bad, policy) {
    if (answer.abstained) return [el("span", { class: "quiet", text: t(`abstain_${answer.reason}`) })];
    const n = answer.claims.length;
    const told =
      policy === "off"
        ? el("span", { class: "problem", text: t("unchecked") })
        : bad
          ? el("span", { class: "warn", text: `? ${t("marked", { n: bad, all: n })}` })
          : el("span", { class: "good" }, el("span", { "aria-hidden": "true", text: "✓ " }), count("checked", n));
    const disputed = answer.claims.filter((claim) => claim.contradicted_by?.length).length;
    return [
      told,
      disputed ? el("span", { class: "warn", text: count("disputed", disputed) }) : "",
      answer.withheld.length ? el("span", { class: "quiet", text: t("withheldShort", { n: answer.withheld.length }) }) : "",
    ].filter(Boolean);
  }

  // The answer's text, its claims marked where they stand; what is between them is kept as it is.
  written(answer) {
    const text = points(answer.text);
    const nodes = [];
    let at = 0;
    for (const claim of [...answer.claims].sort((a, b) => a.start - b.start)) {
      if (claim.start > at) nodes.push(text.slice(at, claim.start).join(""));
      nodes.push(this.claimNode(claim));
      at = Math.max(at, claim.end);
    }
    if (at < text.length) nodes.push(text.slice(at).join(""));
    return nodes;
  }

  claimNode(claim) {
    const node = el("span", { class: `claim ${claim.verdict}` }, el("span", { text: claim.text }));
    if (claim.verdict !== "supported" && this.answer?.receipt.policy?.name !== "off") {
      node.prepend(el("abbr", { class: "sign", title: t(claim.verdict), text: SIGNS[claim.verdict] }), " ");
    }
    node.append(...this.chips(claim.citations));
    return node;
  }

  chips(citations) {
    return citations.map((citation) => chip(citation, this.numbers.of(citation), (number, from) => this.open(number, from)));
  }

  open(number, from) {
    showSource({ citations: this.numbers.all, index: number - 1, answer: this.answer, from });
  }

  disputes(answer) {
    const found = answer.claims.filter((claim) => claim.contradicted_by?.length);
    if (!found.length) return null;
    const items = found.map((claim) =>
      el(
        "li",
        {},
        el("span", { text: short(claim.text, 160) }),
        ...claim.contradicted_by.map((citation) => el("span", { class: "counter" }, el("q", { text: short(citation.quote, 200) }), ...this.chips([citation]))),
      ),
    );
    return el("section", { class: "disputes" }, el("h3", { text: t("otherwise") }), el("ul", {}, ...items));
  }

  withheld(answer) {
    if (!answer.withheld.length) return null;
    const items = answer.withheld.map((claim) =>
      el(
        "li",
        {},
        el("span", { text: claim.text }),
        ...this.chips(claim.citations),
        el("span", { class: "why", text: reasonOf(claim) }),
        claim.suggestion && el("span", { class: "why" }, `${t("alsoSupports")} `, ...this.chips([claim.suggestion])),
      ),
    );
    return el("details", { class: "withheld" }, el("summary", { text: count("withheld", answer.withheld.length) }), el("ul", {}, ...items));
  }

  sources(answer) {
    const cited = new Numbers();
    cited.take(answer.claims);
    if (!cited.all.length) return null;
    const items = cited.all.map((citation, index) => {
      const button = el("button", { class: "plain", type: "button", onclick: () => this.open(index + 1, button) });
      button.append(el("span", { class: "number", text: index + 1 }), el("span", { class: "name", text: place(citation) }), el("q", { text: short(citation.quote, 140) }));
      return el("li", {}, button);
    });
    return el("section", { class: "sources" }, el("h3", { text: t("sources") }), el("ol", {}, ...items));
  }

  // An abstention names no passages; those nearest are searched for once somebody wants to see them.
  nearest(answer, search, isOpen) {
    if (!search || answer.reason === "nothing_retrieved") return null;
    const list = el("ul", { class: "passages" });
    const details = el("details", { class: "nearest", open: isOpen }, el("summary", { text: t("nearest") }), list);
    const fill = async () => {
      if (list.hasChildNodes()) return;
      list.append(el("li", { class: "quiet", text: t("loading") }));
      try {
        const { passages } = await call("POST", "search", { json: { ...search, question: this.question, top_k: 3 } });
        list.replaceChildren(...passages.map((passage, index) => nearestItem(passages, passage, index)));
      } catch (error) {
        list.replaceChildren(el("li", { class: "problem", text: problemOf(error) }));
      }
    };
    details.addEventListener("toggle", () => details.open && fill());
    return details;
  }
}

function nearestItem(passages, passage, index) {
  const citations = passages.map((found) => ({ ...found, quote: found.text }));
  const button = el("button", { class: "plain", type: "button", onclick: () => showSource({ citations, index, answer: null, from: button }) });
  button.append(el("span", { class: "name", text: place(passage) }), el("span", { class: "excerpt", text: short(passage.text, 220) }));
  return el("li", {}, button);
}
