// One dialog for the few questions that the page itself asks. Resolves to the text given, true, or null.

import { byId } from "./dom.js";
import { t } from "./i18n.js";

function open(title, yes, value) {
  const dialog = byId("dialog");
  const input = byId("dialog-value");
  byId("dialog-title").textContent = title;
  byId("dialog-yes").textContent = yes;
  input.hidden = value === null;
  input.required = value !== null;
  input.value = value ?? "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  if (value !== null) input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? (value === null ? true : input.value) : null), {
      once: true,
    });
  });
}

export const confirmed = (title, yes) => open(title, yes, null);
export const asked = (title, value) => open(title, t("save"), value);
