// Asking the front, and following it. The token, once given, stays in this tab.

const KEY = "sipfront.token";
let waker = null;

export function token() {
  return sessionStorage.getItem(KEY) || "";
}

export function setToken(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  waker?.();
}

function headers(given) {
  return given ? { Authorization: `Bearer ${given}` } : {};
}

/** The answer of the front as {status, value}; throws only when no front answers. */
export async function ask(path, { method = "GET", body = null, using = token() } = {}) {
  const request = { method, headers: headers(using), cache: "no-store", signal: AbortSignal.timeout(10000) };
  if (body !== null) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, request);
  let value = {};
  try {
    value = await answer.json();
  } catch {
    value = {};
  }
  return { status: answer.status, value };
}

/** What is at `path`, or null when the front does not say it. */
export async function get(path) {
  try {
    const { status, value } = await ask(path);
    return status === 200 ? value : null;
  } catch {
    return null;
  }
}

function sleep(milliseconds) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    waker = () => {
      clearTimeout(timer);
      done();
    };
  });
}

const SILENT = 20000; // the front says something every second, and a comment every 15 s
const SLOWEST = 4000;

/**
 * Follow the stream for ever. `told(kind, value)` gets each message; `state(word)` gets "live",
 * "away" (it is tried again) or "locked" (the token is asked for).
 */
export async function follow(told, state) {
  let last = "";
  let wait = 250;
  for (;;) {
    let status = 0;
    try {
      status = await once(told, state, () => last, (id) => (last = id), () => (wait = 250));
    } catch {
      status = 0;
    }
    state(status === 401 ? "locked" : "away");
    await sleep(status === 401 ? 3600000 : wait * (0.75 + Math.random() / 2));
    wait = Math.min(2 * wait, SLOWEST);
  }
}

async function once(told, state, last, remember, well) {
  const abort = new AbortController();
  let watch = setTimeout(() => abort.abort(), SILENT);
  try {
    const known = last() ? { "Last-Event-ID": last() } : {};
    const answer = await fetch("/api/v1/stream", {
      headers: { ...headers(token()), ...known },
      cache: "no-store",
      signal: abort.signal,
    });
    if (!answer.ok) return answer.status;
    state("live");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 200;
      clearTimeout(watch);
      watch = setTimeout(() => abort.abort(), SILENT);
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const fields = Object.fromEntries(
          part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
        );
        if (fields.id) remember(fields.id);
        if (fields.data) {
          well();
          try {
            told(fields.event, JSON.parse(fields.data));
          } catch (error) {
            reportError(error); // a bug of ours is no reason to come again and again
          }
        }
      }
    }
  } finally {
    clearTimeout(watch);
    abort.abort();
  }
}
