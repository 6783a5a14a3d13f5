// Elements from plain values. Text becomes text nodes, never markup: nothing from a document or a model can run.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

// Positions of the server count code points, those of a string here UTF-16 units.
export const points = (text) => Array.from(text);

export function announce(text) {
  const line = el("p", { text });
  const region = byId("live");
  region.append(line);
  while (region.childElementCount > 12) region.firstElementChild.remove();
}

export function save(name, type, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
