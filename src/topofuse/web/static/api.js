// The server's interface as the page uses it; every failure is an Error whose message is for a person.

const ATTEMPTS = 6; // at a request for which the server has no room
const LONGEST = 20; // seconds between two of them
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

// The answer to a request; where the line of the server is full, it is asked again when it says (Retry-After).
async function answer(address, options) {
  for (let attempt = 1; ; attempt++) {
    let response;
    try {
      response = await fetch(address, options);
    } catch {
      throw new Error("The server does not answer: is topofuse serve still running?");
    }
    if (response.ok) return response;
    const wait = Number(response.headers.get("Retry-After"));
    if (response.status === 503 && wait > 0 && attempt < ATTEMPTS) {
      await pause(Math.min(wait, LONGEST));
      continue;
    }
    const body = await response.json().catch(() => null);
    throw new Error(typeof body?.detail === "string" ? body.detail : `The server answered with status ${response.status}.`);
  }
}

const json = async (address, options) => (await answer(address, options)).json();

function form(field, files) {
  const data = new FormData();
  for (const file of files) data.append(field, file, file.name);
  return { method: "POST", body: data };
}

export const health = () => json("/api/health");
export const examples = () => json("/api/examples");
export const predict = (files) => json("/api/predict", form("files", files));
export const material = (file) => json("/api/material", form("file", [file]));
export const compute = (file) => json("/api/compute", form("file", [file]));
export const computation = (id) => json(`/api/compute/${id}`);
export const cancelComputation = (id) => json(`/api/compute/${id}`, { method: "DELETE" });

export const atlas = () => json("/api/atlas");
export const atlasRows = (conditions) => json(`/api/atlas/rows?${new URLSearchParams(conditions)}`);
export const atlasCells = (conditions) => json(`/api/atlas/cells?${new URLSearchParams(conditions)}`);
export const atlasRow = (id) => json(`/api/atlas/rows/${encodeURIComponent(id)}`);

export async function exampleFile(example) {
  const text = await (await answer(`/api/examples/${encodeURIComponent(example.formula)}`)).text();
  return new File([text], example.file);
}
