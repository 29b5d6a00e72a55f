// What every page does: takes its task from the address, and writes what came of it into the document.

export async function show(work) {
  const query = new URLSearchParams(location.search);
  let result;
  try {
    result = await work({ baseUrl: query.get("base") ?? "/", id: query.get("id") });
  } catch (error) {
    result = { error: { name: error.name, code: error.code, message: error.message, stack: error.stack } };
  }
  const output = document.createElement("pre");
  output.id = "result";
  output.textContent = JSON.stringify(result);
  document.body.append(output);
}
