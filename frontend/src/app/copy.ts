/** Whether the text is on the clipboard now. Browsers offer none over plain HTTP, and may refuse it elsewhere. */
export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // the caller shows the text, to be copied by hand
  }
}
