// "How was this checked?": verdicts, scores and reasons of every claim, the receipt, and the check made again today.

import { call, problemOf } from "./api.js";
import { el } from "./dom.js";
import { language, t } from "./i18n.js";

export function checking(answer) {
  const body = el("div", { class: "body" });
  const details = el("details", { class: "how" }, el("summary", { text: t("how") }), body);
  details.addEventListener("toggle", () => details.open && !body.hasChildNodes() && body.append(...parts(answer)));
  return details;
}

function parts(answer) {
  const claims = [...answer.claims, ...answer.withheld];
  return [claims.length && table(claims), facts(answer), again(answer)].filter(Boolean);
}

function table(claims) {
  const head = ["statement", "verdict", "score", "reason"].map((name) => el("th", { scope: "col", text: t(name) }));
  const rows = claims.map((claim) =>
    el(
      "tr",
      {},
      el("td", { text: claim.text }),
      el("td", { text: t(claim.verdict) }),
      el("td", { class: "figure", text: claim.score.toFixed(2) }),
      el("td", { text: reasonOf(claim) }),
    ),
  );
  return el(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": t("how") },
    el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)),
  );
}

function facts(answer) {
  const { checker, generator, policy, id, created_at: at } = answer.receipt;
  const found = [
    ["checker", checker && `${checker.name} ${checker.version}; ${t("threshold", { n: checker.threshold })}`],
    ["generator", generator],
    ["policy", policy && t(`policy_${policy.name}`)],
    ["confidence", answer.confidence.toFixed(2)],
    ["answered", at && new Date(at).toLocaleString(language)],
    ["took", answer.timings_ms.total && `${(answer.timings_ms.total / 1000).toFixed(1)} s`],
    ["receipt", id],
  ];
  const rows = found.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", { text: t(name) }), el("dd", { text: value })]);
  return el("dl", {}, ...rows);
}

function again(answer) {
  const result = el("p", { class: "result", role: "status" });
  const button = el("button", {
    type: "button",
    text: t("again"),
    onclick: async () => {
      button.disabled = true;
      result.textContent = t("loading");
      try {
        const { status, problems } = await call("POST", "verify", { json: answer });
        result.textContent = [t(`now_${status}`), ...problems].join(" ");
      } catch (error) {
        result.textContent = problemOf(error);
      }
      button.disabled = false;
    },
  });
  return el("div", { class: "again" }, button, result);
}

// A reason is a word, then details as the checker tells them.
export function reasonOf(claim) {
  const [word, ...details] = claim.reason.split(": ");
  const told = t(`why_${word}`);
  return details.length ? `${told} (${details.join(": ")})` : told;
}
