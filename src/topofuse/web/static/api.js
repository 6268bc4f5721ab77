// The server's interface as the page uses it; every failure is an Error whose message is for a person.

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("The server does not answer: is topofuse serve still running?");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new Error(typeof body?.detail === "string" ? body.detail : `The server answered with status ${response.status}.`);
}

const json = async (request) => (await answer(request)).json();

function form(field, files) {
  const data = new FormData();
  for (const file of files) data.append(field, file, file.name);
  return { method: "POST", body: data };
}

export const health = () => json(fetch("/api/health"));
export const examples = () => json(fetch("/api/examples"));
export const predict = (files) => json(fetch("/api/predict", form("files", files)));
export const compute = (file) => json(fetch("/api/compute", form("file", [file])));
export const computation = (id) => json(fetch(`/api/compute/${id}`));
export const cancelComputation = (id) => json(fetch(`/api/compute/${id}`, { method: "DELETE" }));
export const material = (file) => json(fetch("/api/material", form("file", [file])));

export async function exampleFile(example) {
  const text = await (await answer(fetch(`/api/examples/${encodeURIComponent(example.formula)}`))).text();
  return new File([text], example.file);
}
