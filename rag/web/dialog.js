// One dialog for the few questions that the page itself asks. Resolves to the text given, true, or null.

import { byId } from "./dom.js";
import { t } from "./i18n.js";

function open(title, yes, value, isFixed = false) {
  const dialog = byId("dialog");
  const input = byId("dialog-value");
  byId("dialog-title").textContent = title;
  byId("dialog-yes").textContent = yes;
  byId("dialog-no").textContent = t(isFixed ? "close" : "cancel");
  input.hidden = value === null;
  input.required = value !== null;
  input.readOnly = isFixed;
  input.maxLength = isFixed ? 4000 : 200;
  input.value = value ?? "";
  // Enter takes a new value; what is only shown it closes, as the button may end something.
  byId("dialog-yes").type = isFixed ? "button" : "submit";
  byId("dialog-yes").onclick = isFixed ? () => dialog.close("yes") : null;
  byId("dialog-no").onclick = () => dialog.close("cancel");
  dialog.returnValue = "cancel";
  dialog.showModal();
  if (value !== null) input.select();
  return new Promise((resolve) => {
    const end = () => resolve(dialog.returnValue === "yes" ? (value === null ? true : input.value) : null);
    dialog.addEventListener("close", end, { once: true });
  });
}

export const confirmed = (title, yes) => open(title, yes, null);
export const asked = (title, value) => open(title, t("save"), value);
export const shown = (title, value, yes) => open(title, yes, value, true);
