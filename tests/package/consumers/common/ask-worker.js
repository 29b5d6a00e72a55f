// Hands a page's task to a worker, and gives what it answers.
export function askWorker(worker, task) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
    worker.postMessage({ ...task, baseUrl: new URL(task.baseUrl, location.href).href });
  });
}
