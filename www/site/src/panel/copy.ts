// A text into the clipboard; where a page may not use it (no secure context), the field with the text is selected
// instead, to be copied by hand. Resolves with whether it is copied.
export async function copyText(text: string, fieldId: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.getElementById(fieldId);
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) {
      field.focus();
      field.select();
    }
    return false;
  }
}
