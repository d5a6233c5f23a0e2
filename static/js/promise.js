// Reads which chats a preview has promised (console/sends/plan/promise.py): base64 of compressed JSON.

export async function readPromise(written) {
  if (!written) return null;
  const text = atob(written.replaceAll("-", "+").replaceAll("_", "/"));
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { ready, skipped } = await new Response(stream).json();
  return new Set([...Object.values(ready).flat(), ...skipped]);
}
