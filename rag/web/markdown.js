// Answers as Markdown, citations as footnotes. What is special in Markdown or HTML is escaped: a document may hold anything.

import { Numbers, place } from "./citations.js";
import { count, t } from "./i18n.js";

const plain = (text) => text.replace(/\s+/g, " ").trim().replace(/[\\`*_[\]<>#|~&]/g, "\\$&");

export function answerAsMarkdown(question, answer, prefix = "") {
  const numbers = new Numbers();
  numbers.take(answer.claims);
  const marks = (citations) => citations.map((citation) => `[^${prefix}${numbers.of(citation)}]`).join("");
  const lines = [`**${plain(question)}**`, ""];
  if (answer.abstained) lines.push(plain(answer.text), "");
  if (answer.reason === "fallback_quotes") lines.push(`*${t("quotedInstead")}*`, "");
  if (answer.reason === "generator_failed" && !answer.abstained) lines.push(`*${t("without")}*`, "");
  if (answer.receipt.policy?.name === "off") lines.push(`*${t("unchecked")}*`, "");
  for (const claim of answer.claims) {
    const verdict = claim.verdict === "supported" ? "" : ` *(${t(claim.verdict)})*`;
    lines.push(`${plain(claim.text)}${verdict} ${marks(claim.citations)}`.trimEnd(), "");
    if (claim.contradicted_by?.length) lines.push(`*${t("otherwise")}:* ${marks(claim.contradicted_by)}`, "");
  }
  if (answer.withheld.length) lines.push(`*${count("withheld", answer.withheld.length)}*`, "");
  numbers.all.forEach((citation, index) => {
    lines.push(`[^${prefix}${index + 1}]: ${plain(place(citation))}: “${plain(citation.quote)}”`);
  });
  if (answer.receipt.id) lines.push("", `${t("receipt")}: ${plain(answer.receipt.id)}`);
  return `${lines.join("\n").trim()}\n`;
}

export function conversationAsMarkdown(title, turns) {
  const parts = turns.map((turn, index) =>
    turn.answer ? answerAsMarkdown(turn.question, turn.answer, `${index + 1}-`) : `**${plain(turn.question)}**\n\n*${t("hidden")}*\n`,
  );
  return `# ${plain(title)}\n\n${parts.join("\n---\n\n")}`;
}
