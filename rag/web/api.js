// The routes of the server, relative to the page, so that it works behind any prefix.

import { t } from "./i18n.js";

let csrf = null;

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.type = error.type;
    this.requestId = error.request_id;
  }
}

// What to show of an error: what the server said, or that it cannot be reached.
export const problemOf = (error) => (error.status ? error.message : t("offline"));

function address(path, params = {}) {
  const url = new URL(path, document.baseURI);
  url.hash = "";
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) url.searchParams.append(name, value);
  }
  return url;
}

async function errorOf(response) {
  let told = null;
  try {
    told = (await response.json()).error;
  } catch {
    told = null;
  }
  return new ApiError(response.status, told ?? { type: "http", message: `HTTP ${response.status}` });
}

async function send(method, path, { json, params, signal } = {}) {
  const headers = {};
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? undefined : JSON.stringify(json);
  const response = await fetch(address(path, params), { method, headers, body, signal });
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401 && path !== "session") window.dispatchEvent(new CustomEvent("signed-out"));
  throw error;
}

export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

export async function image(params, signal) {
  const response = await send("GET", "documents/page", { params, signal });
  return { marks: Number(response.headers.get("x-marks")), pages: Number(response.headers.get("x-pages")), url: URL.createObjectURL(await response.blob()) };
}

export async function figures() {
  return (await send("GET", "metrics")).text();
}

export async function session() {
  const found = await call("GET", "session");
  csrf = found.csrf;
  return found;
}

export async function logIn(user, password) {
  const begun = await call("POST", "session", { json: { user, password } });
  csrf = begun.csrf;
  return begun;
}

export async function logOut() {
  await call("DELETE", "session");
  csrf = null;
}

// Calls `on(kind, data)` for every event; resolves when the stream ends, whether or not the answer came.
export async function ask(body, on, signal) {
  const response = await send("POST", "query", { json: { ...body, stream: true }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const match = /^event: (\w+)\ndata: (.*)$/s.exec(block);
      if (match) on(match[1], JSON.parse(match[2]));
    }
  }
}

// Only XMLHttpRequest tells how far an upload is.
export function upload(files, progress) {
  const body = new FormData();
  for (const file of files) body.append("files", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("documents"));
    if (csrf) request.setRequestHeader("X-CSRF-Token", csrf);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new TypeError("upload"));
    request.onload = () => {
      const said = request.response;
      if (request.status < 300) resolve(said);
      else reject(new ApiError(request.status, said?.error ?? { type: "http", message: `HTTP ${request.status}` }));
    };
    request.send(body);
  });
}
